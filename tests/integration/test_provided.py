"""What an auditor's request list asks for: one ZIP whose index says what each file is, of which
days, with rows, control totals and hashes; the same books and request, the same bytes."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from office import NOW, Office, cents, check, lockbox_file, receivable, receivables_csv, recond

from recond import periods
from recond.closing import checklist
from recond.exports.datasets import DATASETS
from recond.exports.statements import STATEMENTS
from recond.pipeline.monthend import close_month
from recond.pipeline.provided import PROVIDED, _title

A, B = "1000456012", "1000456013"
MARCH, APRIL = dt.date(2026, 3, 16), dt.date(2026, 4, 14)
SUMMARIES = {"return_rates", "proof_of_cash", "proof_by_channel", "proof_items", "payers",
             "do_not_disconnect"}  # fmt: skip


def filled(office: Office) -> str:
    """A closed March and an open April; the hash of March's pack."""
    bills = [receivable(A, "1W", "WATER", "2026-03-28", 5000),
             receivable(B, "2S", "SEWER", "2026-03-28", 7000)]  # fmt: skip
    office.take("receivables", "open.csv", receivables_csv(bills), MARCH)
    checks = [check(5130, (A, None)), check(2000, (B, None))]
    office.take("lockbox", "march.bai", lockbox_file(checks, MARCH), MARCH)
    run = office.run(APRIL)
    with run.store.write() as connection:
        gates = checklist(connection, run, "2026-03")
        made = close_month(connection, run, "2026-03", gates, periods.Who("ana", NOW, APRIL))
    office.take("lockbox", "april.bai", lockbox_file([check(1000, (B, None))], APRIL), APRIL)
    return made.digest


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, str]]:
    office = Office(tmp_path_factory.mktemp("pbc") / "home")
    yield office, filled(office)
    office.close()


def asked(office: Office, out: Path, *more: object) -> tuple[zipfile.ZipFile, list[dict[str, str]]]:
    home = ["--home", office.home.path, "--as-of", "2026-04-14"]
    days = ["--from", "2026-03-01", "--to", "2026-04-14"]
    assert recond("audit", "pbc", *days, "--out", out, *more, *home) == 0
    bundle = zipfile.ZipFile(out)
    with io.TextIOWrapper(bundle.open("index.csv"), newline="") as source:
        return bundle, list(csv.DictReader(source))


def test_the_index_says_what_each_file_is_with_rows_totals_and_hashes(
    closed: tuple[Office, str], tmp_path: Path
) -> None:
    office, digest = closed
    bundle, index = asked(office, tmp_path / "a.zip", "--n", 2, "--seed", "7")
    listed = {row["file"]: row for row in index}
    assert all(row["what"] for row in index)
    names = set(bundle.namelist())
    assert names - set(listed) == {"index.csv", "SHA256SUMS"}
    sums = dict(reversed(line.split("  ")) for line in
                bundle.read("SHA256SUMS").decode().splitlines())  # fmt: skip
    assert set(sums) == names - {"SHA256SUMS"}
    for name, digest_of in sums.items():
        assert sha256(bundle.read(name)).hexdigest() == digest_of
        assert name == "index.csv" or listed[name]["sha256"] == digest_of
    receipts = listed["datasets/receipts.csv"]
    assert (receipts["rows"], receipts["total_of"], receipts["total"]) == ("3", "amount", "81.30")
    table = list(csv.DictReader(bundle.read("datasets/receipts.csv").decode().splitlines()))
    assert sum(cents(row["amount"]) for row in table) == 8130
    march, april = (f"statements/{month}/ar_ageing.csv" for month in ("2026-03", "2026-04"))
    assert (listed[march]["state"], listed[april]["state"]) == ("as closed", "as the books stand")
    assert {f"statements/2026-03/{name}.csv" for name in STATEMENTS} < names
    # what the certificate names is what the auditor gets
    hashes = bundle.read("statements/2026-03/SHA256SUMS").decode()
    assert sha256(hashes.encode()).hexdigest() == digest
    assert f"{listed[march]['sha256']}  ar_ageing.csv" in hashes
    told = json.loads(bundle.read("request.json"))
    assert told["months"] == [
        {"month": "2026-03", "state": "closed", "pack_sha256": digest},
        {"month": "2026-04", "state": "open"},
    ]
    assert told["sample"]["population"] == 3
    assert len(told["audit_head"]) == 64
    chosen = list(csv.DictReader(bundle.read("sample/sample.csv").decode().splitlines()))
    assert len(chosen) == 2
    for row in chosen:
        assert b"6001" in bundle.read(f"sample/{row['receipt_id']}/source.bin")
        assert f"sample/{row['receipt_id']}/explanation.json" in names


def test_only_what_is_asked_for_and_the_same_bytes_again(
    closed: tuple[Office, str], tmp_path: Path
) -> None:
    office, _ = closed
    only = ["--only", "journal", "--only", "refunds"]
    bundle, index = asked(office, tmp_path / "a.zip", *only)
    files = [name for name in bundle.namelist() if name.endswith(".csv")]
    assert sorted(files) == [
        "datasets/journal.csv", "index.csv", "statements/2026-03/refunds.csv",
        "statements/2026-04/refunds.csv",
    ]  # fmt: skip
    asked(office, tmp_path / "b.zip", *only)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert "request.json" in {row["file"] for row in index}
    home = ["--home", office.home.path, "--as-of", "2026-04-14"]
    days = ["--from", "2026-03-01", "--to", "2026-03-31", "--out", tmp_path / "c.zip"]
    assert recond("audit", "pbc", *days, "--only", "nothing", *home) == 2
    assert recond("audit", "pbc", *days, "--n", 2, *home) == 2
    late = ["--from", "2026-03-01", "--to", "2026-05-31", "--out", tmp_path / "c.zip"]
    assert recond("audit", "pbc", *late, *home) == 3
    back = ["--from", "2026-03-31", "--to", "2026-03-01", "--out", tmp_path / "c.zip"]
    assert recond("audit", "pbc", *back, *home) == 2
    assert not (tmp_path / "c.zip").exists()


def test_every_dataset_and_statement_can_be_asked_for_and_says_what_it_is() -> None:
    assert set(PROVIDED) == set(DATASETS) - SUMMARIES
    for name, (what, column) in PROVIDED.items():
        assert what
        assert column is None or column in DATASETS[name].schema.names
    assert all(len(_title(name)) > 15 for name in STATEMENTS)
