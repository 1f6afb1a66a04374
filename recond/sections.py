"""The tables of recond.toml, one class each: what their keys mean and what a new home has."""

from __future__ import annotations

import datetime as dt
from fnmatch import fnmatchcase
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recond.matching.policy import Amount
from recond.posting import Chart

MONTH_DAY = r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"


class Section(BaseModel):
    """A table of recond.toml: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Database(Section):
    """`[database]`: where the books are kept."""

    url: str = "sqlite:///recond.db"  # a relative file stands in the home


class Inbox(Section):
    """`[[inbox]]`: a folder of the home's `inbox/` and what may arrive in it."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    formats: tuple[str, ...] = ()  # empty: every format that names this inbox


class PaymentSource(Section):
    """`[[source]]`: payment files that have something in common; the first that fits counts. With
    `bank_accounts` it is the lines of these accounts in a statement, and not the whole file."""

    name: str
    inbox: str | None = None  # of this inbox
    format: str | None = None  # read by this format
    files: str = "*"  # with a name like this, case-blind
    bank_accounts: tuple[str, ...] = ()  # lines of these accounts; empty: whole files
    # billing: the billing system posts these payments itself (contract section 4)
    posted_by: Literal["recond", "billing"] = "recond"
    pays_only: tuple[str, ...] = ()  # charge types that this money may pay; empty: all

    def takes(
        self, inbox: str, fmt: str | None, name: str, bank_account: str | None = None
    ) -> bool:
        """Whether a file is of this source, or with `bank_account` its lines of that account."""
        return (
            self.inbox in {None, inbox}
            and self.format in {None, fmt}
            and fnmatchcase(name.casefold(), self.files.casefold())
            and (not self.bank_accounts or bank_account in self.bank_accounts)
        )

    @model_validator(mode="after")
    def _lines_are_posted_here(self) -> Self:
        if self.bank_accounts and self.posted_by != "recond":
            raise ValueError(
                f"source {self.name}: posted_by is said of whole files, not of bank_accounts"
            )
        return self


class Receivables(Section):
    """`[receivables]`: when a file of the billing system is believed."""

    manifest: Literal["optional", "required"] = "optional"
    manifest_wait_minutes: int = Field(default=60, ge=0)
    accounts_fall_percent: int = Field(default=5, ge=0, le=100)
    open_move_percent: int = Field(default=30, ge=0)


class Matching(Section):
    """`[matching]`: what the cascade may do by itself."""

    duplicate_window_days: int = Field(default=10, ge=0)
    large_amount: Amount = 100_000_00
    ocr_repair: bool = False
    payer_memory: bool = False
    payer_memory_months: int = Field(default=24, ge=1, le=240)
    chunk_receipts: int = Field(default=200_000, ge=1_000)


class Unclaimed(Section):
    """`[unclaimed]`: when money that nobody claims is abandoned (domain E52)."""

    years: int = Field(default=3, ge=1)
    # what is dormant by the one day is reported before the other one of the same year (MM-DD)
    dormant_by: str = Field(default="06-30", pattern=MONTH_DAY)
    report_by: str = Field(default="11-01", pattern=MONTH_DAY)
    letter_days_most: int = Field(default=120, ge=0)  # before the report the owner is written to,
    letter_days_least: int = Field(default=60, ge=0)  # at most and at least so many days

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.dormant_by > self.report_by:
            raise ValueError("report_by is before dormant_by")
        if self.letter_days_least > self.letter_days_most:
            raise ValueError("letter_days_least is more than letter_days_most")
        return self


# The accounts of a new home stand in posting, which posts to them.
_CHART = Chart()
_CLEARING = dict(_CHART.clearing)


class Gl(Section):
    """`[gl]`: the GL accounts of the pool fund and of the other funds."""

    pool_fund: str = _CHART.pool_fund
    bank: str = _CHART.bank
    lockbox_clearing: str = _CLEARING["LOCKBOX"]
    ach_clearing: str = _CLEARING["ACH_CREDIT"]
    card_clearing: str = _CLEARING["CARD"]
    counter_clearing: str = _CLEARING["CASHIER"]
    due_to_funds: str = _CHART.due_to_funds
    suspense: str = _CHART.suspense
    customer_credit: str = _CHART.customer_credit
    refunds_payable: str = _CHART.refunds_payable
    cash_over: str = _CHART.cash_over
    cash_short: str = _CHART.cash_short
    fees: str = _CHART.fees  # of banks and card processors
    convenience_fees: str = _CHART.convenience_fees  # that a card processor passes on
    equity_in_pool: str = _CHART.equity_in_pool
    receivables: str = _CHART.receivables
    billing_contra: str = _CHART.billing_contra
    write_off: str = _CHART.write_off  # allowance for what is written off, in each fund
    # in each fund: what agencies keep of what they collect, and deposits held for customers
    collection_fees: str = _CHART.collection_fees
    customer_deposits: str = _CHART.customer_deposits


class Roles(Section):
    """`[roles]`: who may do what with questions; `*` is any user of the machine."""

    clerk: tuple[str, ...] = ("*",)
    approver: tuple[str, ...] = ("*",)  # of what another person asked for, never of one's own
    supervisor: tuple[str, ...] = ()
    auditor: tuple[str, ...] = ()  # reads; answers and approves nothing
    # operating-system user → names that `--as` may give: a web server that knows its people
    acts_for: dict[str, tuple[str, ...]] = {}
    # person → account numbers that are theirs: what touches those needs another person
    own_accounts: dict[str, tuple[str, ...]] = {}


class Limits(Section):
    """`[limits]`: from which amounts answers need other people, and what is too much."""

    approval_from: Amount = 10_000_00  # accept, assign, split, on_account, duplicate
    refund_two_over: Amount | None = None  # sum of a person's or account's 30 days: two approvals
    write_off_two_over: Amount | None = None
    refund_minimum: Amount = 0
    refund_wait_days: int = Field(default=0, ge=0)  # of checks, so that returns can arrive
    clerk_day: Amount | None = None  # refunds and write-offs that one person may ask for
    clerk_month: Amount | None = None


class Queue(Section):
    """`[queue]`: when work lists are written by themselves, and when a question is overdue."""

    export_at: str = Field(default="", pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$")
    due_days: int = Field(default=5, ge=0)
    large_from: Amount = 1_000_00
    large_due_days: int = Field(default=2, ge=0)  # of questions over so much
    draft_refunds: bool = False  # of money for closed accounts

    def overdue(self, age_days: int, cents: int | None) -> bool:
        """Whether a question of that age over that amount should have been answered."""
        large = cents is not None and abs(cents) >= self.large_from
        return age_days > (self.large_due_days if large else self.due_days)


class Delegation(Section):
    """`[[delegation]]`: one person's role, lent to another for some days."""

    giver: str
    taker: str
    role: Literal["approver", "supervisor"]
    begin: dt.date
    end: dt.date


class Days(Section):
    """`[calendar]`: on which days banks and the office work."""

    bank_holidays: Literal["FED", "none"] = "FED"
    city_holidays: tuple[dt.date, ...] = ()
    fiscal_year_end: str = Field(default="06-30", pattern=MONTH_DAY)


class Clearing(Section):
    """`[clearing]`: how deposits meet the lines of bank statements."""

    late_days: int = Field(default=3, ge=0)  # bank days until a deposit is asked about
    days_before: int = Field(default=2, ge=0)  # a line may come so many bank days early
    days_after: int = Field(default=5, ge=0)  # and so many late
    fee_codes: tuple[str, ...] = ("661", "698")  # type codes that are fees of the bank
    deposit_days: int = Field(default=1, ge=0)  # office days until a bag must be at the bank


class Ach(Section):
    """`[ach]`: which ACH files are the office's own."""

    company_ids: tuple[str, ...] = ()  # debits of these companies are payments (autopay)


class Merchant(Section):
    """`[[merchant]]`: how a card processor settles."""

    merchant_id: str
    model: Literal["net", "gross"] = "net"
    lag_days: int = Field(default=0, ge=0)  # bank days from settlement to credit
    by_brand: bool = False  # each brand of a batch is a credit of its own
    rounding: Amount = 0  # as much may a credit differ; the difference is a fee
    convenience_fees: Literal["kept", "passed_on"] = "kept"


class ReturnFee(Section):
    """`[[return_fee]]`: what a payer is charged for a returned payment; the first that fits."""

    codes: tuple[str, ...] = ("*",)  # reason or type codes, `R0*`
    amount: Amount


class CashOnly(Section):
    """`[[cash_only]]`: from so many returns within so many days on, only cash for so long."""

    returns: int = Field(ge=1)
    within_days: int = Field(ge=1)
    for_days: int = Field(ge=1)


class Retention(Section):
    """`[[retention]]`: how long the bytes of files are kept; the first that fits counts."""

    series: str = Field(min_length=1)
    inboxes: tuple[str, ...] = ()  # files of these inboxes; empty: of all
    years: int = Field(ge=0)  # after the end of the fiscal year, at least
    most_years: int | None = Field(default=None, ge=0)  # and at most
    cite: str = ""

    @model_validator(mode="after")
    def _most_is_more(self) -> Self:
        if self.most_years is not None and self.most_years < self.years:
            raise ValueError("most_years is less than years")
        return self


class Expectation(Section):
    """`[[expect]]`: a file that has to come on every one of its days."""

    name: str
    inbox: str
    begin: dt.date  # the first day of which it is expected
    files: str = "*"  # with a name like this, case-blind
    days: Literal["bank", "office", "every"] = "bank"
    after_days: int = Field(default=0, ge=0)  # bank days behind its day until it is due
    by: dt.time = dt.time(23, 59)  # of that day, where the office is


class Filing(Section):
    """`[[filing]]`: accounts that say themselves what they owe for a month, and pay it by a day of
    the next one (taxes, shares of gross)."""

    name: str
    begin: str = Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")  # the first month of which they file
    charge_types: tuple[str, ...] = Field(min_length=1)  # what they file; the first is assessed
    accounts: tuple[str, ...] = ()
    family: str = ""  # every account of this family
    due_day: int = Field(default=20, ge=1, le=28)
    self_assessed: bool = False  # what they pay without a bill is owed because they pay it

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if bool(self.accounts) == bool(self.family):
            raise ValueError("give either accounts or family")
        return self
