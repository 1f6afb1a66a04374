"""Builds small X12 files for tests, right in every count and total unless told otherwise."""

from __future__ import annotations

from collections.abc import Sequence

Parts = Sequence[str]


def advice(
    *lines: str, total: str = "104.00", trace: str = "122099980000001", number: str = "0001",
    handling: str = "C", count: int | None = None, control: str | None = None,
    heading: Parts = (),
) -> list[str]:  # fmt: skip
    """An 820: `lines` are its segments behind the heading."""
    payer, payee = "01*021000021*DA*566000001*1860001111*", "01*091000019*DA*123456"
    body = [
        f"ST*820*{number}",
        f"BPR*{handling}*{total}*C*ACH*CTX*{payer}*{payee}*20260316",
        f"TRN*1*{trace}*1860001111",
        *heading,
        "N1*PR*SAGUARO SCHOOLS",
        "N1*PE*CITY OF MESA VERDE",
        "ENT*1",
        *lines,
    ]
    return [*body, f"SE*{len(body) + 1 if count is None else count}*{control or number}"]


def check(
    cents: int, *lines: str, trace: str = "5001", payer: str = "IRIS IBARRA", direction: str = "C"
) -> list[str]:
    """One check of an 823."""
    return [
        f"BPR*C*{cents // 100}.{cents % 100:02d}*{direction}*CHK**01*021000021*DA*566000001",
        f"TRN*1*{trace}",
        f"N1*PR*{payer}",
        *lines,
    ]


def lockbox(
    batches: Sequence[Sequence[Parts]], total: str, batch_totals: Sequence[str],
    number: str = "0001", day: str = "20260316", counts: tuple[int, int] | None = None,
    count: int | None = None,
) -> list[str]:  # fmt: skip
    """An 823 with one deposit; each batch is a list of `check`."""
    checks = sum(len(batch) for batch in batches)
    said = counts or (len(batches), checks)
    body = [
        f"ST*823*{number}",
        "N1*DO*FIRST BANK*9*0210000210",
        f"DEP*0012345*{day}*0630*01*091000019*DA*123456",
        f"AMT*3*{total}",
        f"QTY*41*{said[0]}",
        f"QTY*42*{said[1]}",
    ]
    for at, batch in enumerate(batches):
        body += [f"BAT*{day}**{at + 1:03d}", f"AMT*2*{batch_totals[at]}", f"QTY*42*{len(batch)}"]
        body += [segment for one in batch for segment in one]
    return [*body, f"SE*{len(body) + 1 if count is None else count}*{number}"]


def interchange(
    *sets: Sequence[str], element: str = "*", segment: str = "~", newline: str = "",
    number: str = "000000001", group: str = "RA", usage: str = "P", padded: bool = True,
    group_count: int | None = None, group_end: str = "7", groups: int = 1,
    number_end: str | None = None,
) -> bytes:  # fmt: skip
    """One interchange of one group; what is given beside the sets makes it wrong."""
    parties = ["ZZ", "FIRSTBANK".ljust(15), "ZZ", "MESAVERDE".ljust(15)]
    fields = ["00", " " * 10, "00", " " * 10, *parties, "260316", "0630", "U", "00501", number]
    fields += ["0", usage, ">"]
    if not padded:
        fields = [one.strip() for one in fields]
    segments = [
        "*".join(["ISA", *fields]),
        f"GS*{group}*FIRSTBANK*MESAVERDE*20260316*0630*7*X*005010",
        *(one for parts in sets for one in parts),
        f"GE*{len(sets) if group_count is None else group_count}*{group_end}",
        f"IEA*{groups}*{number_end or number}",
    ]
    text = "".join(f"{one}{segment}{newline}" for one in segments)
    return text.replace("*", element).encode("latin-1")
