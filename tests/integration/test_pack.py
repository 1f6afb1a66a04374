"""The month's pack as files: the same bytes on both databases and whoever makes them when, a
workbook that a spreadsheet opens as it is, pictures and a certificate that say what the statements
say."""

from __future__ import annotations

import datetime as dt
import io
import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from office import NOW, Office, check, lockbox_file, receivable, receivables_csv, statement
from python_calamine import CalamineWorkbook

from recond.closing import checklist
from recond.exports.certificate import certificate
from recond.exports.pictures import pictures
from recond.exports.statements import STATEMENTS, Month, Statement
from recond.pipeline.monthend import export_month_end, month_of
from recond.pipeline.run import Run

A, B = "1000456012", "1000456013"
MARCH, NEXT = dt.date(2026, 3, 16), dt.date(2026, 3, 17)
APRIL = dt.date(2026, 4, 14)


def filled(office: Office) -> None:
    """A lockbox, the counter and the bank, with a payer unknown and a drawer that is short."""
    bills = [receivable(A, "1W", "WATER", "2026-01-28", 5000),
             receivable(B, "2S", "SEWER", "2026-03-28", 7000)]  # fmt: skip
    office.take("receivables", "open.csv", receivables_csv(bills), MARCH)
    checks = [check(4130, (A, None)), check(2000, (B, None)), check(700, ("9999999999", None))]
    office.take("lockbox", "day.bai", lockbox_file(checks, MARCH), MARCH)
    head = ("receipt_number,drawer,cashier,business_date,time,account_number,item_number,tender,"
            "amount\n")  # fmt: skip
    office.take("cashier", "r.csv", head + f"1,D1,ana,{MARCH},10:00,{B},,CASH,15.00\n", MARCH)
    close = "drawer,cashier,business_date,opening_float,counted_cash,counted_checks,deposit_bag\n"
    office.take("cashier", "c.csv", close + f"D1,ana,{MARCH},0.00,14.00,0.00,B1\n", MARCH)
    lines = [("115", 6830, "LOCKBOX 0012345")]
    office.take("bank", "s.bai2", statement(100, lines, NEXT), NEXT)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = Office(tmp_path_factory.mktemp("pack") / "home")
    filled(made)
    yield made
    made.close()


def pack(run: Run, as_of: dt.date | None = None) -> dict[str, bytes]:
    folder, _ = export_month_end(run, "2026-03", as_of)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def asked(office: Office) -> tuple[Month, dict[str, Statement]]:
    run = office.run(APRIL)
    with run.store.read() as connection:
        month = month_of(connection, run, "2026-03", checklist(connection, run, "2026-03"))
        return month, {name: make(month) for name, make in STATEMENTS.items()}


def test_whoever_makes_the_pack_and_when_it_is_the_same_bytes(office: Office) -> None:
    first = pack(office.run(APRIL))
    later = replace(office.run(APRIL, NOW + dt.timedelta(days=3, hours=5)), actor="somebody else")
    assert pack(later) == first
    assert b"questions" in first["close_checklist.csv"]


@pytest.mark.postgres
def test_both_databases_give_the_same_bytes(
    office: Office, tmp_path: Path, postgres_url: str
) -> None:
    other = Office(tmp_path / "home", postgres_url)
    filled(other)
    ours, theirs = pack(office.run(APRIL)), pack(other.run(APRIL))
    other.close()
    assert [name for name in ours if ours[name] != theirs.get(name)] == []
    assert ours.keys() == theirs.keys()


def test_every_gate_stands_in_the_docs_with_what_to_do(office: Office) -> None:
    month, _ = asked(office)
    text = (Path(__file__).parents[2] / "docs" / "month-end.md").read_text()
    told = dict(re.findall(r"^\| ([a-z ]+) \| .+ \| .+ \| (.{40,}) \|$", text, re.MULTILINE))
    assert {gate.name for gate in month.gates} <= set(told)
    assert len(month.gates) > 6


# --- pictures and the certificate -----------------------------------------------------------------


def test_pictures_are_sums_of_their_statements(office: Office) -> None:
    month, made = asked(office)
    owed, channels, questions = pictures(made)
    assert dict(owed.bars) == {
        "not due": 0, "days 0 30": 7000 - 2000 - 1500, "days 31 60": 0, "days 61 90": 870,
        "days 91 120": 0, "over 120": 0,
    }  # fmt: skip
    assert dict(channels.bars) == {"CASHIER": 1500, "LOCKBOX": 6830}
    assert sum(value for _, value in channels.bars) == made["daily_cash"].cents
    assert dict(questions.bars) == {
        "ACCOUNT_NOT_FOUND": 1, "DRAWER_SHORT": 1
    }  # fmt: skip
    assert month.last == dt.date(2026, 3, 31)


def drawn(data: bytes) -> tuple[str, list[float]]:
    """The words of a PDF, a line each, and the widths of its filled bars in points."""
    pages = [
        zlib.decompress(found).decode("latin-1")
        for found in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
        if found[:1] == b"\x78"
    ]
    words = re.findall(r"\((.*?)\) Tj", "\n".join(pages))
    bars = re.findall(r"^[\d.]+ [\d.]+ ([\d.]+) -?[\d.]+ re f$", pages[0], re.MULTILINE)
    return "\n".join(words).replace("\\", ""), [float(width) for width in bars]


def test_the_certificate_shows_figures_gates_pictures_and_lines_to_sign(office: Office) -> None:
    month, made = asked(office)
    words, bars = drawn(certificate(month, made, []))
    for text in ("Prepared by", "Reviewed by", "83.30", "Receipts by channel", "LOCKBOX",
                 "NOT READY TO CLOSE: questions, suspense", "0.00."):  # fmt: skip
        assert text in words, text
    assert "DOES NOT TIE" not in words
    # the longest of a picture is as long as that of another; the others by their cents
    widest = max(bars)
    assert pytest.approx(sorted(bars), abs=1.1) == sorted(
        widest * share for share in (1, 870 / 3500, 1, 1500 / 6830, 1, 1)
    )


def test_a_tie_out_that_fails_is_on_the_first_page(office: Office) -> None:
    month, made = asked(office)
    one = made["daily_cash"]
    wrong = replace(one, ties=(replace(one.ties[0], right_cents=one.cents - 4275), *one.ties[1:]))
    words, _ = drawn(certificate(replace(month, gates=()), {**made, "daily_cash": wrong}, []))
    assert re.search(r"1 of \d+ tie-outs DO NOT TIE", words)
    assert "DOES NOT TIE" in words
    assert "42.75" in words
    assert "NOT READY" not in words


# --- a real spreadsheet ---------------------------------------------------------------------------


def test_libreoffice_opens_the_workbook_and_finds_the_same_figures(
    office: Office, tmp_path: Path
) -> None:
    soffice = shutil.which("soffice")
    if soffice is None:
        pytest.skip("LibreOffice is not installed (libreoffice-calc)")
    data = pack(office.run(APRIL))["month-end-2026-03.xlsx"]
    source = tmp_path / "pack.xlsx"
    source.write_bytes(data)
    command = [soffice, f"-env:UserInstallation=file://{tmp_path / 'profile'}", "--headless",
               "--convert-to", "ods:calc8", "--outdir", str(tmp_path), str(source)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert "repair" not in (done.stdout + done.stderr).lower()
    ours = CalamineWorkbook.from_filelike(io.BytesIO(data))
    theirs = CalamineWorkbook.from_path(tmp_path / "pack.ods")
    assert theirs.sheet_names == ours.sheet_names
    for name in ours.sheet_names:
        left = ours.get_sheet_by_name(name).to_python()
        right = theirs.get_sheet_by_name(name).to_python()
        cells = [[cell for cell in row if cell != ""] for row in (*left, *right)]
        assert cells[: len(left)] == cells[len(left) :], name
    front = theirs.get_sheet_by_name("Summary").to_python()
    assert {row[4] for row in front[3:]} == {0.0}, "computed anew by the spreadsheet"
