"""recond.toml → Settings. Every wrong key or value is named with its place and the nearest right
name; nothing is guessed and nothing unknown is ignored (contract section 2).

Order of precedence: environment (`RECOND_DATABASE__URL`), then recond.toml, then the defaults of
a new home.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from recond.calendar import Calendar
from recond.errors import ConfigError
from recond.matching.policy import ChargeType, Policy, Rules, ScanLine
from recond.posting import Chart
from recond.sections import (
    Ach,
    CashOnly,
    Clearing,
    Database,
    Days,
    Delegation,
    Expectation,
    Filing,
    Gl,
    Inbox,
    Limits,
    Matching,
    Merchant,
    PaymentSource,
    Queue,
    Receivables,
    Retention,
    ReturnFee,
    Roles,
    Unclaimed,
)
from recond.tomlcheck import (
    Location,
    MisplacedError,
    construct,
    misspelt,
    nearest,
    read_toml,
)

# Names that begin with RECOND_ and are no settings.
OTHER_NAMES = {"RECOND_HOME", "RECOND_NOW", "RECOND_SAMPLES", "RECOND_TEST_POSTGRES"}

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
    def _charge_types_are_declared(self) -> Self:
        known = [charge.code for charge in self.charge_type or Rules().charge_types]
        wrong = [
            (where, f"there is no charge type {code!r}{nearest(code, known)}")
            for where, codes in self._named_charges()
            for code in codes
            if code not in known
        ]
        if wrong:
            raise MisplacedError(wrong)
        return self

    def _named_charges(self) -> Iterator[tuple[Location, tuple[str, ...]]]:
        """Where tables name charge types, and which."""
        for number, policy in enumerate(self.policy):
            for place, tier in enumerate(policy.tiers):
                where = ("policy", number, "tiers", place)
                yield (*where, "charge_types"), tier.charge_types
                yield (*where, "services"), tier.services
        for number, source in enumerate(self.source):
            yield ("source", number, "pays_only"), source.pays_only
        for number, filing in enumerate(self.filing):
            yield ("filing", number, "charge_types"), filing.charge_types

    @model_validator(mode="after")
    def _families_are_spelt_as_known(self) -> Self:
        """Accounts files may bring families of their own, so an unknown one is no mistake by
        itself (`doctor` looks at the accounts); one that is nearly a known one is."""
        known = self.known_families()
        wrong = [
            (where, f"there is no family {family!r}{hint}")
            for where, family in self.named_families()
            if family not in known and (hint := _misspelt(family, known))
        ]
        if wrong:
            raise MisplacedError(wrong)
        return self

    def known_families(self) -> list[str]:
        """The families of the charge types, and those of a new home."""
        charges = (*self.charge_type, *Rules().charge_types)
        return sorted({charge.family for charge in charges})

    def named_families(self) -> Iterator[tuple[Location, str]]:
        """Where tables name families of accounts, and which."""
        for number, policy in enumerate(self.policy):
            if policy.family != "*":
                yield ("policy", number, "family"), policy.family
        for number, filing in enumerate(self.filing):
            if filing.family:
                yield ("filing", number, "family"), filing.family

    @property
    def zone(self) -> ZoneInfo:
        """The office's time zone."""
        return ZoneInfo(self.timezone)

    def source_of(
        self, inbox: str, fmt: str | None, name: str, bank_account: str | None = None
    ) -> PaymentSource:
        """The source that a file is of, or with `bank_account` its lines of that account; the
        rules of a new home where none fits."""
        for source in self.source:
            if source.takes(inbox, fmt, name, bank_account):
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


def _misspelt(family: str, known: list[str]) -> str:
    """Which known family was meant, and what to do where none was; '' where it is far from all."""
    meant = misspelt(family.upper(), known)
    if meant is None:
        return ""
    return f"; did you mean '{meant}'? A family of your own is declared by a [[charge_type]]"


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
