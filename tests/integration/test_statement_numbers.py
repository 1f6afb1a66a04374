"""Numbers of MT940 statements over several files: what is missing or stands twice is asked about,
and the question closes when the statement comes (formats.md section 7: 28C is continuous)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office
from sqlalchemy import select

from recond.store import schema

DAYS = [dt.date(2026, 3, 2) + dt.timedelta(days=n) for n in range(40)]
TODAY = dt.date(2026, 4, 20)
ABOUT = ("STATEMENT_NUMBER_GAP", "STATEMENT_NUMBER_REPEATED", "STATEMENT_CHAIN_BROKEN")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = Office(tmp_path / "home", url)
    yield made
    made.prove()
    made.close()


def statement(
    number: str, day: int, opening: int = 100000, lines: tuple[int, ...] = (),
    account: str = "021000021/4711",
) -> str:  # fmt: skip
    """A statement that opens on `day` of DAYS and closes on the next; amounts in cents."""

    def text(cents: int) -> str:
        return f"{abs(cents) // 100},{abs(cents) % 100:02d}"

    first, last = (f"{one:%y%m%d}" for one in DAYS[day : day + 2])
    booked = "".join(
        f":61:{last}{last[2:]}{'C' if one > 0 else 'D'}{text(one)}NTRF{number}//B{at}\n"
        for at, one in enumerate(lines)
    )
    return (
        f":20:S{number}\n:25:{account}\n:28C:{number}\n:60F:C{first}USD{text(opening)}\n{booked}"
        f":62F:C{last}USD{text(opening + sum(lines))}\n-\n"
    )


def drop(office: Office, name: str, *parts: str) -> None:
    outcome = office.take("bank", f"{name}.sta", "".join(parts), TODAY)
    assert outcome.state == "accepted", outcome.message


def asked(office: Office) -> list[tuple[str, str]]:
    """Code and words of the open questions about statements."""
    return [
        (row["code"], row["message"])
        for row in office.rows("exceptions")
        if row["status"] != "resolved" and row["code"] in ABOUT
    ]


def test_a_lost_statement_is_asked_about_until_it_comes(office: Office) -> None:
    """51 to 55, of which 52 to 54 move nothing and do not come: the balances join."""
    drop(office, "51", statement("51/1", 0, lines=(10400, -8365)))
    assert asked(office) == []  # the first one says where numbers begin
    drop(office, "55", statement("55/1", 4, 102035))
    ((code, words),) = asked(office)
    assert code == "STATEMENT_NUMBER_GAP"
    assert "statement 55/1 of 2026-03-07 follows 51/1 of 2026-03-03 in 51.sta" in words
    assert "; numbers 52 to 54 are missing." in words
    drop(office, "53", statement("53/1", 2, 102035))
    told = [words.split("; ")[1] for code, words in asked(office) if code == "STATEMENT_NUMBER_GAP"]
    assert sorted(one[:20] for one in told) == ["number 52 is missing", "number 54 is missing"]
    drop(office, "52", statement("52/1", 1, 102035))
    drop(office, "54", statement("54/1", 3, 102035))
    assert asked(office) == []
    # a statement that was lost with its money is asked about by its balances, and once
    drop(office, "57", statement("57/1", 6, 99999))
    assert [code for code, _ in asked(office)] == ["STATEMENT_CHAIN_BROKEN"]
    drop(office, "56", statement("56/1", 5, 102035, (-2036,)))
    assert asked(office) == []


def test_an_answered_gap_is_not_asked_about_again(office: Office) -> None:
    drop(office, "51", statement("51", 0))
    drop(office, "53", statement("53", 2), statement("1", 2, account="4712"))
    assert [code for code, _ in asked(office)] == ["STATEMENT_NUMBER_GAP"]
    run = office.run(TODAY)
    with run.store.write() as connection:
        question = schema.exception.c
        numbers = connection.scalars(
            select(question.exception_no).where(question.code == "STATEMENT_NUMBER_GAP")
        )
        run.desk(connection).resolve(numbers.all(), "the bank numbers so")
    drop(office, "54", statement("54", 3), statement("2", 3, account="4712"))
    assert asked(office) == []


def test_what_is_no_gap(office: Office) -> None:
    """A new year or month begins with 1, 00000 is no number, pages of one number follow each
    other, a statement may come again beside the next one, and each account counts for itself."""
    drop(office, "a", statement("51/1", 0), statement("51/2", 0), statement("52", 1))
    drop(office, "b", statement("52", 1), statement("53", 2))
    drop(office, "c", statement("1", 3), statement("7", 0, account="4712"))
    drop(office, "d", statement("2", 4))
    drop(office, "e", statement("00000", 5), statement("8", 1, account="4712"))
    drop(office, "f", statement("3", 6))
    assert asked(office) == []


def test_a_number_that_stands_twice_is_asked_about(office: Office) -> None:
    drop(office, "a", statement("51", 0), statement("52", 1))
    drop(office, "b", statement("52", 3), statement("53", 4))
    ((code, words),) = asked(office)
    assert code == "STATEMENT_NUMBER_REPEATED"
    assert "statement 52 of 2026-03-06 is another one than that of 2026-03-04 in a.sta" in words
    drop(office, "c", statement("54/1", 5), statement("54/3", 6))
    assert [code for code, _ in asked(office)] == [
        "STATEMENT_NUMBER_REPEATED",
        "STATEMENT_NUMBER_GAP",
    ]
    assert "a page between them is missing" in asked(office)[1][1]
