"""camt.052, 053 and 054: versions, sums, damage (formats.md section 8)."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from recond.exceptions.codes import CODES
from recond.parsers import xmlscan
from tests.unit.achfiles import Read
from tests.unit.camtfiles import ENTRIES, SUMMARY, balance, detail, entry, message, statement
from tests.unit.formatfiles import ROOT, read, shipped

FORMAT = shipped("camt")
TURNED = FORMAT.layout.model_copy(update={"reversals": "turned"})


def outcome(text: str | bytes) -> Read:
    return read(FORMAT, text if isinstance(text, bytes) else text.encode())


def facts(result: Read) -> dict[str, object]:
    """What a fixture's expected file holds: lines, balances, problems, identity."""
    lines = [
        [row["bank_account"], str(row["value_date"]), row["type_code"], row["amount_cents"],
         row["reference"], row["customer_reference"], row["text"], row["same_day"], row["line"]]
        for row in result.rows("bank_lines")
    ]  # fmt: skip
    balances = [
        [row["bank_account"], str(row["as_of_date"]), row["type_code"], row["amount_cents"]]
        for row in result.rows("bank_balances")
    ]
    problems = [[problem.code, problem.line] for problem in result.problems]
    identity = result.transmission.identity
    return {"lines": lines, "balances": balances, "problems": problems, "identity": identity}


def held(result: Read) -> list[str]:
    return [p.code for p in result.problems if CODES[p.code].severity == "error"]


def amounts(result: Read) -> list[int]:
    return [row["amount_cents"] for row in result.rows("bank_lines")]


def test_an_entry_may_lack_the_code_that_its_neighbours_have() -> None:
    """Seen by the mutations: it took the whole file down."""
    code = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd></Fmly></Domn></BkTxCd>"
    bare = [entry("5.00", reference=f"B{n}").replace(code, "") for n in (2, 3)]
    own = entry("5.00", reference="B4").replace(
        code, "<BkTxCd><Prtry><Cd>NTRF</Cd></Prtry></BkTxCd>"
    )
    entries = [bare[0], entry("5.00"), bare[1], own]
    result = outcome(
        message(statement(entries, [balance("OPBD", "0.00"), balance("CLBD", "20.00")]))
    )
    lines = [(row["reference"], row["type_code"]) for row in result.rows("bank_lines")]
    assert lines == [("B2", None), ("B1", "PMNT-RCDT"), ("B3", None), ("B4", "NTRF")]


def test_a_statement_is_lines_and_balances() -> None:
    text = message(statement(summary=SUMMARY))
    result = outcome(text)
    assert result.problems == []
    first, second, pending = result.rows("bank_lines")
    assert (first["amount_cents"], second["amount_cents"]) == (18870, -1230)
    assert (first["reference"], first["customer_reference"]) == ("B1", "E1")
    assert (first["type_code"], first["text"]) == ("PMNT-RCDT", "ANN LEE BILL 7")
    assert first["value_date"] == dt.date(2026, 11, 2)
    assert [row["same_day"] for row in (first, second, pending)] == [False, False, True]
    assert [r["ordinal"] for r in result.rows("bank_lines")] == [1, 2, 3]
    found = [(b["type_code"], b["amount_cents"]) for b in result.rows("bank_balances")]
    assert found == [("OPBD", 10000), ("CLBD", 27640)]
    start, length = first["byte_offset"], first["byte_length"]
    assert text.encode()[start : start + length] == ENTRIES[0].strip().encode()
    assert text[: first["byte_offset"]].count("\n") + 1 == first["line"]
    assert result.transmission.identity == "camt.053:M1:1:S1"


def test_an_entry_without_a_type_stands_among_others() -> None:
    coded = message(statement(summary=SUMMARY))
    bare = "<BkTxCd><Domn></Domn></BkTxCd>"
    code = "<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd></Fmly></Domn></BkTxCd>"
    second = coded.index(code, coded.index(code) + 1)
    result = outcome(coded[:second] + bare + coded[second + len(code) :])
    assert result.problems == []
    found = [row["type_code"] for row in result.rows("bank_lines")]
    assert found == ["PMNT-RCDT", None, "PMNT-RCDT"]


@pytest.mark.parametrize("version", range(1, 14))
@pytest.mark.parametrize("kind", ["052", "053", "054"])
def test_every_version_is_read_alike(kind: str, version: int) -> None:
    old = version < 7
    entries = [e.replace("<Sts><Cd>BOOK</Cd></Sts>", "<Sts>BOOK</Sts>") for e in ENTRIES]
    body = statement(entries if old else ENTRIES, kind=kind)
    result = outcome(message(body, kind=kind, version=version))
    assert not held(result)
    assert amounts(result) == [18870, -1230, 500]
    shown = [row["same_day"] for row in result.rows("bank_lines")]
    assert shown == ([False, False, True] if kind == "053" else [True] * 3)
    assert bool(result.rows("bank_balances")) == (kind == "053")


def rewritten(how: str) -> str:
    text = message()
    if how == "prefixed":
        text = re.sub(r"<(/?)(?=[A-Z])", r"<\1ns2:", text)
        return text.replace("xmlns=", "xmlns:ns2=")
    if how == "bare":
        return re.sub(r' xmlns="[^"]*"', "", text)
    if how == "wrapped":
        inner = text.partition("\n")[2]
        return f"<Envelope><AppHdr><MsgDefIdr>x</MsgDefIdr></AppHdr>{inner}</Envelope>"
    if how == "one line":
        return text.replace("\n", "")
    if how == "CRLF":
        return text.replace("\n", "\r\n")
    if how == "BOM":
        return "\ufeff" + text
    if how == "other name":
        return text.replace("camt.053.001.08", "camt.052.001.02")
    if how == "comments":
        return text.replace("188.70", "18<!-- <Ntry> -->8.70").replace(
            "<Id>S1", "<?x </Ntry>?><Id>S1"
        )
    if how == "cdata":
        return text.replace("BILL 7", "<![CDATA[BILL 7]]>")
    if how == "attributes":
        return text.replace("<BkTxCd>", "<BkTxCd note='a > b' other=\"&lt;/Ntry>\">")
    if how == "raw >":
        return text.replace("<AcctSvcrRef>B2", "<X>a > b Ntry> c</X><AcctSvcrRef>B2")
    return text.replace(
        "<Dt>2026-11-02</Dt></ValDt>", "<DtTm>2026-11-02T01:00:00+14:00</DtTm></ValDt>"
    )


HOWS = ["prefixed", "bare", "wrapped", "one line", "CRLF", "BOM", "other name", "comments", "cdata",
        "attributes", "raw >", "date and time"]  # fmt: skip


FIXTURES = sorted((ROOT / "fixtures" / "camt").glob("*.xml"))
FAULTS = sorted((ROOT / "fixtures" / "problems").glob("*.xml"))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_fixture_is_read_as_expected(path: Path) -> None:
    result = outcome(path.read_bytes())
    expected = json.loads(path.with_suffix(".expected.json").read_text())
    assert facts(result) == expected


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.stem)
def test_a_problem_fixture_raises_its_problem(path: Path) -> None:
    assert outcome(path.read_bytes()).told(path.stem).message


def test_there_are_fixtures() -> None:
    assert len(FIXTURES) >= 4
    assert len(FAULTS) >= 12


@pytest.mark.parametrize("block", [1 << 20, 300, 7])
@pytest.mark.parametrize("how", HOWS)
def test_other_ways_to_write_it_mean_the_same(
    how: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xmlscan, "BLOCK", block)
    text = rewritten(how)
    assert text != message()
    result, plain = outcome(text), outcome(message())
    assert result.problems == plain.problems == []
    for table in ("bank_lines", "bank_balances"):
        for name in result.tables[table].column_names:
            if name not in ("line", "byte_offset", "byte_length"):
                assert (
                    result.tables[table][name].to_pylist() == plain.tables[table][name].to_pylist()
                )
    assert result.transmission == plain.transmission
    data = text.encode()
    for row in result.rows("bank_lines"):
        source = data[row["byte_offset"] : row["byte_offset"] + row["byte_length"]]
        assert source.startswith((b"<Ntry", b"<ns2:Ntry"))
        assert source.endswith(b"Ntry>")


def test_references_are_text() -> None:
    result = outcome(message().replace("ANN LEE", "A&amp;B &lt;&#x41;&#66;&gt; &apos;&quot;"))
    assert result.rows("bank_lines")[0]["text"] == "A&B <AB> '\" BILL 7"


@pytest.mark.parametrize(
    ("written", "cents"),
    [("188.70", 18870), ("188.7", 18870), ("188", 18800), ("188.70000", 18870),
     ("000000000000000188.70", 18870), ("0.00", 0), ("188.701", None), ("-1.00", None),
     ("+1.00", None), ("1,00", None), ("1e2", None), ("", None), ("١.00", None),
     ("99999999999999.00", None), ("18 8.70", None)],
)  # fmt: skip
def test_amounts_are_exact(written: str, cents: int | None) -> None:
    result = outcome(message(statement([entry(written)], [])))
    if cents is None:
        assert "RECORD_UNREADABLE" in held(result)
        assert not amounts(result)
    else:
        assert amounts(result) == [cents]
        assert not held(result)


def test_a_closing_balance_that_is_a_cent_off_holds() -> None:
    result = outcome(message().replace("276.40", "276.41"))
    problem = result.told("BALANCE_WRONG")
    assert held(result) == ["BALANCE_WRONG"]
    assert "declares 276.41, holds 276.40, difference 0.01" in problem.message


def test_a_statement_that_stands_twice_in_a_file_holds_it() -> None:
    twice = outcome(message(statement() + statement()))
    assert held(twice) == ["LINE_REPEATED"]
    assert "stands twice in the file" in twice.told("LINE_REPEATED").message
    assert twice.told("LINE_REPEATED").field == "Id"
    other = "<Acct><Id><Othr><Id>4000002</Id></Othr></Id><Ccy>USD</Ccy></Acct>"
    assert held(outcome(message(statement() + statement(identity="S2")))) == []
    assert held(outcome(message(statement() + statement(account=other)))) == []
    report = statement(kind="052")
    assert held(outcome(message(report + report, kind="052"))) == []  # nothing of it posts


def test_the_previous_closing_balance_can_open() -> None:
    assert outcome(message().replace("OPBD", "PRCD")).problems == []


def test_an_overdrawn_account_has_a_negative_balance() -> None:
    balances = (balance("OPBD", "100.00", "DBIT"), balance("CLBD", "76.40"))
    result = outcome(message(statement(balances=balances)))
    assert result.problems == []
    assert result.rows("bank_balances")[0]["amount_cents"] == -10000


def test_without_balances_nothing_is_proved_and_it_is_said() -> None:
    result = outcome(message(statement(balances=())))
    assert "nothing proves" in result.told("RECORD_DEVIATES").message
    assert not held(result)


def test_reversals_are_signed_by_the_indicator_unless_the_format_says_otherwise() -> None:
    entries = [entry(), entry("12.30", "CRDT", reversal=True, reference="B2")]
    text = message(statement(entries)).encode()
    result = read(FORMAT, text)
    assert held(result) == ["BALANCE_WRONG"]
    assert 'reversals = "turned"' in str(result.problems)
    turned = read(replace(FORMAT, layout=TURNED), text)
    assert turned.problems == []
    assert amounts(turned) == [18870, -1230]
    kept = [entry(), entry("12.30", "DBIT", reversal=True, reference="B2")]
    assert outcome(message(statement(kept))).problems == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (">3<", ">4<", "FILE_COUNT_WRONG"),
        (">206.00<", ">206.01<", "FILE_TOTAL_WRONG"),
        (">206.00<", ">2o6.00<", "RECORD_UNREADABLE"),
        (">3<", "><", "RECORD_UNREADABLE"),
    ],
)
def test_the_summary_must_hold(old: str, new: str, code: str) -> None:
    assert held(outcome(message(statement(summary=SUMMARY)).replace(old, new, 1))) == [code]


def test_a_summary_of_booked_entries_or_net_holds_too() -> None:
    booked = SUMMARY.replace(">3<", ">2<").replace("206.00", "201.00")
    net = SUMMARY.replace("206.00", "176.40")
    sides = (
        "<TxsSummry><TtlCdtNtries><NbOfNtries>2</NbOfNtries><Sum>193.70</Sum></TtlCdtNtries>"
        "<TtlDbtNtries><NbOfNtries>1</NbOfNtries><Sum>-12.30</Sum></TtlDbtNtries></TxsSummry>"
    )
    for summary in (booked, net, sides):
        assert outcome(message(statement(summary=summary))).problems == []


def batch(count: int, *details: str) -> str:
    inner = f"<Btch><NbOfTxs>{count}</NbOfTxs></Btch>{''.join(details)}"
    return message(statement([entry("10.00", details=inner)], ()))


def test_details_of_a_batch_must_make_its_amount_and_number() -> None:
    pair = (detail("6.00"), detail("4.00"))
    assert not held(outcome(batch(2, *pair)))
    assert not held(outcome(batch(20)))
    assert "SUMMARY_DIFFERS" in [p.code for p in outcome(batch(20, detail("10.00"))).problems]
    assert held(outcome(batch(3, *pair))) == ["FILE_COUNT_WRONG"]
    assert held(outcome(batch(2, detail("6.00"), detail("4.01")))) == ["FILE_TOTAL_WRONG"]
    assert held(outcome(batch(2, detail("12.00"), detail("2.00", "DBIT")))) == []
    repeated = outcome(batch(2, detail("10.00"), detail("10.00")))
    assert not held(repeated)
    assert "repeats its whole amount" in str(repeated.problems)


def test_other_currencies_are_shown_and_mixed_ones_hold() -> None:
    euro = message().replace("USD", "EUR")
    result = outcome(euro)
    assert not held(result)
    assert result.told("CURRENCY_OTHER").line == 4
    assert all(row["same_day"] for row in result.rows("bank_lines"))
    assert not result.rows("bank_balances")
    assert held(outcome(message().replace("USD", "EUR", 1))) == ["CURRENCY_WRONG"]
    mixed = message(statement([entry(currency="EUR")], ()))
    assert held(outcome(mixed)) == ["CURRENCY_WRONG"]
    assert held(outcome(message().replace(' Ccy="USD"', "", 1))) == ["CURRENCY_WRONG"]


def test_pages_of_a_statement_are_proved_together_only() -> None:
    header = "<MsgPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></MsgPgntn>"
    result = outcome(message(statement(ENTRIES[:1]), header=header))
    assert not held(result)
    assert "several pages" in result.told("RECORD_DEVIATES").message
    second = header.replace(">1<", ">2<").replace("false", "true")
    again = outcome(message(statement(ENTRIES[1:]), header=second))
    assert not held(again)
    assert again.transmission.identity != result.transmission.identity


def test_several_statements_are_judged_each_by_itself() -> None:
    body = statement() + statement(identity="S2", account="<Acct><Id><IBAN>X9</IBAN></Id></Acct>")
    result = outcome(message(body))
    assert result.problems == []
    accounts = [row["bank_account"] for row in result.rows("bank_lines")]
    assert accounts == ["4000001"] * 3 + ["X9"] * 3
    assert result.transmission.identity == "camt.053:M1:1:S1:S2"
    broken = outcome(
        message(body[: body.rfind("276.40")] + "276.39" + body[body.rfind("276.40") + 6 :])
    )
    assert "X9" in broken.told("BALANCE_WRONG").message


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<Document", "<!DOCTYPE Document [<!ENTITY a 'b'>]><Document", "FILE_STRUCTURE"),
        ("<Document", "<!DOCTYPE Document SYSTEM 'file:///etc/passwd'><Document", "FILE_STRUCTURE"),
        ("ANN LEE", "&a;", "FILE_STRUCTURE"),
        ("ANN LEE", "A & B", "FILE_STRUCTURE"),
        ("</Document>\n", "</Document>x", "FILE_STRUCTURE"),
        ("</Ntry>", "</Entry>", "FILE_STRUCTURE"),
        ("ANN LEE", "ANN\0LEE", "NUL_BYTES"),
        ("ANN LEE", "<a>" * 80 + "</a>" * 80, "FILE_STRUCTURE"),
        ("UTF-8", "UTF-16", "ENCODING_WRONG"),
        ("UTF-8", "cp037", "ENCODING_WRONG"),
        ("<Sts><Cd>BOOK</Cd></Sts>", "<Sts><Cd>BOOK</Cd></Sts><Amt Ccy='USD'>1</Amt>",
         "RECORD_UNREADABLE"),
        ("CRDT</CdtDbtInd><Sts>", "CREDIT</CdtDbtInd><Sts>", "RECORD_UNREADABLE"),
        ("BkToCstmrStmt", "BkToCstmrStatement", "NO_STATEMENT"),
    ],
)  # fmt: skip
def test_damage_holds_the_file(old: str, new: str, code: str) -> None:
    result = outcome(message().replace(old, new))
    assert code in held(result)
    assert result.told(code).message.endswith(".") or "ask" in result.told(code).message


@pytest.mark.parametrize(
    ("old", "new", "name", "line"),
    [
        # the header closes at the end: the first statement stood in it and was passed over
        ("</GrpHdr>", "", "Stmt", 4),
        ("<NtryDtls>", "<NtryDtls><Batch><Ntry></Ntry></Batch>", "Ntry", 6),
        ("<BkToCstmrStmt>", "<Ntry/><BkToCstmrStmt>", "Ntry", 3),
    ],
)
def test_what_stands_where_none_may_is_not_passed_over(
    old: str, new: str, name: str, line: int
) -> None:
    text = message(statement() + statement(identity="S2")).replace(old, new, 1)
    if not new:
        at = text.index("</Stmt>") + len("</Stmt>")
        text = text[:at] + old + text[at:]
    result = outcome(text)
    assert held(result) == ["FILE_STRUCTURE"]
    told = result.told("FILE_STRUCTURE")
    assert (told.line, told.field) == (line, name)


def test_what_a_bank_adds_of_its_own_is_left_alone() -> None:
    own = "<SplmtryData><Envlp><Ntry><Amt Ccy='USD'>9.00</Amt></Ntry></Envlp></SplmtryData>"
    result = outcome(message(statement().replace("</Stmt>", own + "</Stmt>")))
    assert not held(result)
    assert amounts(result) == amounts(outcome(message(statement())))


def test_a_doctype_is_refused_where_it_stands_before_anything_is_read() -> None:
    result = outcome(message().replace("<Document", "\n<!DOCTYPE Document><Document"))
    assert result.told("FILE_STRUCTURE").line == 3
    assert not amounts(result)


@pytest.mark.parametrize(
    ("old", "new"), [('"USD">188', '"USD>188'), ("<AcctSvcrRef>B1", "<AcctSvcrRef B1"),
                     ("<AcctSvcrRef>B1", "<!-- B1"), ("ANN", "<![CDATA[ANN"), ("ANN", "<?ANN")]
)  # fmt: skip
def test_what_stays_open_to_the_end_is_held(old: str, new: str) -> None:
    result = outcome(message().replace(old, new, 1))
    assert held(result)
    assert not amounts(result)


def test_no_statement_is_never_an_empty_success() -> None:
    assert held(outcome(message(""))) == ["NO_STATEMENT"]
    # the root says what a message is, and what it holds must be that
    for kind, others in (("053", "052 054"), ("052", "053"), ("054", "053")):
        for other in others.split():
            wrong = outcome(message(statement(kind=other), kind=kind))
            assert held(wrong) == ["FILE_STRUCTURE"]
            assert wrong.told("FILE_STRUCTURE").line == 4
        assert "FILE_STRUCTURE" not in held(outcome(message(statement(kind=kind), kind=kind)))
    assert outcome(message(statement((), ()))).told("NO_ACTIVITY")
    assert not held(outcome(message(statement((), ()))))


def test_bad_bytes_lose_a_character_and_no_file() -> None:
    data = message().replace("ANN LEE", "JOS\u00c9 PE\u00d1A").encode("latin-1")
    result = outcome(data)
    assert not held(result)
    assert result.told("CHARACTER_REPLACED")
    assert result.rows("bank_lines")[0]["text"] == "JOS? PE?A BILL 7"
    named = outcome(data.replace(b"UTF-8", b"ISO-8859-1"))
    assert named.problems == []
    assert named.rows("bank_lines")[0]["text"] == "JOS\u00c9 PE\u00d1A BILL 7"
    assert held(outcome(message().encode().replace(b"188.70", b"188.\xff0", 1)))


def test_odd_dates_and_states_are_told_and_never_posted_on_a_guess() -> None:
    odd = outcome(message().replace("<ValDt><Dt>2026-11-02", "<ValDt><Dt>2026-02-30"))
    assert odd.told("DATE_UNUSUAL")
    assert odd.rows("bank_lines")[0]["value_date"] == dt.date(2026, 11, 1)
    state = outcome(message(statement([entry(status="<Sts><Cd>DONE</Cd></Sts>")], ())))
    assert state.told("CODE_UNKNOWN")
    assert state.rows("bank_lines")[0]["same_day"]


def test_lines_of_a_large_file_are_numbered_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmlscan, "BLOCK", 4096)
    entries = [entry(f"{n}.01", reference=f"R{n}") for n in range(1, 400)]
    closing = sum(n * 100 + 1 for n in range(1, 400)) + 10000
    balances = (balance("OPBD", "100.00"), balance("CLBD", f"{closing // 100}.{closing % 100:02d}"))
    result = outcome(message(statement(entries, balances)))
    assert result.problems == []
    rows = result.rows("bank_lines")
    assert [row["ordinal"] for row in rows] == list(range(1, 400))
    assert all(b["line"] == a["line"] + 1 for a, b in pairwise(rows))


def test_an_entry_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xmlscan, "BLOCK", 4096)
    monkeypatch.setattr(xmlscan, "LARGEST_UNIT", 10_000)
    text = message().replace("ANN LEE", "A" * 50_000)
    assert "RECORD_TOO_LONG" in held(outcome(text))
