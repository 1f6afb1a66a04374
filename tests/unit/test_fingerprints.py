"""Hashes that tell a payment which came before."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from recond.model import RECEIPTS
from recond.pipeline.fingerprints import with_keys

KEY = "0123456789abcdef"


def receipts(*rows: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), RECEIPTS)


def keys(*rows: dict[str, object], key: str = KEY) -> list[tuple[int | None, int | None]]:
    found = with_keys(receipts(*rows), key)
    return list(zip(found["payer_key"].to_pylist(), found["repeat_key"].to_pylist(), strict=True))


CHECK = {"payer_account": "021000021/77", "payer_name": "ANN", "check_number": "101",
         "amount_cents": 5000}  # fmt: skip


def test_equal_payments_have_equal_keys_and_others_do_not() -> None:
    same, again, *others = keys(
        CHECK, CHECK, CHECK | {"check_number": "102"}, CHECK | {"amount_cents": 5001},
        CHECK | {"payer_account": "021000021/78"},
    )  # fmt: skip
    assert same == again
    assert len({same, *others}) == 4
    assert same[0] == others[0][0] != others[2][0], "the payer alone makes the payer's key"


def test_a_payer_is_known_by_the_account_and_only_without_one_by_the_name() -> None:
    bare = CHECK | {"payer_account": None}
    named, other, blank = keys(bare, bare | {"payer_name": "BOB"}, bare | {"payer_account": ""})
    assert named[0] is None
    assert blank == named
    assert named[1] != other[1]
    assert keys(CHECK | {"payer_name": "BOB"}) == keys(CHECK)


def test_without_a_number_nothing_is_a_repetition() -> None:
    bare = CHECK | {"check_number": None}
    (none, empty, traced) = keys(bare, bare | {"check_number": ""}, bare | {"trace_number": "9"})
    assert none[1] is None
    assert empty[1] is None
    assert traced[1] is not None
    assert keys(bare)[0][1] is None, "and no receipt of a file has one"


def test_the_key_of_the_home_hides_account_numbers() -> None:
    assert keys(CHECK)[0][0] != keys(CHECK, key="another key 1234")[0][0]
    # BLAKE2b of eight bytes, keyed: never changed without a new home
    assert keys(CHECK)[0][0] == int.from_bytes(_digest(), "little", signed=True)


def _digest() -> bytes:
    from hashlib import blake2b

    return blake2b(b"021000021/77", key=KEY.encode(), digest_size=8).digest()


@given(st.lists(st.text(max_size=12), min_size=2, max_size=8))
def test_a_row_is_hashed_the_same_whatever_stands_beside_it(numbers: list[str]) -> None:
    rows = [CHECK | {"check_number": number} for number in numbers]
    together = keys(*rows)
    assert together == [keys(row)[0] for row in rows]
    halves = pa.concat_tables([receipts(*rows[:1]), receipts(*rows[1:])])
    assert with_keys(halves, KEY)["repeat_key"].to_pylist() == [key for _, key in together]
    distinct = {number for number in numbers if number}
    assert len({key for _, key in together if key is not None}) == len(distinct)
