"""camt.052, 053 and 054: which elements are read, by number (formats.md section 8).

Local names count, so that a namespace, a prefix or none, and every version from 1 to 13, are read
alike; the root of the message decides what it is, not the file's name or namespace.
"""

from __future__ import annotations

from recond.parsers.xmlscan import Paths

MESSAGES = {
    "BkToCstmrAcctRpt": "052", "BkToCstmrStmt": "053", "BkToCstmrDbtCdtNtfctn": "054",
    "BkToCstmrAcctRptV01": "052", "BkToCstmrStmtV01": "053", "BkToCstmrDbtCdtNtfctnV01": "054",
}  # fmt: skip
HOLDS = {"052": "Rpt", "053": "Stmt", "054": "Ntfctn"}
_HEADER = "MsgId CreDtTm MsgPgntn/PgNb MsgPgntn/LastPgInd"
_STATEMENT = """
    Id CreDtTm Acct/Id/IBAN Acct/Id/Othr/Id Acct/Ccy
    StmtPgntn/PgNb StmtPgntn/LastPgInd RptPgntn/PgNb RptPgntn/LastPgInd
    Bal Bal/Tp/CdOrPrtry/Cd Bal/Tp/CdOrPrtry/Prtry Bal/Tp/Cd Bal/Amt Bal/CdtDbtInd
    Bal/Dt/Dt Bal/Dt/DtTm
    TxsSummry/TtlNtries/NbOfNtries TxsSummry/TtlNtries/Sum
    TxsSummry/TtlCdtNtries/NbOfNtries TxsSummry/TtlCdtNtries/Sum
    TxsSummry/TtlDbtNtries/NbOfNtries TxsSummry/TtlDbtNtries/Sum
"""
_PARTIES = "RltdPties/Dbtr/Nm RltdPties/Dbtr/Pty/Nm RltdPties/Cdtr/Nm RltdPties/Cdtr/Pty/Nm"
_DETAILS = f"""
    Amt AmtDtls/TxAmt/Amt CdtDbtInd {_PARTIES}
    Refs/EndToEndId Refs/TxId Refs/AcctSvcrRef Refs/InstrId Refs/ChqNb
    RmtInf/Ustrd RmtInf/Strd/CdtrRefInf/Ref RmtInf/Strd/CdtrRefInf/CdtrRef
    RmtInf/Strd/RfrdDocInf/Nb RmtInf/Strd/RfrdDocInf/RfrdDocNb AddtlTxInf RtrInf/Rsn/Cd
"""
_ENTRY = """
    NtryRef Amt CdtDbtInd RvslInd Sts Sts/Cd Sts/Prtry BookgDt/Dt BookgDt/DtTm ValDt/Dt ValDt/DtTm
    AcctSvcrRef BkTxCd/Domn/Cd BkTxCd/Domn/Fmly/Cd BkTxCd/Domn/Fmly/SubFmlyCd BkTxCd/Prtry/Cd
    AddtlNtryInf NtryDtls/Btch/NbOfTxs Btch/NbOfTxs
"""


def _build() -> tuple[Paths, dict[str, int]]:
    numbers: dict[str, int] = {"MSG": 1}
    children: dict[tuple[int, str], int] = {}

    def add(base: str, names: str) -> int:
        above, key = numbers[base], base
        for name in names.split("/"):
            key = f"{key}/{name}"
            if key not in numbers:
                numbers[key] = len(numbers) + 1
            children[above, name] = numbers[key]
            above = numbers[key]
        return above

    numbers["STMT"] = 2
    for name in HOLDS.values():
        children[1, name] = 2
    numbers["NTRY"] = 3
    children[2, "Ntry"] = 3
    numbers["TX"] = 4
    add("MSG", "GrpHdr")
    numbers["GRPHDR"] = numbers["MSG/GrpHdr"]
    for base, names in (
        ("GRPHDR", _HEADER), ("STMT", _STATEMENT), ("NTRY", _ENTRY), ("TX", _DETAILS)
    ):  # fmt: skip
        for name in names.split():
            add(base, name)
    children[numbers["NTRY/NtryDtls"], "TxDtls"] = 4
    children[3, "TxDtls"] = 4  # version 1
    numbers["STRAY"] = len(numbers) + 1
    numbers["FOREIGN"] = len(numbers) + 1
    paths = Paths(
        dict.fromkeys(MESSAGES, 1), children, max(numbers.values()),
        strays=frozenset({*HOLDS.values(), "Ntry"}), stray=numbers["STRAY"],
        foreign={"SplmtryData": numbers["FOREIGN"]},
    )  # fmt: skip
    return paths, numbers


PATHS, NUMBERS = _build()
STMT, NTRY, TX = 2, 3, 4
