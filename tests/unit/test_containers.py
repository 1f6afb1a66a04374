"""gzip and zip around files: the same outcome as unpacked, and nothing harmful is unpacked."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from recond.cli import app
from recond.errors import UsageError
from recond.exceptions.codes import CODES
from recond.intake import containers
from recond.store import schema
from tests.office import Office
from tests.unit.camtfiles import message, statement
from tests.unit.formatfiles import ROOT

MOST = 1 << 30
LOCKBOX = (ROOT / "fixtures/demo/day1/lockbox/LBX_20261102_01.bai").read_bytes()
FAULTS = sorted((ROOT / "fixtures" / "problems").glob("PACKED_*"))


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def encrypted() -> bytes:
    data = bytearray(zipped(("a.txt", b"secret")))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


def judged(tmp_path: Path, data: bytes, most: int = MOST) -> tuple[str | None, int]:
    path = tmp_path / "packed"
    path.write_bytes(data)
    fault, members = containers.judge(path, most)
    return (fault.code if fault else None), members


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: zipped(("x.bai", data))])
def test_a_packed_file_is_read_as_if_it_were_not(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    packed = pack(LOCKBOX)
    assert judged(tmp_path, packed) == (None, 1)
    path = tmp_path / "packed"
    with containers.open_unpacked(path) as source:
        assert source.read() == LOCKBOX
    assert containers.head_of(path, 80) == LOCKBOX[:80]
    assert containers.slice_of(path, 200, 50) == LOCKBOX[200:250]


def test_what_is_not_packed_is_left_alone(tmp_path: Path) -> None:
    assert judged(tmp_path, LOCKBOX) == (None, 1)
    assert judged(tmp_path, b"") == (None, 1)
    assert containers.slice_of(tmp_path / "packed", 0, 5) == b""


def test_several_gzip_members_are_one_stream(tmp_path: Path) -> None:
    assert judged(tmp_path, gzip.compress(b"a\n") + gzip.compress(b"b\n")) == (None, 1)
    with containers.open_unpacked(tmp_path / "packed") as source:
        assert source.read() == b"a\nb\n"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a\\b", "C:x", "out/day.bai"])
def test_a_name_in_a_zip_is_never_used(tmp_path: Path, name: str) -> None:
    packed = zipped(("out/", b""), (name, LOCKBOX))
    assert judged(tmp_path, packed) == (None, 1)
    with containers.open_unpacked(tmp_path / "packed") as source:
        assert source.read() == LOCKBOX
    assert [path.name for path in tmp_path.iterdir()] == ["packed"]
    # an entry that is called a folder and holds bytes is no folder
    assert judged(tmp_path, zipped(("out/", LOCKBOX), (name, LOCKBOX))) == (None, 2)


def bad_crc() -> bytes:
    data = bytearray(gzip.compress(LOCKBOX))
    data[-5] ^= 1
    return bytes(data)


def many(count: int) -> bytes:
    return zipped(*((f"{n}.txt", b"") for n in range(count)))


ZEROS = bytes(8 << 20)
CASES: Sequence[tuple[str, bytes]] = [
    ("PACKED_TOO_LARGE", gzip.compress(ZEROS)),
    ("PACKED_TOO_LARGE", zipped(("a", ZEROS))),
    ("PACKED_TOO_LARGE", zipped(*((f"{n}", ZEROS[: 2 << 20]) for n in range(3)))),
    ("PACKED_NESTED", gzip.compress(gzip.compress(LOCKBOX))),
    ("PACKED_NESTED", zipped(("a.zip", zipped(("b", LOCKBOX))))),
    ("PACKED_ENCRYPTED", encrypted()),
    ("PACKED_MEMBERS", zipped()),
    ("PACKED_MEMBERS", many(1001)),
    ("PACKED_MEMBERS", zipped(("out/", b""))),
    ("PACKED_BROKEN", gzip.compress(LOCKBOX)[:-9]),
    ("PACKED_BROKEN", bad_crc()),
    ("PACKED_BROKEN", zipped(("a", LOCKBOX))[:-30]),
    ("PACKED_BROKEN", zipped(("a", LOCKBOX), method=zipfile.ZIP_LZMA)),
    ("PACKED_BROKEN", b"\x1f\x8b"),
    ("PACKED_BROKEN", b"PK\x03\x04 and nothing else"),
]


@pytest.mark.parametrize(("code", "data"), CASES)
def test_a_bad_container_is_held_with_its_reason(tmp_path: Path, code: str, data: bytes) -> None:
    assert judged(tmp_path, data)[0] == code
    assert CODES[code].severity == "error"


def test_a_bomb_is_stopped_long_before_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(squeezer.compress(bytes(1 << 20)) for _ in range(200)) + squeezer.flush()
    assert len(packed) < 220_000
    read = 0
    original = gzip.GzipFile.read

    def counting(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        nonlocal read
        data = original(self, size)
        read += len(data)
        return data

    monkeypatch.setattr(gzip.GzipFile, "read", counting)
    assert judged(tmp_path, packed)[0] == "PACKED_TOO_LARGE"
    assert 0 < read < 50 << 20


def test_the_limit_of_the_home_counts_unpacked_bytes(tmp_path: Path) -> None:
    assert judged(tmp_path, gzip.compress(LOCKBOX), len(LOCKBOX)) == (None, 1)
    assert judged(tmp_path, gzip.compress(LOCKBOX), len(LOCKBOX) - 1)[0] == "PACKED_TOO_LARGE"


def test_a_directory_that_lies_about_its_size_is_not_read(tmp_path: Path) -> None:
    data = bytearray(zipped(("a", b"x")))
    at = data.rindex(b"PK\x05\x06")
    data[at + 12 : at + 16] = struct.pack("<I", 1 << 30)
    assert judged(tmp_path, bytes(data))[0] == "PACKED_MEMBERS"


@pytest.mark.parametrize("path", FAULTS, ids=lambda path: path.name)
def test_a_problem_fixture_raises_its_problem(path: Path) -> None:
    fault, members = containers.judge(path, MOST)
    found = fault or containers.several(members, "bai_lockbox")
    assert found.code == path.stem


def test_there_is_a_fixture_for_each_code() -> None:
    assert {path.stem for path in FAULTS} == {c for c in CODES if c.startswith("PACKED_")}


def test_no_prefix_of_a_packed_file_is_sound(tmp_path: Path) -> None:
    for packed in (gzip.compress(LOCKBOX), zipped(("a", LOCKBOX))):
        for size in range(4, len(packed), 7):
            assert judged(tmp_path, packed[:size])[0] == "PACKED_BROKEN"


def test_a_packed_lockbox_posts_and_shows_its_unpacked_bytes(tmp_path: Path) -> None:
    office = Office(tmp_path / "home")
    try:
        outcome = office.take("lockbox", "day.gz", gzip.compress(LOCKBOX))
        assert outcome.state == "accepted", outcome.message
        receipt = office.rows("receipts")[0]
        run = office.run()
        (sha256,) = {row["sha256"] for row in office.rows("files")}
        shown = containers.slice_of(
            run.archived(sha256), receipt["byte_offset"], receipt["byte_length"]
        )
        assert shown.startswith(b"6")
        assert run.archived(sha256).read_bytes().startswith(b"\x1f\x8b")
    finally:
        office.close()


def test_a_zip_of_two_lockbox_files_waits_for_a_person(tmp_path: Path) -> None:
    office = Office(tmp_path / "home")
    try:
        outcome = office.take("lockbox", "two.zip", zipped(("a", LOCKBOX), ("b", LOCKBOX)))
        assert outcome.state == "held"
        assert office.questions() == ["PACKED_MEMBERS"]
    finally:
        office.close()


def bank_lines(office: Office) -> tuple[list[int], list[int]]:
    """Cents and lines of all bank lines in the books."""
    kept = schema.bank_line.c
    with office.run().store.read() as connection:
        rows = connection.execute(select(kept.amount_cents, kept.line)).all()
    return [row[0] for row in rows], [row[1] for row in rows]


def test_a_zip_of_statements_is_read_part_by_part_and_each_line_once(tmp_path: Path) -> None:
    first = message().encode()
    second = message(
        statement(identity="S2").replace("188.70", "88.70").replace("276.40", "176.40")
    )
    third = message(statement(identity="S3").replace("188.70", "8.70").replace("276.40", "96.40"))
    office = Office(tmp_path / "home")
    try:
        day = zipped(("b.xml", second.encode()), ("a.xml", first))
        outcome = office.take("bank", "one.zip", day)
        assert outcome.state == "accepted", outcome.message
        amounts, lines = bank_lines(office)
        assert sorted(amounts) == [-1230, -1230, 500, 500, 8870, 18870]
        assert max(lines) > first.count(b"\n")
        again = office.take(
            "bank", "two.zip", zipped(("a", second.encode()), ("b", third.encode()))
        )
        assert again.state == "accepted", again.message
        assert "3 bank lines seen before and skipped" in again.message
        assert sorted(bank_lines(office)[0])[-3:] == [870, 8870, 18870]
    finally:
        office.close()


def test_a_fault_in_one_part_holds_the_zip_and_names_its_line(tmp_path: Path) -> None:
    good, bad = message().encode(), message().replace("276.40", "276.41").encode()
    path = tmp_path / "two.zip"
    path.write_bytes(zipped(("a", good), ("b", bad.replace(b"S1", b"S2"))))
    result = CliRunner().invoke(app, ["formats", "test", "camt", str(path), "--json"])
    told = json.loads(result.stdout)
    assert told["rows"]["bank_lines"] == 6
    (problem,) = told["problems"]
    assert problem["code"] == "BALANCE_WRONG"
    assert problem["line"] > good.count(b"\n")


def test_a_message_that_stands_twice_in_a_zip_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    path.write_bytes(zipped(("a", message().encode()), ("b", message().encode())))
    result = CliRunner().invoke(app, ["formats", "test", "camt", str(path), "--json"])
    (problem,) = json.loads(result.stdout)["problems"]
    assert (problem["code"], problem["severity"]) == ("LINE_REPEATED", "error")


def test_the_verbs_refuse_a_bad_container_in_words(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(bad_crc())
    for verb in (["formats", "test"], ["formats", "sniff"]):
        result = CliRunner().invoke(app, [*verb, str(path)])
        assert isinstance(result.exception, UsageError)
        assert "PACKED_BROKEN" in str(result.exception)
