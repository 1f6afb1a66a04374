"""Real bank statements of every format through `process` and clearing in one home, beside deposits
that they do not bring: nothing is paired; the one deposit that a line does bring is."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office, cents, check, lockbox_file, receivable, receivables_csv
from sqlalchemy import func, select

from recond.store import schema

TODAY = dt.date(2026, 3, 16)
X = "1000456012"
FORMATS = {"bai2", "mt940", "camt", "ofx", "csv-bank"}
LARGEST = 60_000  # bytes: what is longer says nothing more about clearing


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "home")
    owed = [receivable(X, "W1", "WATER", "2026-03-28", 90_000_000)]
    made.take("receivables", "open.csv", receivables_csv(owed), TODAY)
    yield made
    made.prove()
    made.close()


def decoys(office: Office, amounts: list[int]) -> None:
    """Lockbox checks over amounts that stand on the statements, of another year."""
    day = TODAY - dt.timedelta(days=3)
    for n, amount in enumerate(amounts):
        one = check(amount, (X, None), number=str(5000 + n))
        content = lockbox_file([one], day, box=f"{7000 + n:07d}", time=f"10{n:02d}")
        assert office.take("lockbox", f"{n}.bai", content, TODAY).state == "accepted"


def test_real_statements_bring_no_deposit_that_is_not_theirs(office: Office, samples: Path) -> None:
    decoys(office, [25_001, 490_196, 905_800, 35_000])
    with (samples / "MANIFEST.tsv").open(newline="") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["format"] in FORMATS]
    for row in rows:
        path = samples / row["path"]
        if row["status"] in {"valid", "deviant"} and path.stat().st_size <= LARGEST:
            office.drop("bank", path.name, path.read_bytes())
    done = office.process(TODAY)
    taken = {one.name for one in done if one.state == "accepted"}
    assert {Path(name).suffix for name in taken} >= {".bai2", ".ofx", ".xml", ".sta"}
    assert office.rows("clearings", TODAY) == []
    found = office.rows("bank_lines", TODAY)
    counted = [row for row in found if row["state"] in {"suspense", "receipt"}]
    assert {cents(row["amount"]) for row in counted} >= {25_001, 490_196, 905_800, 35_000}
    journal = office.journal()
    assert journal["100", "1010"] == sum(cents(row["amount"]) for row in counted)
    assert len(office.rows("deposits", TODAY)) == 4
    assert journal["100", "1080"] == 25_001 + 490_196 + 905_800 + 35_000
    # a file of the day that a line of a real statement is of: the one pair that is right
    (line,) = [row for row in found if (row["type_code"], cents(row["amount"])) == ("174", 25_001)]
    late = lockbox_file([check(25_001, (X, None), number="7")], line["value_date"], time="1100")
    office.take("lockbox", "late.bai", late, TODAY)
    (pair,) = office.rows("clearings", TODAY)
    assert (pair["bank_line_id"], cents(pair["amount"])) == (line["bank_line_id"], 25_001)
    assert office.journal()["100", "1010"] == journal["100", "1010"]


def test_balances_of_real_statements_chain(office: Office, samples: Path) -> None:
    """Two days of one real file: each closes where the next one opens, and nothing is asked."""
    (path,) = samples.rglob("svb_us_example.bai2")
    office.take("bank", path.name, path.read_bytes(), TODAY)
    table = schema.statement.c
    with office.run(TODAY).store.read() as connection:
        (row,) = connection.execute(select(schema.statement)).all()
        assert connection.scalar(select(func.count()).where(table.file_no == row.file_no)) == 1
    assert row.opening_cents + row.lines_cents == row.closing_cents == 36_122_975
    assert "STATEMENT_CHAIN_BROKEN" not in office.questions()
