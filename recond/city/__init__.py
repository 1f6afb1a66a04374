"""A seeded city: accounts, bills, payers and the files of a month, with the truth about them.

It imports nothing else of recond, so that what it says about a month is independent of what
recond makes of its files.
"""

from recond.city.generate import generate
from recond.city.truth import Truth

__all__ = ["Truth", "generate"]
