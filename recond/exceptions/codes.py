"""The one list of codes for problems (of files) and questions (for clerks).

One code, one sentence, one severity, one scope, the answers it takes. A *problem* is found in a
file; a *question* (exception) waits for a person. Many codes are both: a problem of severity
`error` holds what its scope names and opens the question of the same code.

severity  error: holds its scope · question: posts what is sure, asks about the rest ·
          warning: accepted, shown · note: told once
scope     FILE the whole file · BATCH that batch alone · ITEM one receipt or record
"""

from __future__ import annotations

from dataclasses import dataclass

FILE_ANSWERS = ("accept", "reject")
SUSPENSE_ANSWERS = (
    "accept_1", "accept_2", "accept_3", "assign", "split", "on_account", "refund",
    "return_item", "duplicate", "hold",
)  # fmt: skip
FLAG_ANSWERS = (
    "acknowledge", "accept_1", "assign", "split", "on_account", "refund", "write_off", "hold",
)  # fmt: skip
CREDIT_ANSWERS = (
    "accept_1", "accept_2", "accept_3", "assign", "split", "on_account", "refund", "hold",
)  # fmt: skip
BANK_ANSWERS = ("link", "acknowledge", *(a for a in SUSPENSE_ANSWERS if a != "return_item"))


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means: its sentence, severity, scope and the answers a clerk may give."""

    code: str
    severity: str
    scope: str
    sentence: str
    answers: tuple[str, ...] = ()


_LIST = (
    # the file as a whole
    Code("EMPTY_FILE", "error", "FILE", "The file has no bytes.", ("reject",)),
    Code("UNKNOWN_FORMAT", "error", "FILE", "No format of this inbox claims the file.", ("reject",)),
    Code("AMBIGUOUS_FORMAT", "error", "FILE", "Two or more formats claim the file.", ("reject",)),
    Code("NOT_A_FILE", "error", "FILE", "Only plain files are read; links, pipes and devices are not.", ("reject",)),
    Code("LATE_BYTES", "error", "FILE", "The file changed after it was taken; both versions are kept.", FILE_ANSWERS),
    Code("FILE_FAILED", "error", "FILE", "recond itself failed on the file; nothing of it was posted.", ("reject",)),
    Code("FILE_TOO_LARGE", "error", "FILE", "The file is larger than this inbox allows.", ("reject",)),
    Code("PACKED_BROKEN", "error", "FILE", "The packed file is damaged or packed in a way that is not read.", ("reject",)),
    Code("PACKED_TOO_LARGE", "error", "FILE", "Unpacked, the file is larger than allowed or than its packed size can explain.", ("reject",)),
    Code("PACKED_NESTED", "error", "FILE", "Inside the packed file stands a packed file.", ("reject",)),
    Code("PACKED_ENCRYPTED", "error", "FILE", "The packed file is encrypted.", ("reject",)),
    Code("PACKED_MEMBERS", "error", "FILE", "The packed file does not hold exactly one file.", ("reject",)),
    Code("FILE_TRUNCATED", "error", "FILE", "The file ends before its trailer.", ("reject",)),
    Code("FILE_STRUCTURE", "error", "FILE", "Records stand in an order that the format does not allow.", ("reject",)),
    Code("RECORD_UNREADABLE", "error", "FILE", "A record cannot be read as the format says.", ("reject",)),
    Code("RECORD_LENGTH", "error", "FILE", "A record is longer or shorter than the format allows.", ("reject",)),
    Code("RECORD_TOO_LONG", "error", "FILE", "A line is longer than any record may be.", ("reject",)),
    Code("NUL_BYTES", "error", "FILE", "The file holds NUL bytes.", ("reject",)),
    Code("ENCODING_WRONG", "error", "FILE", "Bytes of the file are not of the declared encoding.", ("reject",)),
    Code("HEADER_WRONG", "error", "FILE", "The header has a value that the format does not allow.", ("reject",)),
    Code("COLUMN_MISSING", "error", "FILE", "A required column is missing.", ("reject",)),
    Code("COLUMN_UNKNOWN", "note", "FILE", "Columns that the format does not know are ignored."),
    Code("VALUE_UNREADABLE", "error", "FILE", "A value cannot be read as its type.", ("reject",)),
    Code("AMOUNT_OUT_OF_RANGE", "error", "FILE", "An amount is larger than any payment may be.", ("reject",)),
    Code("FILE_TOTAL_WRONG", "error", "FILE", "The file's total is not the sum of what it holds.", FILE_ANSWERS),
    Code("FILE_COUNT_WRONG", "error", "FILE", "The file's count is not the number of its records.", FILE_ANSWERS),
    Code("FILE_HASH_WRONG", "error", "FILE", "The file's entry hash is not that of its entries.", FILE_ANSWERS),
    Code("TRANSMISSION_CONFLICT", "error", "FILE", "This transmission came before with other bytes.", FILE_ANSWERS),
    Code("SUSPECTED_RESEND", "error", "FILE", "The same detail records came before in another wrapper.", FILE_ANSWERS),
    Code("SNAPSHOT_IMPLAUSIBLE", "error", "FILE", "Accounts or open total moved more than a day can explain.", FILE_ANSWERS),
    Code("SNAPSHOT_TOTAL_WRONG", "error", "FILE", "The receivables are not what their manifest declares.", FILE_ANSWERS),
    Code("SNAPSHOT_SEQUENCE", "error", "FILE", "The receivables do not follow the last snapshot.", FILE_ANSWERS),
    Code("MANIFEST_MISSING", "error", "FILE", "The file waits for its manifest.", FILE_ANSWERS),
    Code("MANIFEST_WRONG", "error", "FILE", "The manifest cannot be read.", ("reject",)),
    Code("CHARGE_TYPE_UNKNOWN", "error", "FILE", "A charge type is not in recond.toml.", ("reject",)),
    Code("ACCOUNT_STATUS_UNKNOWN", "error", "FILE", "An account status is not one that recond knows.", ("reject",)),
    Code("ROW_REPEATED", "error", "FILE", "The same item or account stands twice in one file.", ("reject",)),
    Code("CURRENCY_WRONG", "error", "FILE", "The file is in another currency.", ("reject",)),
    Code("CURRENCY_OTHER", "warning", "FILE", "An account is in another currency; its lines are shown and never posted."),
    Code("OPEN_BELOW_ZERO", "question", "FILE", "What recond posted is more than the billing system shows as open; shown as zero.", ("acknowledge", "hold")),
    Code("RECORD_PADDED", "warning", "FILE", "Records were shorter than the format says and were padded."),
    Code("BLOCKING_WRONG", "warning", "FILE", "The file is not blocked as the format says."),
    Code("CHARACTER_REPLACED", "warning", "FILE", "A character of a name could not be decoded and was replaced."),
    Code("DATE_UNUSUAL", "warning", "FILE", "A date is not one of the calendar or far from today."),
    Code("EXTRA_FIELD", "warning", "FILE", "A record has a field too many, which is ignored."),
    Code("RECORD_DEVIATES", "warning", "FILE", "A record deviates from the format in a way that banks are known for."),
    Code("ORIGINATOR_MISMATCH", "warning", "FILE", "Header and control name different companies."),
    Code("CHECK_DIGIT_WRONG", "warning", "FILE", "A routing number fails its check digit."),
    Code("TRACE_REPEATED", "warning", "FILE", "Trace numbers repeat or do not ascend."),
    Code("CODE_UNKNOWN", "warning", "FILE", "A code is not in the format's list."),
    Code("SUMMARY_DIFFERS", "warning", "FILE", "A summary amount is not the sum of its details."),
    Code("REPEATED_BOX_DAY", "warning", "FILE", "A lockbox, day and batch came before in another transmission."),
    Code("CONTROL_WAIVED", "warning", "FILE", "A control that the format file waives did not hold."),
    Code("NO_STATEMENT", "error", "FILE", "The file is of a bank's format and holds no statement.", ("reject",)),
    Code("BANK_REFUSED", "error", "FILE", "The bank answered with an error and not with a statement.", ("reject",)),
    Code("BALANCE_WRONG", "error", "FILE", "Opening balance and lines of a statement do not make its closing balance.", FILE_ANSWERS),
    Code("LINE_REPEATED", "error", "FILE", "Two lines of a statement have the same identity.", FILE_ANSWERS),
    Code("STATEMENT_CHAIN_BROKEN", "question", "FILE", "A statement does not open with the balance that the one before it closed with.", ("acknowledge", "hold")),
    Code("STATEMENT_SEQUENCE", "warning", "FILE", "Statement numbers of an account do not follow each other."),
    Code("STATEMENT_NUMBER_GAP", "question", "FILE", "Numbers of an account's statements are missing, though the balances join.", ("acknowledge", "hold")),
    Code("STATEMENT_NUMBER_REPEATED", "question", "FILE", "Two different statements of an account have one number.", ("acknowledge", "hold")),
    Code("LINE_CORRECTED", "question", "FILE", "The bank corrects an earlier line; the correction is shown and never posted.", ("acknowledge", "hold")),
    Code("STATEMENT_NOT_FINAL", "question", "FILE", "A deletion, correction or test statement is shown and never posted.", ("acknowledge", "hold")),
    Code("PERIOD_CLOSED", "error", "FILE", "The month of the business date is closed; nothing can be posted.", FILE_ANSWERS),
    Code("CODE_WITHOUT_DIRECTION", "question", "FILE", "A transaction has an amount and a type code that does not say whether it came or went; it is shown in no line.", ("acknowledge", "hold")),
    Code("FRACTION_OF_CENT", "question", "FILE", "An amount has fractions of a cent; it is shown rounded and never posted.", ("acknowledge", "hold")),
    Code("GROUP_COUNT_WRONG", "error", "FILE", "A group declares another number of transaction sets than it has.", FILE_ANSWERS),
    Code("GROUP_NUMBER_WRONG", "error", "FILE", "The trailer of a group has not the number of its header.", ("reject",)),
    Code("INTERCHANGE_COUNT_WRONG", "error", "FILE", "An interchange declares another number of groups than it has.", FILE_ANSWERS),
    Code("INTERCHANGE_NUMBER_WRONG", "error", "FILE", "The trailer of an interchange has not the number of its header.", ("reject",)),
    Code("SET_REPEATED", "error", "FILE", "A transaction set has the number of another set of its group.", FILE_ANSWERS),
    Code("SET_NOT_READ", "error", "FILE", "A transaction set is neither a payment nor a remittance.", ("reject",)),
    Code("ACKNOWLEDGEMENT", "note", "FILE", "An acknowledgement is kept; it holds no payments."),
    Code("NO_ACTIVITY", "note", "FILE", "The file says that there was no activity."),
    # the billing system and its answers
    Code("POSTING_UNKNOWN", "question", "FILE", "A posting is named that stands in no posting file.", ("acknowledge", "hold")),
    Code("SNAPSHOT_DRIFT", "question", "MASTER", "Two snapshots show an item open that acknowledged postings have paid.", ("acknowledge", "hold")),
    Code("POSTING_REJECTED", "question", "ITEM", "The billing system rejected a posting; its money waits in suspense.", SUSPENSE_ANSWERS),
    Code("REVERSAL_REJECTED", "question", "ITEM", "The billing system rejected a posting that takes money back.", ("acknowledge", "hold")),
    Code("ACK_CONTRADICTS", "question", "FILE", "An answer contradicts an earlier one about the same posting.", ("acknowledge", "hold")),
    Code("ACK_MISSING", "question", "FILE", "A posting file is not answered by 09:00 of the next business day.", ("acknowledge", "hold")),
    Code("REFUND_REJECTED", "question", "ITEM", "Accounts payable rejected a refund; its money waits in suspense.", SUSPENSE_ANSWERS),
    Code("STOP_REJECTED", "question", "ITEM", "Accounts payable paid a refund that was taken back here.", FLAG_ANSWERS),
    Code("PLACEMENT_REJECTED", "question", "MASTER", "The collection agency rejected a debt, or what it was told of one.", ("acknowledge", "hold")),
    Code("UNCLAIMED_ANSWERED", "question", "ITEM", "The owner of old credit answered the letter; the money stands on account.", CREDIT_ANSWERS),
    Code("JOURNAL_REJECTED", "question", "FILE", "The ERP rejected a journal.", ("acknowledge", "hold")),
    Code("FILE_MISSING", "question", "FILE", "A file that has to come is not here by its time.", ("acknowledge", "hold")),
    Code("FILING_WITHOUT_PAYMENT", "question", "MASTER", "What an account filed for a month is not paid by its day.", ("acknowledge", "hold")),
    Code("PAYMENT_WITHOUT_FILING", "question", "MASTER", "An account paid for a month and no statement says what for.", ("acknowledge", "hold")),
    Code("REMITTANCE_EXPECTED", "question", "MASTER", "An account neither filed nor paid for a month by its day.", ("acknowledge", "hold")),
    Code("ACK_STATUS_UNKNOWN", "error", "FILE", "The status of an acknowledgement is not one that recond knows.", ("reject",)),
    # a batch
    Code("BATCH_TOTAL_WRONG", "error", "BATCH", "The batch's total is not the sum of its items.", FILE_ANSWERS),
    Code("BATCH_COUNT_WRONG", "error", "BATCH", "The batch's count is not the number of its items.", FILE_ANSWERS),
    Code("BATCH_HASH_WRONG", "error", "BATCH", "The batch's entry hash is not that of its entries.", FILE_ANSWERS),
    Code("BATCH_STRUCTURE", "error", "BATCH", "The batch's records contradict each other.", FILE_ANSWERS),
    Code("BATCH_UNREADABLE", "error", "BATCH", "A record of the batch cannot be read.", ("reject",)),
    Code("SET_COUNT_WRONG", "error", "BATCH", "A transaction set declares another number of segments than it has.", FILE_ANSWERS),
    Code("SET_NUMBER_WRONG", "error", "BATCH", "The end of a transaction set has not the number of its beginning.", FILE_ANSWERS),
    Code("DEPOSIT_TOTAL_WRONG", "error", "BATCH", "The total of a batch's deposit is not the sum of its checks.", FILE_ANSWERS),
    Code("DEPOSIT_COUNT_WRONG", "error", "BATCH", "A count of a batch's deposit is not what it holds.", FILE_ANSWERS),
    Code("ADVICE_SUM_WRONG", "question", "BATCH", "The lines of a remittance advice do not add up to its payment.", ("acknowledge", "hold")),
    Code("DUPLICATE_BATCH", "error", "BATCH", "Every item of the batch repeats an item of a posted batch.", FILE_ANSWERS),
    Code("BATCH_WARNING", "warning", "BATCH", "The batch deviates in a way that changes no money."),
    Code("NOT_YET_HANDLED", "question", "BATCH", "Debits of others, prenotes and advices of the batch are kept and wait.", ("hold",)),
    # one receipt or record
    Code("RECEIPT_CONFLICT", "error", "ITEM", "This receipt number came before with other content.", ("accept", "reject")),
    Code("BANK_LINE_CONFLICT", "question", "ITEM", "A bank line came before with other content; it is shown and never posted.", ("acknowledge", "hold")),
    Code("VOID_NOT_APPROVED", "question", "ITEM", "A void has no approver.", ("acknowledge", "link", "hold")),
    Code("VOID_WITHOUT_ORIGINAL", "question", "ITEM", "A void names a receipt that is not known.", ("acknowledge", "link", "hold")),
    Code("VOID_AMOUNT_WRONG", "question", "ITEM", "A void is for another amount than its receipt.", ("acknowledge", "link", "hold")),
    Code("VOID_NOT_POSSIBLE", "question", "ITEM", "A void names a receipt that was voided, returned or refunded before.", ("acknowledge", "link", "hold")),
    Code("VOID_CONFLICT", "question", "ITEM", "The number of a void came before with other content; the void is held.", ("acknowledge", "link", "hold")),
    Code("AMOUNT_NOT_POSITIVE", "question", "ITEM", "The amount of a payment is zero or negative.", ("acknowledge", "hold")),
    Code("REMITTANCE_UNREADABLE", "question", "ITEM", "The remittance of a payment cannot be read.", SUSPENSE_ANSWERS),
    Code("NO_REFERENCE", "question", "ITEM", "Nothing says what the payment is for.", SUSPENSE_ANSWERS),
    Code("ACCOUNT_NOT_FOUND", "question", "ITEM", "No account, item or bill has this reference.", SUSPENSE_ANSWERS),
    Code("CHECK_DIGIT_FAILED", "question", "ITEM", "The scan line fails its check digit.", SUSPENSE_ANSWERS),
    Code("AMBIGUOUS_REFERENCE", "question", "ITEM", "The reference fits more than one account.", SUSPENSE_ANSWERS),
    Code("REFERENCES_CONTRADICT", "question", "ITEM", "The references name different accounts.", SUSPENSE_ANSWERS),
    Code("REMITTANCE_SUM_WRONG", "question", "ITEM", "What the references name does not add up to the payment.", SUSPENSE_ANSWERS),
    Code("ACCOUNT_CLOSED", "question", "ITEM", "The account is closed; the money stands on account.", CREDIT_ANSWERS),
    Code("ACCOUNT_IN_BANKRUPTCY", "question", "ITEM", "The account is in bankruptcy; the money waits in suspense.", SUSPENSE_ANSWERS),
    Code("SUSPECTED_DUPLICATE_PAYMENT", "question", "ITEM", "An equal payment for the account came a short time before; both are posted.", ("duplicate", "not_duplicate", "refund", "hold")),
    Code("EXACT_AMOUNT_REQUIRED", "question", "ITEM", "A charge that is only paid in full would be paid in part.", SUSPENSE_ANSWERS),
    Code("OVERPAID", "question", "ITEM", "What a payment leaves over waits in suspense, as the policy of its accounts says.", SUSPENSE_ANSWERS),
    Code("RESTRICTED_MONEY_LEFT", "question", "ITEM", "Money that may only pay some charges finds none of them; it waits in suspense.", SUSPENSE_ANSWERS),
    Code("PRIOR_OWNER_BALANCE", "question", "ITEM", "An account owes something of somebody who had it before; no payment for the account pays that.", SUSPENSE_ANSWERS),
    Code("SMALL_BALANCE_WRITTEN_OFF", "question", "ITEM", "A policy writes off the little that a payment left open; told and done at once.", ("acknowledge",)),
    Code("KEYING_SUSPECTED", "question", "ITEM", "The payment looks like the amount due with a digit keyed wrongly; it is posted as read.", FLAG_ANSWERS),
    Code("CASH_ONLY_ACCOUNT", "question", "ITEM", "The account takes only cash for a time; the payment is posted all the same.", FLAG_ANSWERS),
    Code("LARGE_AMOUNT", "question", "ITEM", "The payment is unusually large; it is posted.", FLAG_ANSWERS),
    Code("ARRANGEMENT_AT_RISK", "question", "ITEM", "A payment leaves an installment of an arrangement short.", FLAG_ANSWERS),
    Code("BANK_CREDIT_UNMATCHED", "question", "BANK", "The bank credited money that no deposit explains; it waits in suspense.", BANK_ANSWERS),
    Code("BANK_CREDIT_REPEATED", "question", "BANK", "The bank credited the same money again; it waits in suspense.", BANK_ANSWERS),
    Code("CLEARING_AMBIGUOUS", "question", "BANK", "A bank credit fits more than one deposit; it waits in suspense.", BANK_ANSWERS),
    Code("CREDIT_ELSEWHERE", "question", "BANK", "A bank credit has the amount of a deposit and names another source; it waits in suspense.", BANK_ANSWERS),
    Code("BANK_DEBIT_UNKNOWN", "question", "BANK", "The bank took money and nothing explains it.", ("link", "acknowledge", "hold")),
    Code("DEPOSIT_NOT_CREDITED", "question", "BANK", "A deposit is on no statement days after it was expected.", ("link", "acknowledge", "hold")),
    Code("DEPOSIT_AMOUNT_DIFFERS", "question", "BANK", "The bank credited another amount than was deposited.", ("link", "acknowledge", "hold")),
    # what comes back
    Code("RETURN_NOT_FOUND", "question", "RETURN", "Nothing says which payment a returned item was.", ("link", "acknowledge", "hold")),
    Code("RETURN_REPEATED", "question", "RETURN", "A payment is returned that was returned or voided before.", ("link", "acknowledge", "hold")),
    Code("RETURN_AFTER_REFUND", "question", "RETURN", "A payment is returned of which some was refunded before.", ("acknowledge", "hold")),
    Code("NOTICE_OF_CHANGE", "question", "RETURN", "The ACH network says that a payer's bank data changed.", ("acknowledge", "hold")),
    # the counter
    Code("DRAWER_SHORT", "question", "CASHIER", "A drawer holds less than its receipts say.", ("acknowledge", "hold")),
    Code("DRAWER_OVER", "question", "CASHIER", "A drawer holds more than its receipts say.", ("acknowledge", "hold")),
    Code("DRAWER_COMPOSITION", "question", "CASHIER", "Cash and checks of a drawer are swapped against its receipts; the sum is right.", ("acknowledge", "hold")),
    Code("DRAWER_COUNT_WRONG", "question", "CASHIER", "The denominations of a close are not its counted cash.", ("acknowledge", "hold")),
    Code("DRAWER_NOT_CLOSED", "question", "CASHIER", "A drawer has receipts and its day ended without a close.", ("acknowledge", "hold")),
    Code("CLOSE_CONFLICT", "question", "CASHIER", "A drawer's close came before with other amounts; the earlier one stands.", ("acknowledge", "hold")),
    Code("CLOSE_WITHOUT_RECEIPTS", "question", "CASHIER", "A drawer was closed and none of its receipts came.", ("acknowledge", "hold")),
    Code("RECEIPT_NUMBER_GAP", "question", "CASHIER", "Receipt numbers of a drawer are missing.", ("acknowledge", "hold")),
    Code("DEPOSIT_LATE", "question", "CASHIER", "A bag went to the bank later than the office allows.", ("acknowledge", "hold")),
    Code("WRITTEN_OFF_PAID", "question", "ITEM", "A payment for an account with an agency paid debt that was written off.", ("acknowledge", "hold")),
    Code("REVERSED", "question", "ITEM", "An application was reversed; the money waits in suspense.", SUSPENSE_ANSWERS),
    # what somebody asked for, and another person has to approve
    Code("TRANSFER_REQUESTED", "question", "ITEM", "Somebody asks to move a payment to another account.", ("approve", "deny")),
    Code("RECOVERY_REQUESTED", "question", "ITEM", "Somebody says that a payment is of written-off debt and what an agency kept of it.", ("approve", "deny")),
    Code("DEPOSIT_RELEASE_REQUESTED", "question", "ITEM", "Somebody asks to give back a deposit that is held for a customer.", ("approve", "deny")),
    Code("WRITE_OFF_REQUESTED", "question", "ITEM", "Somebody asks to write off what an account owes.", ("approve", "deny")),
    Code("UNDO_REQUESTED", "question", "ITEM", "Somebody asks to undo what needed another person.", ("approve", "deny")),
)  # fmt: skip

CODES: dict[str, Code] = {code.code: code for code in _LIST}
