"""Builds small camt files: what each test changes is an argument."""

from __future__ import annotations

from collections.abc import Sequence

ROOTS = {"052": "BkToCstmrAcctRpt", "053": "BkToCstmrStmt", "054": "BkToCstmrDbtCdtNtfctn"}
PARTS = {"052": "Rpt", "053": "Stmt", "054": "Ntfctn"}


def amount(text: str, side: str = "CRDT", currency: str = "USD") -> str:
    return f'<Amt Ccy="{currency}">{text}</Amt><CdtDbtInd>{side}</CdtDbtInd>'


def balance(code: str, text: str, side: str = "CRDT", currency: str = "USD") -> str:
    kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
    return f"<Bal>{kind}{amount(text, side, currency)}<Dt><Dt>2026-11-02</Dt></Dt></Bal>"


def entry(
    text: str = "188.70",
    side: str = "CRDT",
    *,
    status: str = "<Sts><Cd>BOOK</Cd></Sts>",
    currency: str = "USD",
    reversal: bool = False,
    value: str = "<ValDt><Dt>2026-11-02</Dt></ValDt>",
    reference: str = "B1",
    details: str = "",
) -> str:
    mark = "<RvslInd>true</RvslInd>" if reversal else ""
    dates = f"<BookgDt><Dt>2026-11-01</Dt></BookgDt>{value}"
    code = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd></Fmly></Domn></BkTxCd>"
    inner = f"<NtryDtls>{details}</NtryDtls>" if details else ""
    return (
        f"<Ntry>{amount(text, side, currency)}{mark}{status}{dates}"
        f"<AcctSvcrRef>{reference}</AcctSvcrRef>{code}{inner}</Ntry>\n"
    )


def detail(text: str, side: str = "CRDT", end: str = "E1", name: str = "ANN LEE") -> str:
    refs = f"<Refs><EndToEndId>{end}</EndToEndId></Refs>"
    payer = f"<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties>"
    bill = "<RmtInf><Ustrd>BILL 7</Ustrd></RmtInf>"
    return f"<TxDtls>{refs}{amount(text, side)}{payer}{bill}</TxDtls>"


ENTRIES = (
    entry(details=detail("188.70")),
    entry("12.30", "DBIT", reference="B2"),
    entry("5.00", status="<Sts>PDNG</Sts>", reference="B3"),
)
SUMMARY = (
    "<TxsSummry><TtlNtries><NbOfNtries>3</NbOfNtries><Sum>206.00</Sum></TtlNtries></TxsSummry>"
)


def statement(
    entries: Sequence[str] = ENTRIES,
    balances: Sequence[str] = (balance("OPBD", "100.00"), balance("CLBD", "276.40")),
    *,
    kind: str = "053",
    account: str = "<Acct><Id><Othr><Id>4000001</Id></Othr></Id><Ccy>USD</Ccy></Acct>",
    summary: str = "",
    identity: str = "S1",
) -> str:
    part = PARTS[kind]
    head = f"<{part}><Id>{identity}</Id><CreDtTm>2026-11-02T20:00:00</CreDtTm>{account}"
    return f"{head}\n{''.join(balances)}{summary}\n{''.join(entries)}</{part}>\n"


def message(
    body: str | None = None, *, kind: str = "053", version: int = 8, header: str = ""
) -> str:
    root = ROOTS[kind] + (f"V{version:02d}" if version == 1 else "")
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.{version:02d}"
    inner = statement(kind=kind) if body is None else body
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{space}">\n<{root}>'
        f"<GrpHdr><MsgId>M1</MsgId><CreDtTm>2026-11-02T20:00:00</CreDtTm>{header}</GrpHdr>\n"
        f"{inner}</{root}>\n</Document>\n"
    )
