"""Work lists as workbooks, and whatever spreadsheets save them as, back."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest
import python_calamine
from hypothesis import given
from hypothesis import strategies as st

from recond.exceptions import sheet
from recond.exceptions.answers import (
    AnswerError,
    action_of,
    cents_of,
    decision_id,
    parts_of,
    plain,
    read_answer,
    target_of,
)
from recond.exceptions.questions import row_key
from recond.exceptions.sheet_read import SheetError, read_sheet
from recond.exceptions.sheet_xlsx import workbook

HEADER = "row_key,check,action,to_account,amount_to_apply,note"
LINE = "RX-7K2M9QFA-1,BCDFGHJKMN,assign,00456789,50.00,seen"


def rows(count: int = 3) -> pa.Table:
    """Rows of a work list with content that spreadsheets like to change."""
    hostile = ["=1+1", "MAR 3", "1E5", "00123", "(12.00)", "TRUE", "O'Brien", "\u00e4\u00f6\u20ac",
               '=HYPERLINK("http://x","y")', "+1-555", "1/2", " 007 ", "-5", "a;b,c\td",
               "10%"]  # fmt: skip
    made = []
    for number in range(count):
        text = hostile[number % len(hostile)]
        cells = dict.fromkeys(sheet.COLUMNS, text)
        key = f"X{number:012d}".replace("0", "Z")
        cells |= {
            "row_key": row_key(key, number % 9 + 1),
            "check": sheet.check(b"key", (key, str(number)), ()),
            "exception_id": key,
            "account_on_item": f"00{number:08d}",
            "check_number": f"{number:010d}",
            "trace_number": f"09100001{number:07d}",
            "amount": sheet.amount_text(number * 997),
            "allowed_actions": "assign split hold" if number % 2 else "approve deny",
            "action": "", "to_account": "", "amount_to_apply": "", "note": "",
        }  # fmt: skip
        made.append(cells)
    return pa.Table.from_pylist(made, sheet.SHEET)


def test_a_workbook_is_text_and_the_same_bytes() -> None:
    data = workbook(rows(20), "stem")
    assert data == workbook(rows(20), "stem")
    book = python_calamine.load_workbook(io.BytesIO(data))
    assert book.sheet_names == ["READ-ME", "Work list", "Lists"]
    cells = book.get_sheet_by_name("Work list").to_python()
    assert cells[0] == list(sheet.COLUMNS)
    assert all(isinstance(cell, str) for line in cells for cell in line)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        xml = packed.read("xl/worksheets/sheet2.xml").decode()
        assert "<f>" not in xml
        assert "sheetProtection" in xml
        assert "autoFilter" in xml
        assert xml.count("<dataValidation ") == 20
        assert 'state="frozen"' in xml
        assert "recond_batch" in packed.read("docProps/custom.xml").decode()


def test_workbook_and_csv_have_the_same_rows() -> None:
    table = rows(30)
    book, text = read_sheet(workbook(table, "s")), read_sheet(sheet.work_list_csv(table))
    assert [row.cells for row in book] == [row.cells for row in text]
    assert len(book) == 30


@pytest.mark.parametrize(
    "data",
    [
        f"{HEADER}\n{LINE}\n".encode(),
        b"\xef\xbb\xbf" + f"{HEADER}\r\n{LINE}\r\n".encode(),
        f"{HEADER}\r{LINE}".encode(),
        f"{HEADER}\n{LINE}\n".replace(",", ";").encode("cp1252"),
        f"{HEADER}\n{LINE}\n".replace(",", "\t").encode("utf-16"),
        f"{HEADER}\n{LINE}\n".replace(",", "\t").encode("utf-16-le"),
        f"{HEADER}\n{LINE}\n".replace(",", "\t").encode("utf-16-be"),
        f"sep=;\r\n{HEADER}\r\n{LINE}\r\n".replace(",", ";").encode(),
        f'"sep=|"\n{HEADER}\n{LINE}\n'.replace(",", "|").encode(),
        f",,,,,\n  ,\n{HEADER},Other\n,,,\n{LINE},x\n , \n".encode(),
        f" Row Key ,CHECK,Action,to-account,Amount to apply,NOTE\n{LINE}".encode(),
        (
            b'"row_key","note","check","action","to_account","amount_to_apply"\n'
            b'"RX-7K2M9QFA-1","seen","BCDFGHJKMN","assign","00456789","50.00"'
        ),
    ],
)
def test_every_form_of_text(data: bytes) -> None:
    (row,) = read_sheet(data)
    assert [row.cells[name] for name in HEADER.split(",")] == LINE.split(",")


def test_cp1252_and_utf8_are_told_apart() -> None:
    for encoding in ("utf-8", "cp1252"):
        (row,) = read_sheet(f"{HEADER}\nk,c,hold,,,Müller – später".encode(encoding))
        assert row.cells["note"] == "Müller – später"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no row_key column"),
        (LINE.encode(), "no row_key column"),
        (b"row_key,check\nk,c\n", "column action was deleted"),
        (b"row_key,action,row_key\nk,c,d\n", "row_key stands there twice"),
        (b"row_key,action\n\0\0\0", "NUL bytes"),
        (b"PK\x03\x04 half a file", "damaged or only half written"),
        (bytes.fromhex("D0CF11E0A1B11AE1") + b"nothing", "cannot be read"),
        (b"\xff\xfea", "no whole utf-16"),
        (b'row_key,action\n"open quote\n', None),
    ],
)
def test_what_is_no_work_list(data: bytes, words: str | None) -> None:
    if words is None:
        assert len(read_sheet(data)) == 1
        return
    with pytest.raises(SheetError, match=words):
        read_sheet(data)


@given(st.binary(max_size=300))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    for begin in (b"", b"row_key,action\n", b"PK\x03\x04"):
        try:
            read_sheet(begin + data)
        except SheetError:
            continue


@pytest.mark.parametrize("text", ["Accept 1", "accept-1", "“accept_1”", " ACCEPT_1 ", "'accept_1"])
def test_actions_as_people_write_them(text: str) -> None:
    assert action_of(text) == "accept_1"


def test_targets_and_amounts_as_people_write_them() -> None:
    assert target_of("acct 00456789 due 1,084.10 USD") == "00456789"
    assert target_of("’00456789\u00a0") == "00456789"
    assert target_of("item xw1") == "XW1"
    assert cents_of("1,234.50 USD") == 123450
    assert cents_of("$ 50") == 5000
    assert cents_of("34.1") == 3410
    assert cents_of("  ") is None
    for wrong in ("1.234,50", "1,23", "12e3", "-1", "0", "1.005", "٣"):
        with pytest.raises(AnswerError):
            cents_of(wrong)
    parts = parts_of("00456789=50.00; acct 00456790 = 1,034.10 ;")
    assert [(part.target, part.cents) for part in parts] == [
        ("00456789", 5000), ("00456790", 103410),
    ]  # fmt: skip
    for wrong in ("", "00456789", "=5", "a=b"):
        with pytest.raises(AnswerError):
            parts_of(wrong)


def test_a_decision_is_its_content() -> None:
    def identity(**cells: str) -> str:
        answer = read_answer(cells)
        return decision_id("X1", 1, answer.action, answer.args())

    base = identity(action="assign", to_account="00456789")
    assert base == identity(action=" Assign ", to_account="acct 00456789", note="other words")
    assert base != identity(action="assign", to_account="00456788")
    assert base != identity(action="assign", to_account="00456789", amount_to_apply="1.00")
    assert identity(action="hold") != identity(action="hold", note="until 2026-12-01")


def test_plain_is_idempotent() -> None:
    for text in ("\u00a0 a \u2019b\u2019 \t", "'=x", "a\u2013b"):
        assert plain(plain(text)) == plain(text)


# --- a real spreadsheet ---------------------------------------------------------------------------

FORMS = {
    "xlsx": "xlsx:Calc MS Excel 2007 XML",
    "ods": "ods:calc8",
    "xls": "xls:MS Excel 97",
    "comma.csv": "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,{}",
    "semicolon.csv": "csv:Text - txt - csv (StarCalc):59,34,1,1,,0,false,true,false,false,false,{}",
    "tab.txt": "txt:Text - txt - csv (StarCalc):9,34,65535,1,,0,false,true,false,false,false,{}",
}


def converted(source: Path, form: str, folder: Path, *, infilter: str | None = None) -> Path:
    """A file opened and saved again by LibreOffice."""
    office = shutil.which("soffice")
    if office is None:
        pytest.skip("LibreOffice is not installed (libreoffice-calc)")
    kind = form.format(2 if source.suffix == ".xlsx" else 1)
    target = folder / kind.replace(":", "-").replace(" ", "")[:20]
    target.mkdir(parents=True, exist_ok=True)
    command = [
        office, f"-env:UserInstallation=file://{folder / 'profile'}", "--headless",
        *([f"--infilter={infilter}"] if infilter else []),
        "--convert-to", kind, "--outdir", str(target), str(source),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    found = [path for path in target.iterdir() if path.suffix == f".{kind.split(':')[0]}"]
    assert found, done.stderr + done.stdout
    return found[0]


@pytest.mark.parametrize("source", ["list.xlsx", "list.csv"])
def test_libreoffice_round_trip(source: str, tmp_path: Path) -> None:
    """2,000 rows with hostile content, opened with number detection on and saved in six forms:
    no key, check, answer or compared column changes."""
    table = rows(2000)
    # in a workbook cells are text whatever is typed; in a CSV a bare 00456789 is a number to any
    # spreadsheet, and only what is written as on the list stays
    typed = "00456789" if source.endswith("xlsx") else "acct 00456789"
    answers = ["assign", typed, "1,234.50 USD", "seen – später"]
    for name, text in zip(sheet.ANSWER, answers, strict=True):
        place = table.column_names.index(name)
        cells = pa.array([text] * 2000, pa.string())
        table = table.set_column(place, sheet.SHEET.field(name), cells)
    data = workbook(table, "s") if source.endswith("xlsx") else sheet.work_list_csv(table)
    (tmp_path / source).write_bytes(data)
    # comma, quote, UTF-8, from line 1, no column formats, language, quoted as text: no, detect
    detect = "CSV:44,34,76,1,,1033,false,true" if source.endswith("csv") else None
    wrote = read_sheet(data)
    names = (
        *sheet.ANSWER, "row_key", "check", "exception_id", "amount", "account_on_item",
        "check_number", "trace_number",
    )  # fmt: skip
    for form in FORMS.values():
        path = converted(tmp_path / source, form, tmp_path, infilter=detect)
        back = read_sheet(path.read_bytes())
        assert len(back) == 2000, form
        for before, after in zip(wrote, back, strict=True):
            for name in names:
                assert plain(after.cells[name]) == plain(before.cells[name]), (form, name)


def test_a_csv_that_excel_saved_with_tabs() -> None:
    out = io.StringIO()
    writer = csv.writer(out, dialect="excel-tab")
    writer.writerow(HEADER.split(","))
    writer.writerow(LINE.split(","))
    (row,) = read_sheet(out.getvalue().encode("utf-16"))
    assert row.cells["row_key"] == "RX-7K2M9QFA-1"
