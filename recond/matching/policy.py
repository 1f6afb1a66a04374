"""What an office decides about matching: charge types, application order, scan lines.

These models are both the tables of `recond.toml` and what the matcher takes. Everything has the
value of a new home (contract section 4, "Decisions of a new home"), so `Rules()` is a new home.

An application policy is a list of tiers. An item belongs to the first tier that takes it (its
status, charge type and service); tiers are paid one after the other, the items of a tier in its
order (`sequential`) or in proportion to what is open (`proportional`, largest remainder). An item
that no tier takes is not paid by a payment for the account as a whole: that is how an office
keeps, say, permits out. The item number always breaks the last tie.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from recond.money import parse_decimal

Status = Literal["penalty", "past_due", "current"]
OrderKey = Literal["due_date", "-due_date", "status", "charge_type", "service", "item_number"]
Structure = Literal["installment", "bill", "past_due", "current", "without_penalty", "item"]
STRUCTURES: tuple[Structure, ...] = get_args(Structure)
Columns = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


def _amount(value: object) -> object:
    """Dollars and cents as text, "100000.00": a bare number would be read as a float."""
    if isinstance(value, str):
        return parse_decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError('write an amount as text with two decimals: "100.00"')


Amount = Annotated[int, BeforeValidator(_amount)]  # cents; in recond.toml text: "100.00"

STATUSES: tuple[Status, ...] = ("penalty", "past_due", "current")
MAX_TIERS = 64


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class ChargeType(_Frozen):
    """A kind of charge (`[[charge_type]]`): its fund and GL account, and its place in the order.

    `priority` orders charge types (smaller first, ties in the order they are declared). Of kind
    PENALTY are the late fees, which policies can put before or after the charges themselves.
    An `exact_only` charge is paid in full or not at all: a permit is not released for less
    (domain example E11). Of kind DEPOSIT are deposits that are held for customers: a payment or
    credit for the account as a whole never goes there, only one that names the item or its bill
    (domain section 2.4: kept apart).
    """

    code: str = Field(min_length=1)
    name: str = ""
    family: str = "UTILITY"
    fund: str = Field(min_length=1)
    gl_account: str = "1200"
    priority: int = 100
    kind: Literal["SERVICE", "PENALTY", "FEE", "TAX", "DEPOSIT", "RENT", "PERMIT", "CLAIM"] = (
        "SERVICE"
    )
    exact_only: bool = False


class ScanLine(_Frozen):
    """Where a printed scan line keeps its fields: columns from 1, both ends included.

    The default is that of a new home: account 1-10, due date MMDDYY 11-16, amount due in cents
    17-26, and in 27 a Luhn digit over the 26 before it. `731` weighs 7, 3, 1 from the left, `aba`
    3, 7, 1; `mod97` has two digits, the first of them in `check_digit`. `weighted` is any other
    scheme by its `weights` (see checkdigits.py); `ten` says what a digit of 10 is printed as, or
    that such numbers are not issued.
    """

    name: str = "standard"
    length: int = Field(default=27, ge=2, le=200)
    account: Columns = (1, 10)
    due_date: Columns | None = (11, 16)
    amount_due: Columns | None = (17, 26)
    check: Literal["luhn", "731", "aba", "mod97", "weighted"] = "luhn"
    covered: Columns = (1, 26)
    check_digit: int = Field(default=27, ge=1)
    weights: tuple[Annotated[int, Field(ge=0, le=99)], ...] = ()
    weights_from: Literal["left", "right"] = "right"
    digit_sum: bool = False
    modulus: Literal[10, 11] = 10
    complement: bool = True
    ten: Literal["X", "0", "none"] = "none"

    @property
    def pattern(self) -> str:
        """The regular expression of such a line: digits, and an X where `ten` puts one."""
        if self.check != "weighted" or self.ten != "X":
            return f"^[0-9]{{{self.length}}}$"
        before, after = self.check_digit - 1, self.length - self.check_digit
        return f"^[0-9]{{{before}}}[0-9X][0-9]{{{after}}}$"

    @model_validator(mode="after")
    def _inside(self) -> Self:
        parts = [self.account, self.due_date, self.amount_due, self.covered]
        for part in parts:
            if part is not None and not part[0] <= part[1] <= self.length:
                raise ValueError(f"columns {part[0]}-{part[1]} are not inside 1-{self.length}")
        last = self.check_digit + (self.check == "mod97")
        if last > self.length:
            raise ValueError(f"check_digit {self.check_digit} is not inside 1-{self.length}")
        if (self.check == "weighted") != bool(self.weights):
            raise ValueError('weights are given with check = "weighted", and only with it')
        if self.modulus == 10 and self.ten != "none":
            raise ValueError("a check digit of 10 needs modulus = 11")
        if self.covered[0] <= last and self.check_digit <= self.covered[1]:
            raise ValueError("the check digit cannot stand inside the columns that it covers")
        return self


class Tier(_Frozen):
    """Which items are paid together, and in which order among themselves.

    Empty `status`, `charge_types` or `services` take everything; `services` asks for the service
    that a penalty belongs to, and for the charge type of everything else. Where they are given,
    their order is what the keys `status`, `charge_type` and `service` sort by. `arrangement`
    says whether the tier takes installments of arrangements: `only` those, `none` of them, `any`.
    """

    status: tuple[Status, ...] = ()
    charge_types: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    arrangement: Literal["any", "only", "none"] = "any"
    method: Literal["sequential", "proportional"] = "sequential"
    order: tuple[OrderKey, ...] = ("due_date", "charge_type", "item_number")


DEFAULT_TIERS = (Tier(status=("penalty",)), Tier())  # penalties, then oldest due date


class Policy(_Frozen):
    """An application order with its legal citation and the received dates it is valid for.

    `family` is that of the account ("*": any). `effective_to` is the last day, none: for ever.
    Status past due means due before the payment's received date.

    `structures` are what the amount of a payment for the account as a whole may say by itself,
    tried in this order before the tiers: a payment of exactly one `installment`, of exactly one
    `bill`, of everything `past_due`, of everything `current`, of all but the penalties,
    else of one bill but its penalties (`without_penalty`), or of exactly one `item` pays that,
    and nothing else. What fits twice says nothing.

    `overpayment` says where the cents of a payment stand that find nothing to pay: `on_account`,
    or in `suspense` with a question (closed accounts: always on account). `prior_owner = "leave"`:
    a payment or credit for the account as a whole, or for a bill, never pays items of somebody
    who had the account before. An account that a payment leaves owing at most `small_balance`
    has that written off by rule, with its reason and GL account (domain example E10).
    """

    name: str = Field(min_length=1)
    family: str = "*"
    effective_from: date | None = None
    effective_to: date | None = None
    cite: str = ""
    structures: tuple[Structure, ...] = ()
    overpayment: Literal["on_account", "suspense"] = "on_account"
    prior_owner: Literal["pay", "leave"] = "pay"
    small_balance: Annotated[Amount, Field(ge=0)] = 0
    small_balance_reason: str = "small balance"
    small_balance_gl: str = ""  # empty: `gl.write_off`
    tiers: tuple[Tier, ...] = Field(default=DEFAULT_TIERS, min_length=1, max_length=MAX_TIERS)

    def holds(self, family: str | None, day: date) -> bool:
        """Whether the policy is for this family of accounts on this day."""
        begun = self.effective_from is None or self.effective_from <= day
        ended = self.effective_to is not None and self.effective_to < day
        return self.family in {"*", family} and begun and not ended

    @property
    def precedence(self) -> tuple[bool, int, int]:
        """Which of several that hold counts, least first: one that names the family, then the one
        that began last, then the one that ends first. So a change of policy is one more policy
        with its `effective_from`, wherever it stands in the list."""
        begun, ends = self.effective_from or date.min, self.effective_to or date.max
        return self.family == "*", -begun.toordinal(), ends.toordinal()

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.effective_from and self.effective_to and self.effective_to < self.effective_from:
            raise ValueError(f"policy {self.name} ends on {self.effective_to}, before it begins")
        return self

    @property
    def dated(self) -> bool:
        """Whether the order of items can change with the received date of the payment."""
        return bool(self.structures) or any(
            "status" in tier.order or len({s == "past_due" for s in _non_penalty(tier)}) == 1
            for tier in self.tiers
        )

    @property
    def proportional(self) -> bool:
        """Whether some tier shares in proportion, so that payments cannot be laid end to end."""
        return any(tier.method == "proportional" for tier in self.tiers)

    @property
    def alone(self) -> bool:
        """Whether each payment must see exactly what those before it left open."""
        return self.proportional or bool(self.structures)


def _non_penalty(tier: Tier) -> list[Status]:
    return [s for s in (tier.status or STATUSES) if s != "penalty"]


DEFAULT_POLICY = Policy(
    name="new_home",
    cite="recond default: penalties, then oldest due date, charge type, item number",
)


def _charge_type(code: str, fund: str, family: str, priority: int, kind: str) -> ChargeType:
    return ChargeType.model_validate(
        {
            "code": code,
            "name": code.capitalize(),
            "family": family,
            "fund": fund,
            "priority": priority,
            "kind": kind,
        }
    )


DEFAULT_CHARGE_TYPES = (
    _charge_type("WATER", "510", "UTILITY", 10, "SERVICE"),
    _charge_type("SEWER", "520", "UTILITY", 20, "SERVICE"),
    _charge_type("SANITATION", "530", "UTILITY", 30, "SERVICE"),
    _charge_type("STORM", "550", "UTILITY", 40, "SERVICE"),
    _charge_type("PENALTY", "510", "UTILITY", 50, "PENALTY"),
    _charge_type("AIRPORT", "560", "AIRPORT", 60, "RENT"),
    _charge_type("HYDRANT", "510", "HYDRANT", 70, "SERVICE"),
    _charge_type("PERMIT", "110", "PERMIT", 80, "PERMIT"),
    _charge_type("DAMAGE", "110", "DAMAGE", 90, "CLAIM"),
    _charge_type("SALESTAX", "110", "SALES_TAX", 100, "TAX"),
    _charge_type("MISC", "110", "MISC", 110, "FEE"),
)


class Rules(_Frozen):
    """Everything that matching is told; `Rules()` is a new home.

    Of the policies that fit an account's family and the payment's received date the first by
    `precedence` decides; where none fits, `DEFAULT_POLICY`.
    """

    policies: tuple[Policy, ...] = (DEFAULT_POLICY,)
    charge_types: tuple[ChargeType, ...] = DEFAULT_CHARGE_TYPES
    scan_lines: tuple[ScanLine, ...] = (ScanLine(),)
    duplicate_window_days: int = Field(default=10, ge=0, le=3660)
    large_cents: int = Field(default=100_000_00, ge=1)  # a payment of so much is flagged
    payer_memory: bool = False  # people's answers lead later payments of the same payer
    payer_memory_months: int = Field(default=24, ge=1, le=240)
    ocr_repair: bool = False  # a scan line with one wrong digit may be repaired by its amount
    pays_only: tuple[str, ...] = ()  # charge types that this money may pay; empty: all

    def policy_of(self, family: str | None, day: date) -> Policy:
        """The policy that decides for an account of this family on this day."""
        fitting = [policy for policy in self.policies if policy.holds(family, day)]
        return min(fitting, key=lambda policy: policy.precedence, default=DEFAULT_POLICY)

    def restricted(self, pays_only: str | None) -> Rules:
        """These rules for money of a source that may only pay some charge types (`;` between)."""
        codes = tuple(pays_only.split(";")) if pays_only else ()
        return self if codes == self.pays_only else self.model_copy(update={"pays_only": codes})

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        lengths = [line.length for line in self.scan_lines]
        if len(set(lengths)) < len(lengths):
            raise ValueError("two scan lines of one length cannot be told apart")
        codes = [charge.code for charge in self.charge_types]
        for code in codes:
            if codes.count(code) > 1:
                raise ValueError(f"charge type {code} is declared twice")
        held = [(p.family, p.effective_from, p.effective_to) for p in self.policies]
        for number, policy in enumerate(self.policies):
            if held[number] in held[:number]:
                raise ValueError(
                    f"policy {policy.name}: one before it is for the same family and days,"
                    " so it would never count"
                )
        for policy in self.policies:
            for tier in policy.tiers:
                for code in (*tier.charge_types, *tier.services):
                    if code not in codes:
                        raise ValueError(f"policy {policy.name}: no charge type {code}")
        return self
