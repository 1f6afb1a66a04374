"""Proof of cash: from the records of files to the lines of the bank, a row a day and bank account.

received = applied + on account + suspense + returned + refunded, and
received + over and short + fees + withheld + taken back - not deposited = deposited, and
deposited - bank = in transit + bank error + missing.

Nothing else may differ: what does stands in `difference` (contract section 5, domain E61). Each sum
that explains one is the sum of its items (`items`), which have the ids to look further.
"""
