"""recond.toml → Settings. Every wrong key or value is named with its place and the nearest right
name; nothing is guessed and nothing unknown is ignored (contract section 2).

Order of precedence: environment (`RECOND_DATABASE__URL`), then recond.toml, then the defaults of
a new home.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from recond.calendar import Calendar
from recond.errors import ConfigError
from recond.matching.policy import Amount, ChargeType, Policy, Rules, ScanLine
from recond.posting import Chart
from recond.tomlcheck import construct, nearest, read_toml

# Names that begin with RECOND_ and are no settings.
OTHER_NAMES = {"RECOND_HOME", "RECOND_NOW", "RECOND_SAMPLES", "RECOND_TEST_POSTGRES"}


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
    """`[[source]]`: payment files that have something in common; the first that fits counts."""

    name: str
    inbox: str | None = None  # of this inbox
    format: str | None = None  # read by this format
    files: str = "*"  # with a name like this, case-blind
    # billing: the billing system posts these payments itself (contract section 4)
    posted_by: Literal["recond", "billing"] = "recond"
    pays_only: tuple[str, ...] = ()  # charge types that this money may pay; empty: all

    def takes(self, inbox: str, fmt: str | None, name: str) -> bool:
        """Whether a file is of this source."""
        return (
            self.inbox in {None, inbox}
            and self.format in {None, fmt}
            and fnmatchcase(name.casefold(), self.files.casefold())
        )


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


class Gl(Section):
    """`[gl]`: the GL accounts of the pool fund and of the other funds."""

    pool_fund: str = "100"
    bank: str = "1010"
    lockbox_clearing: str = "1080"
    ach_clearing: str = "1081"
    card_clearing: str = "1082"
    counter_clearing: str = "1083"
    due_to_funds: str = "2080"
    suspense: str = "2100"
    customer_credit: str = "2110"
    refunds_payable: str = "2120"
    cash_over: str = "4900"
    cash_short: str = "5900"
    fees: str = "5910"  # of banks and card processors
    convenience_fees: str = "4910"  # that a card processor passes on
    equity_in_pool: str = "1110"
    receivables: str = "1200"
    billing_contra: str = "4000"
    write_off: str = "1290"  # allowance for what is written off, in each fund
    collection_fees: str = "5920"  # what agencies keep of what they collect, in each fund
    customer_deposits: str = "2300"  # deposits that are held for customers, in each fund


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


DEFAULT_INBOXES = tuple(
    Inbox(name=name)
    for name in ("receivables", "lockbox", "bank", "ach", "cashier", "card", "acks")
)


class Settings(BaseSettings):
    """Everything that recond.toml says, with the defaults of a new home."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, env_prefix="RECOND_", env_nested_delimiter="__"
    )

    timezone: str = "UTC"
    settle_seconds: int = Field(default=10, ge=0)
    rescan_seconds: int = Field(default=60, ge=1)
    max_file_megabytes: int = Field(default=4096, ge=1)
    acknowledgements: Literal["expected", "none"] = "expected"  # of posting files
    database: Database = Database()
    receivables: Receivables = Receivables()
    matching: Matching = Matching()
    unclaimed: Unclaimed = Unclaimed()
    gl: Gl = Gl()
    roles: Roles = Roles()
    limits: Limits = Limits()
    queue: Queue = Queue()
    delegation: tuple[Delegation, ...] = ()
    calendar: Days = Days()
    clearing: Clearing = Clearing()
    ach: Ach = Ach()
    merchant: tuple[Merchant, ...] = ()
    return_fee: tuple[ReturnFee, ...] = ()
    cash_only: tuple[CashOnly, ...] = ()
    inbox: tuple[Inbox, ...] = DEFAULT_INBOXES
    source: tuple[PaymentSource, ...] = ()
    expect: tuple[Expectation, ...] = ()
    filing: tuple[Filing, ...] = ()
    retention: tuple[Retention, ...] = ()
    charge_type: tuple[ChargeType, ...] = ()
    policy: tuple[Policy, ...] = ()
    scan_line: tuple[ScanLine, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is no time zone of the tz database") from error
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file; no .env and no secrets folder are read."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @model_validator(mode="after")
    def _sources_name_known_charges(self) -> Self:
        known = {charge.code for charge in self.charge_type or Rules().charge_types}
        for source in self.source:
            for code in source.pays_only:
                if code not in known:
                    raise ValueError(f"source {source.name}: no charge type {code}")
        for filing in self.filing:
            for code in filing.charge_types:
                if code not in known:
                    raise ValueError(f"filing {filing.name}: no charge type {code}")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The office's time zone."""
        return ZoneInfo(self.timezone)

    def source_of(self, inbox: str, fmt: str | None, name: str) -> PaymentSource:
        """The source that a file is of; the rules of a new home where none fits."""
        for source in self.source:
            if source.takes(inbox, fmt, name):
                return source
        return PaymentSource(name="")

    def bank_calendar(self) -> Calendar:
        """The days on which banks and the office work."""
        return Calendar.of(self.calendar.bank_holidays, self.calendar.city_holidays)

    def rules(self) -> Rules:
        """What matching may do, from the charge types, policies and scan lines."""
        given: dict[str, Any] = {
            "charge_types": self.charge_type,
            "policies": self.policy,
            "scan_lines": self.scan_line,
        }
        return Rules(
            duplicate_window_days=self.matching.duplicate_window_days,
            large_cents=self.matching.large_amount,
            ocr_repair=self.matching.ocr_repair,
            payer_memory=self.matching.payer_memory,
            payer_memory_months=self.matching.payer_memory_months,
            **{name: value for name, value in given.items() if value},
        )

    def chart(self) -> Chart:
        """The GL accounts that posting uses."""
        gl = self.gl
        clearing = (
            ("LOCKBOX", gl.lockbox_clearing),
            ("ACH_CREDIT", gl.ach_clearing),
            ("ACH_DEBIT", gl.ach_clearing),
            ("CARD", gl.card_clearing),
            ("CASHIER", gl.counter_clearing),
            ("BANK", gl.bank),
        )
        own = tuple(
            (charge.code, charge.gl_account)
            for charge in self.rules().charge_types
            if charge.gl_account != gl.receivables
        )
        return Chart(
            pool_fund=gl.pool_fund,
            bank=gl.bank,
            clearing=clearing,
            due_to_funds=gl.due_to_funds,
            suspense=gl.suspense,
            customer_credit=gl.customer_credit,
            refunds_payable=gl.refunds_payable,
            cash_over=gl.cash_over,
            cash_short=gl.cash_short,
            fees=gl.fees,
            convenience_fees=gl.convenience_fees,
            equity_in_pool=gl.equity_in_pool,
            receivables=gl.receivables,
            billing_contra=gl.billing_contra,
            write_off=gl.write_off,
            collection_fees=gl.collection_fees,
            customer_deposits=gl.customer_deposits,
            receivables_of=own,
            deposits=tuple(c.code for c in self.rules().charge_types if c.kind == "DEPOSIT"),
        )

    def digest(self) -> str:
        """SHA-256 of the effective settings, without the database's address."""
        text = self.model_dump_json(exclude={"database"})
        return sha256(text.encode()).hexdigest()


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read recond.toml. Raises ConfigError naming file, line, key and what is right."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return parse(text, str(path), environ)


def parse(text: str, name: str, environ: Mapping[str, str] = os.environ) -> Settings:
    """`load` for a text that is already read; `name` stands in the messages."""
    _refuse_unknown_names(environ)
    document = read_toml(text, name)
    return construct(Settings, document, lambda data: _checked(Settings(**data)))


def _checked(settings: Settings) -> Settings:
    settings.rules()
    return settings


def _refuse_unknown_names(environ: Mapping[str, str]) -> None:
    known = {f"RECOND_{field.upper()}" for field in Settings.model_fields}
    for name in sorted(environ):
        if not name.startswith("RECOND_") or name in OTHER_NAMES:
            continue
        if name.split("__")[0] not in known:
            hint = nearest(name, sorted(known | OTHER_NAMES))
            raise ConfigError(f"environment: {name} is no setting of recond{hint}")


def business_date(now: dt.datetime, settings: Settings) -> dt.date:
    """Today, where the office is."""
    return now.astimezone(settings.zone).date()
