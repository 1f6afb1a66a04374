"""What the book finds for receipts in the mirror, in the same order on both databases."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
from sqlalchemy import Connection, text

from recond.matching.policy import Rules
from recond.matching.references import keys, lookups
from recond.model import REMITTANCES
from recond.receivables.accounts import add_shapes
from recond.receivables.book import book_of_accounts, fetch_book, meanings
from recond.store import schema
from recond.store.engine import Store, insert_table

DAY = date(2026, 3, 16)
NUMBERS = ["9-1", "12", "0012", "77", "5"]  # of accounts 1 to 5
ITEMS = [  # account, item number, bill number; the item's key is its place from 1
    (4, "88", "12"),
    (1, "12", "B1"),
    (4, "89", "12"),
    (1, "13", None),
    (5, "0077", None),
]


def fill(connection: Connection) -> None:
    numbers = pa.array(NUMBERS)
    accounts = {"account_key": [*range(1, 6)], "account_number": numbers,
                "reference_key": keys(numbers)[1], "family": ["UTILITY", None, "TAX", None, "TAX"],
                "cash_only_until": ["2026-01-31", None, None, None, None]}  # fmt: skip
    insert_table(connection, schema.account, pa.table(accounts),
                 {"status": "active", "since_entry": 1})  # fmt: skip
    owner, number, bill = (pa.array(column) for column in zip(*ITEMS, strict=True))
    item, bills = keys(number)[1], keys(bill)[1]
    key = pa.array(range(1, 6))
    insert_table(
        connection,
        schema.item,
        pa.table({"item_key": key, "account_key": owner, "item_number": number,
                  "item_reference": item, "bill_number": bill, "bill_reference": bills}),
        {"charge_type": "WATER", "fund": "510", "original_cents": 500, "since_entry": 1},
    )  # fmt: skip
    insert_table(connection, schema.item_balance, pa.table({"item_key": key}),
                 {"snapshot_cents": 500, "pending_cents": 0, "open_cents": 500})  # fmt: skip
    insert_table(connection, schema.account_alias, pa.table({
        "reference_key": ["12", "501"], "account_key": [5, 1], "alias": ["012", "501"],
        "valid_until": ["2026-06-30", None]}), {"kind": "OLD_NUMBER"})  # fmt: skip
    for kind, column in (("ITEM", item), ("BILL", bills), ("ALIAS", pa.array(["12", "501"]))):
        add_shapes(connection, kind, column)


def remittances(*references: str) -> pa.Table:
    size = len(references)
    given = {"ordinal": pa.array(range(1, size + 1)), "kind": pa.repeat("REFERENCE", size),
             "reference": pa.array(references), "sequence": pa.repeat(1, size)}  # fmt: skip
    return pa.table(
        {f.name: given.get(f.name, pa.nulls(size, f.type)).cast(f.type) for f in REMITTANCES}
    )


def found(table: pa.Table) -> list[tuple[object, ...]]:
    return [
        (row["reference_key"], row["kind"], row["number"], row["account_key"], row["item_key"])
        for row in table.to_pylist()
    ]


TWELVE = [
    ("12", "ACCOUNT", "12", 2, None),
    ("12", "ACCOUNT", "0012", 3, None),
    ("12", "ALIAS", "012", 5, None),
    ("12", "BILL", "12", 4, 1),
    ("12", "BILL", "12", 4, 3),
    ("12", "ITEM", "12", 1, 2),
]


def test_everything_that_a_key_means_in_one_order(store: Store) -> None:
    """By key, kind, account and item, in whichever order the database finds them."""
    with store.write() as connection:
        fill(connection)
        several = meanings(connection, lookups(remittances("77", "012", "91", "6", "5"), Rules()))
        dated = {row["number"]: row["valid_until"] for row in several.to_pylist()}
        one_each = meanings(connection, lookups(remittances("91", "501"), Rules()))
        nothing = meanings(connection, lookups(remittances("6"), Rules()))
    assert found(several) == [
        *TWELVE,
        ("5", "ACCOUNT", "5", 5, None),
        ("77", "ACCOUNT", "77", 4, None),
        ("77", "ITEM", "0077", 5, 5),
        ("91", "ACCOUNT", "9-1", 1, None),
    ]
    assert dated["012"] == date(2026, 6, 30)
    assert dated["0077"] is None
    assert found(one_each) == [
        ("501", "ALIAS", "501", 1, None),
        ("91", "ACCOUNT", "9-1", 1, None),
    ]
    assert found(nothing) == []


def test_the_book_has_each_account_once_in_order_with_its_items(store: Store) -> None:
    """Accounts found by their own number, by another's and both ways."""
    receipts = pa.table({"ordinal": pa.array([1, 2, 3])})
    with store.write() as connection:
        fill(connection)
        insert_table(connection, schema.cash_only, {
            "account_key": 5, "file_no": 1, "ordinal": 1, "until_date": "2026-05-01",
            "made_date": "2026-03-01"})  # fmt: skip
        told = remittances("77", "13", "91")
        book = fetch_book(connection, receipts, told, Rules(), DAY, DAY)
        by_key = book_of_accounts(connection, pa.array([5, 1, 4]), book.references, DAY)
    assert book.accounts["account_key"].to_pylist() == [1, 4, 5]
    assert book.accounts["account_number"].to_pylist() == ["9-1", "77", "5"]
    assert book.accounts["cash_only_until"].to_pylist() == [
        date(2026, 1, 31), None, date(2026, 5, 1),
    ]  # fmt: skip
    assert book.items["item_key"].to_pylist() == [1, 2, 3, 4, 5]
    assert book.items["account_key"].to_pylist() == [4, 1, 4, 1, 5]
    assert by_key.accounts.equals(book.accounts)
    assert by_key.items.equals(book.items)


def test_what_is_joined_after_the_book_may_hash_again(store: Store) -> None:
    with store.write() as connection:
        fill(connection)
        book_of_accounts(connection, pa.array([4]), meanings(connection, lookups(
            remittances("77"), Rules())), DAY)  # fmt: skip
        if store.dialect == "postgresql":
            assert connection.scalar(text("SHOW enable_hashjoin")) == "on"
