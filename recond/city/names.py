"""Names of customers, and the ways in which payers, banks and clerks write them."""

from __future__ import annotations

from recond.city.dice import Dice

FIRST = (
    "ANA", "BOB", "CARLA", "DEV", "ELENA", "FRANK", "GRACE", "HUGO", "IRIS", "JAMES", "KAREN",
    "LUIS", "MARIA", "NOAH", "OLGA", "PEDRO", "QUINN", "ROSA", "SAM", "TERESA", "URSULA", "VICTOR",
    "WANDA", "XAVIER", "YOLANDA", "ZANE", "ALICE", "BRIAN", "CELIA", "DARIUS", "EDITH", "FELIX",
    "GLORIA", "HENRY", "INEZ", "JOSE", "KIRSTEN", "LEON", "MONA", "NESTOR", "OPAL", "PAUL",
    "RAMONA", "STEVEN", "TINA", "VERA", "WALTER", "YVONNE",
)  # fmt: skip
LAST = (
    "ABBOTT", "BEGAY", "CHAVEZ", "DIAZ", "ELLIS", "FORD", "GOMEZ", "HALL", "IBARRA", "JENSEN",
    "KIM", "LOPEZ", "MORENO", "NGUYEN", "ORTEGA", "PATEL", "QUINTERO", "REYES", "SINGH", "TSOSIE",
    "URIBE", "VARGAS", "WALKER", "XIONG", "YAZZIE", "ZAMORA", "ACOSTA", "BAKER", "CASTILLO",
    "DELGADO", "ESCOBAR", "FISHER", "GARCIA", "HERRERA", "INGRAM", "JUAREZ", "KELLY", "LEYVA",
    "MENDOZA", "NOLAN", "OLIVAS", "PACHECO", "RAMIREZ", "SALAZAR", "TREVINO", "UNDERWOOD",
    "VALENZUELA", "WHITE", "YOUNG", "ZIMMERMAN", "ARCHULETA", "BRANDT", "CORDOVA", "DUNCAN",
    "ESPINOZA", "FRANKLIN", "GALLEGOS", "HOFFMAN", "IRWIN", "JIMENEZ", "KOWALSKI", "LUCERO",
    "MALDONADO", "NAVARRO", "OCHOA", "PRESCOTT", "RIVERA", "SANDOVAL", "TORRES", "ULLOA",
    "VELASQUEZ", "WEBER", "YBARRA", "ZEPEDA",
)  # fmt: skip
TRADES = (
    "PLUMBING", "AVIATION", "BUILDERS", "DENTAL", "FOODS", "NURSERY", "ROOFING", "ELECTRIC",
    "LANDSCAPING", "AUTO REPAIR", "REALTY", "TILE", "POOLS", "BAKERY", "FREIGHT", "VETERINARY",
)  # fmt: skip
# Characters of a payer's name that a channel's file has room for.
ROOM = {"LOCKBOX": 30, "ACH_CREDIT": 22, "CTX": 16}


def person(dice: Dice) -> str:
    """A customer: one person, one with a middle initial, or a couple."""
    first, last = dice.pick(FIRST), dice.pick(LAST)
    roll = dice.below(100)
    if roll < 12:
        return f"{first} {chr(65 + dice.below(26))} {last}"
    if roll < 24:
        other = dice.pick([name for name in FIRST if name != first])
        return f"{first} & {other} {last}"
    return f"{first} {last}"


def business(dice: Dice) -> str:
    """A customer that is a firm."""
    return f"{dice.pick(LAST)} {dice.pick(TRADES)} {dice.pick(('LLC', 'INC', 'CO'))}"


def written(dice: Dice, name: str) -> str:
    """The name as another hand writes it: initials, swapped, `& OR`, one of a couple, DBA."""
    parts = name.split()
    if parts[-1] in ("LLC", "INC", "CO"):
        return dice.pick(
            (
                " ".join(parts[:-1]),
                f"{dice.pick(FIRST)} {parts[0]} DBA {' '.join(parts[:-1])}",
                name,
            )
        )
    first, last = parts[0], parts[-1]
    if "&" in parts:
        other = parts[2]
        return dice.pick(
            (f"{first} OR {other} {last}", f"{first} {last} & OR {other} {last}",
             f"{other} {last}", f"{first[0]} & {other[0]} {last}")
        )  # fmt: skip
    return dice.pick((f"{first[0]} {last}", f"{last}, {first}", f"{last} {first[0]}", f"MR {name}"))
