"""What tells that a payment came before: 64-bit hashes of its payer and of the payment.

A payer's bank account is never stored, only its keyed BLAKE2b (reliability section 1, Nacha). The
other parts of a payment stand in clear beside their hash, so a plain mixing of bits will do there.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Words = npt.NDArray[np.uint64]

KEYS = (pa.field("payer_key", pa.int64()), pa.field("repeat_key", pa.int64()))
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 by the golden ratio, as in SplitMix64
_MIX = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_LAST = np.uint64(31)


def with_keys(receipts: pa.Table, hash_key: str) -> pa.Table:
    """RECEIPTS with the columns `KEYS`; null where a receipt has no bank account or no number."""
    payer = payer_key(receipts, hash_key)
    repeat = repeat_key(receipts, payer)
    return receipts.append_column(KEYS[0], payer).append_column(KEYS[1], repeat)


def payer_key(receipts: pa.Table, hash_key: str) -> pa.Array:
    """A keyed hash of each payer's bank account, null where the file has none."""
    account = _one(receipts["payer_account"])
    known = pc.fill_null(pc.not_equal(account, ""), False)
    if not pc.any(known).as_py():
        return pa.nulls(receipts.num_rows, pa.int64())
    # Row by row: hashlib knows no columns, and nothing weaker may guard an account number.
    keyed, size = blake2b(key=hash_key.encode(), digest_size=8), len(account)
    digests = bytearray()
    for text in account.cast(pa.binary()).to_pylist():
        one = keyed.copy()
        one.update(text or b"")
        digests += one.digest()
    hashed = np.frombuffer(bytes(digests), dtype="<i8", count=size)
    return pc.if_else(known, pa.array(hashed), pa.scalar(None, pa.int64()))


def repeat_key(receipts: pa.Table, payer: pa.Array) -> pa.Array:
    """A hash of payer, amount and check or trace number: equal ones are suspected repetitions
    (contract section 4, "a batch … all of which repeat"). Null without such a number."""
    numbers = pc.coalesce(
        _blank_to_null(receipts["check_number"]), _blank_to_null(receipts["trace_number"])
    )
    if numbers.null_count == receipts.num_rows:
        return pa.nulls(receipts.num_rows, pa.int64())
    who = pc.fill_null(payer, 0).to_numpy(zero_copy_only=False).view(np.uint64)
    if payer.null_count:
        named = _mixed(receipts["payer_name"])
        who = np.where(pc.is_null(payer).to_numpy(zero_copy_only=False), named, who)
    amount = _one(receipts["amount_cents"]).to_numpy(zero_copy_only=False).view(np.uint64)
    mixed = _scattered(_scattered(_mixed(numbers) ^ who * _ODD) + amount)
    return pc.if_else(
        pc.is_valid(_one(numbers)), pa.array(mixed.view(np.int64)), pa.scalar(None, pa.int64())
    )


def _mixed(texts: pa.ChunkedArray | pa.Array) -> Words:
    """A hash of each text, null as the empty one: a polynomial of its bytes and its length."""
    plain = pa.concat_arrays([pc.fill_null(_one(texts), "")])  # offset 0 of its own buffers
    size = len(plain)
    if not size:
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(plain.buffers()[1], np.int32, size + 1).astype(np.int64)
    length = np.diff(offsets)
    result = length.astype(np.uint64)
    if not offsets[-1]:
        return _scattered(result)
    data = np.frombuffer(plain.buffers()[2], np.uint8, offsets[-1])
    place = np.arange(len(data)) - np.repeat(offsets[:-1], length)
    powers = np.multiply.accumulate(np.full(int(length.max()), _ODD))
    filled = np.flatnonzero(length)
    terms = powers[place] * (data.astype(np.uint64) + np.uint64(1))
    result[filled] += np.add.reduceat(terms, offsets[filled])
    return _scattered(result)


def _scattered(words: Words) -> Words:
    """Every bit of the result depends on every bit given (the end of SplitMix64)."""
    for shift, factor in _MIX:
        words = (words ^ (words >> shift)) * factor
    return words ^ (words >> _LAST)


def _blank_to_null(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
