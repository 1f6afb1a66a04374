"""Files of any size from one seed: the same arguments give the same bytes.

Payment `i` pays open item `order[i]` exactly, so that a plain join on account and cents finds all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DAY = "260316"
ISO_DAY = "2026-03-16"
NACHA_BATCH = 10_000
LOCKBOX_BATCH = 999
LOCKBOX_BATCHES = 1
BAI2_ACCOUNT = 10_000


@dataclass(frozen=True, slots=True)
class City:
    """Open items (one an account, `item_cents`) and payments (`accounts`, `cents`)."""

    item_cents: list[int]
    accounts: list[int]
    cents: list[int]
    modifier: str = "A"  # tells two NACHA files of one minute apart

    @property
    def total(self) -> int:
        return sum(self.cents)


def city(payments: int, items: int, seed: int = 1, step: int = 1) -> City:
    """`payments` of `items` accounts pay their item; amounts are multiples of `step` cents."""
    if payments > items:
        raise SystemExit("a bench pays each open item at most once: --payments <= --items")
    dice = np.random.default_rng(seed)
    item_cents = dice.integers(1_00, 500_00, items) // step * step + step
    accounts = dice.permutation(items)[:payments]
    cents = item_cents[accounts]
    return City(item_cents.tolist(), accounts.tolist(), cents.tolist())


def account_number(key: int) -> str:
    """Ten characters; the first is never a zero."""
    return f"1{key:09d}"


def name(key: int) -> str:
    """Names of different lengths, as people have."""
    return f"PAYER {key % 9973} {key % 7919}"


def nacha(city: City) -> Iterator[str]:
    """PPD credits without addenda, ten thousand a batch, blocked by ten."""
    stamp = f"{DAY}0941{city.modifier}094101"
    yield f"101 021000021 123456780{stamp}{'FIRST BANK':<23}{'CITY TREASURER':<23}{'':8}"
    batches, lines, hashes = 0, 2, 0
    for start in range(0, len(city.cents), NACHA_BATCH):
        batches += 1
        stop = min(start + NACHA_BATCH, len(city.cents))
        head = f"5220{'CITY UTILITY':<16}{'':20}1234567890PPD{'UTILITYPAY':<10}{DAY}{DAY}   1"
        yield f"{head}02100002{batches:07d}"
        for i in range(start, stop):
            key = city.accounts[i]
            front = f"62202100002{1}{900_000_000 + key:<17}{city.cents[i]:010d}"
            yield f"{front}{account_number(key):<15}{name(key):<22}  002100002{i % 10**7:07d}"
        count = stop - start
        total = sum(city.cents[start:stop])
        found = count * 2100002
        hashes += found
        lines += count + 2
        tail = f"{count:06d}{found % 10**10:010d}{0:012d}{total:012d}1234567890{'':25}02100002"
        yield f"8220{tail}{batches:07d}"
    blocks = -(-lines // 10)
    tail = f"{len(city.cents):08d}{hashes % 10**10:010d}{0:012d}{city.total:012d}{'':39}"
    yield f"9{batches:06d}{blocks:06d}{tail}"
    for _ in range(blocks * 10 - lines):
        yield "9" * 94


def lockbox(city: City) -> Iterator[str]:
    """Checks with one stub each for the whole check; one batch a lockbox, 999 checks a batch."""
    yield f"{f'10009100001901210000210{DAY}0700':<80}"
    route = "01210000210910000190"
    yield f"{f'2{route}00010000014000800800' + '1':<80}"
    lines = 2
    box = LOCKBOX_BATCH * LOCKBOX_BATCHES
    for first in range(0, len(city.cents), box):
        number = 1_000_001 + first // box
        last = min(first + box, len(city.cents))
        for batch, start in enumerate(range(first, last, LOCKBOX_BATCH), 1):
            stop = min(start + LOCKBOX_BATCH, last)
            yield f"{f'5{batch:03d}000{number}{DAY}{route}':<80}"
            for item, i in enumerate(range(start, stop), 1):
                key = city.accounts[i]
                place = f"{batch:03d}{item:03d}"
                payer = f"021000021{9_000_000 + key:010d}{i:010d}031426"
                yield f"6{place}{city.cents[i]:010d}{payer}{name(key):<30}CITY TREASURER"
                yield f"4{place}6019{account_number(key):<30}"
            total = sum(city.cents[start:stop])
            yield f"{f'7{batch:03d}000{number}{DAY}{stop - start:03d}{total:010d}':<80}"
            lines += 2 * (stop - start) + 2
        total = sum(city.cents[first:last])
        yield f"{f'8000000{number}{DAY}{last - first:04d}{total:010d}':<80}"
        lines += 1
    yield f"{f'9{(lines + 1) % 10**6:06d}':<80}"


def bai2(city: City) -> Iterator[str]:
    """Credits of type 165 with two references and a text, ten thousand an account."""
    yield f"01,021000021,CITYTREAS,{DAY},0630,1,,,2/"
    yield f"02,CITYTREAS,021000021,1,{DAY},2400,USD,2/"
    records, accounts = 0, 0
    for start in range(0, len(city.cents), BAI2_ACCOUNT):
        accounts += 1
        stop = min(start + BAI2_ACCOUNT, len(city.cents))
        yield f"03,{4000000 + accounts},USD,010,0,,/"
        for i in range(start, stop):
            key = city.accounts[i]
            yield f"16,165,{city.cents[i]},0,B{i:09d},{account_number(key)},ACH CREDIT {name(key)}"
        yield f"49,{sum(city.cents[start:stop])},{stop - start + 2}/"
        records += stop - start + 2
    yield f"98,{city.total},{accounts},{records + 2}/"
    yield f"99,{city.total},1,{records + 4}/"


def mt940(city: City) -> Iterator[str]:
    """Credits with two references and two lines of text, ten thousand a statement."""
    balance = 0
    for number, start in enumerate(range(0, len(city.cents), BAI2_ACCOUNT), 1):
        stop = min(start + BAI2_ACCOUNT, len(city.cents))
        yield ":20:STARTUMS"
        yield ":25:021000021/4000001"
        yield f":28C:{number}/1"
        yield f":60F:C{DAY}USD{balance // 100},{balance % 100:02d}"
        for i in range(start, stop):
            key, cents = city.accounts[i], city.cents[i]
            amount = f"{cents // 100},{cents % 100:02d}"
            yield f":61:{DAY}{DAY[2:]}C{amount}NTRF{account_number(key)}//B{i:09d}"
            yield f":86:166?00CREDIT?100399?20EREF+{account_number(key)}?21WATER AND SEWER"
            yield f"?32{name(key)}"
        balance += sum(city.cents[start:stop])
        yield f":62F:C{DAY}USD{balance // 100},{balance % 100:02d}"
        yield "-"


def cashier(city: City) -> Iterator[str]:
    """Counter receipts, one tender each."""
    yield (
        "receipt_number,drawer,cashier,business_date,time,account_number,item_number,tender,"
        "amount,check_number,payer_name"
    )
    for i, (key, cents) in enumerate(zip(city.accounts, city.cents, strict=True)):
        tender, check = ("CASH", "") if i % 3 else ("CHECK", f"{i % 10**6}")
        amount = f"{cents // 100}.{cents % 100:02d}"
        yield (
            f"R{i:08d},D{i % 7},C{i % 11:02d},{ISO_DAY},09:{i % 60:02d},{account_number(key)},,"
            f"{tender},{amount},{check},{name(key)}"
        )


def camt(city: City) -> Iterator[str]:
    """One statement of camt.053.001.08: booked credits with one detail each."""
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>'
    yield f"<GrpHdr><MsgId>M{DAY}</MsgId><CreDtTm>{ISO_DAY}T06:30:00</CreDtTm></GrpHdr><Stmt>"
    yield "<Id>S1</Id><Acct><Id><Othr><Id>4000001</Id></Othr></Id><Ccy>USD</Ccy></Acct>"
    for code, cents in (("OPBD", 0), ("CLBD", city.total)):
        amount = f'<Amt Ccy="USD">{_decimal(cents)}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        yield f"<Bal>{kind}{amount}<Dt><Dt>{ISO_DAY}</Dt></Dt></Bal>"
    count, total = len(city.cents), _decimal(city.total)
    sums = f"<NbOfNtries>{count}</NbOfNtries><Sum>{total}</Sum>"
    yield f"<TxsSummry><TtlNtries>{sums}</TtlNtries></TxsSummry>"
    for i, (key, cents) in enumerate(zip(city.accounts, city.cents, strict=True)):
        amount = f'<Amt Ccy="USD">{_decimal(cents)}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
        yield f"<Ntry><NtryRef>N{i}</NtryRef>{amount}<Sts><Cd>BOOK</Cd></Sts>"
        day = f"<Dt>{ISO_DAY}</Dt>"
        yield f"<BookgDt>{day}</BookgDt><ValDt>{day}</ValDt><AcctSvcrRef>B{i:09d}</AcctSvcrRef>"
        yield "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly>"
        yield f"</Domn></BkTxCd><NtryDtls><TxDtls><Refs><EndToEndId>{account_number(key)}"
        payer = f"<RltdPties><Dbtr><Nm>{name(key)}</Nm></Dbtr></RltdPties>"
        yield f"</EndToEndId></Refs>{amount}{payer}<RmtInf><Ustrd>BILL {account_number(key)}"
        yield "</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
    yield "</Stmt></BkToCstmrStmt></Document>"


def _decimal(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


SET_LINES = 20


def x12(city: City) -> Iterator[str]:
    """An 820 every twenty payments: each of them is one remittance line."""
    isa = ("00", " " * 10, "00", " " * 10, "ZZ", "PAYER".ljust(15), "ZZ", "CITY".ljust(15),
           "260316", "0630", "U", "00501", "000000001", "0", "P", ">")  # fmt: skip
    yield "*".join(("ISA", *isa)) + "~"
    yield "GS*RA*PAYER*CITY*20260316*0630*1*X*005010~"
    sets = range(0, len(city.cents), SET_LINES)
    for number, first in enumerate(sets, 1):
        cents = city.cents[first : first + SET_LINES]
        total = int(sum(cents))
        yield f"ST*820*{number:09d}~"
        yield f"BPR*C*{total // 100}.{total % 100:02d}*C*ACH*CTX************20260316~"
        yield f"TRN*1*{number:015d}~"
        yield f"N1*PR*{name(number)}~"
        yield "ENT*1~"
        for key, one in zip(city.accounts[first : first + SET_LINES], cents, strict=True):
            yield f"RMR*IV*{account_number(key)}*PI*{one // 100}.{one % 100:02d}~"
        yield f"SE*{len(cents) + 6}*{number:09d}~"
    yield f"GE*{len(sets)}*1~"
    yield "IEA*1*000000001~"


def fixed(city: City) -> Iterator[str]:
    """Checks that a bank paid, in records of 150 bytes (the format `paid_checks`)."""
    for i, (key, cents) in enumerate(zip(city.accounts, city.cents, strict=True)):
        days = f"{20260201 + i % 28} {20260301 + key % 31}"
        yield f"{f'R {4000001:020d} {1 + i:018d} {cents:018d} {days}':<150}"


def receivables(city: City) -> Iterator[str]:
    """One open item an account."""
    yield (
        "account_number,customer_name,item_number,charge_type,bill_number,bill_date,due_date,"
        "original_amount,open_amount"
    )
    for key, cents in enumerate(city.item_cents):
        amount = f"{cents // 100}.{cents % 100:02d}"
        yield (
            f"{account_number(key)},{name(key)},W{key:09d},WATER,B{key:09d},2026-02-15,2026-03-15,"
            f"{amount},{amount}"
        )


FILES: dict[str, Callable[[City], Iterator[str]]] = {
    "nacha": nacha,
    "lockbox": lockbox,
    "bai2": bai2,
    "mt940": mt940,
    "cashier": cashier,
    "camt": camt,
    "x12": x12,
    "fixed": fixed,
    "receivables": receivables,
}


def write(path: Path, kind: str, what: City) -> Path:
    """The file of that kind, lines ended by LF."""
    with path.open("w", encoding="ascii", newline="\n", buffering=1 << 20) as out:
        for line in FILES[kind](what):
            out.write(line)
            out.write("\n")
    return path


# What makes each record of a file wrong, for those that must not cost much more than good ones:
# a pattern that finds it, and what stands there instead. In WRITTEN nothing is wrong with it.
Change = tuple[bytes, bytes]
_NAME = rb"(?m)^(R.*,)PAYER (.*)$"
SPOILED: dict[str, dict[str, Change]] = {
    "nacha": {"no-amount": (rb"(?m)^6(.{28})0", rb"6\1X")},
    "lockbox": {"no-amount": (rb"(?m)^6(.{6})0", rb"6\1X")},
    "fixed": {"no-amount": (rb"(?m)^R(.{41})0", rb"R\1X")},
    "cashier": {
        "no-amount": (rb"(?m)^(R.*)\.([0-9][0-9]),", rb"\1.\2X,"),
        "unclosed": (_NAME, rb'\1"PAYER" \2'),
        "short-rows": (rb"(?m)^(R.*),PAYER.*$", rb"\1"),
    },
}
WRITTEN: dict[str, dict[str, Change]] = {
    "cashier": {
        "stray": (_NAME, rb'\1PAY"ER \2'),
        "quoted": (_NAME, rb'\1"PAYER, \2"'),
        "doubled": (_NAME, rb'\1"PAYER ""X"" \2"'),
        "all-quoted": (rb"(?m)([^,\n]*)([,\n])", rb'"\1"\2'),
    },
}


def rewrite(path: Path, name: str, change: Change) -> Path:
    """A copy of a file beside it in which every record is written in another way."""
    pattern, instead = change
    copy = path.with_name(f"{name}-{path.name}")
    copy.write_bytes(re.sub(pattern, instead, path.read_bytes()))
    return copy
