"""Scan lines that fail their check digit, and what one other digit would make of them.

A check digit alone cannot repair: one wrong digit of eleven leaves eleven lines with a good one
(domain example E17). So a repaired line is a lead (see leads.py), never an answer.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from recond.matching.checkdigits import good_digits
from recond.matching.policy import Rules
from recond.matching.references import digit_matrix, keys, read

REPAIRS = pa.schema([pa.field("ordinal", pa.int64()), pa.field("reference_key", pa.string())])


def repairs(remittances: pa.Table, rules: Rules) -> pa.Table:
    """REPAIRS: for each failing scan line of REMITTANCES the keys of the account fields of all
    lines that differ from it in one digit and have a good check digit; distinct, in order."""
    if not rules.ocr_repair:
        return REPAIRS.empty_table()
    failed = np.flatnonzero(read(remittances, rules).failed)
    if not len(failed):
        return REPAIRS.empty_table()
    told = remittances.take(pa.array(failed))
    normal, _ = keys(told["reference"])
    parts = [REPAIRS.empty_table()]
    for line in rules.scan_lines:
        mine = np.array([len(text) == line.length for text in normal.to_pylist()])
        digits = digit_matrix(normal.filter(pa.array(mine)), line.length)
        if not len(digits):
            continue
        owner = told["ordinal"].combine_chunks().filter(pa.array(mine)).to_numpy()
        for place in range(line.length):
            for other in range(10):
                changed = digits.copy()
                changed[:, place] = other
                good = good_digits(changed, line) & (digits[:, place] != other)
                start, stop = line.account[0] - 1, line.account[1]
                field = np.ascontiguousarray(changed[good, start:stop] + np.uint8(ord("0")))
                texts = field.view(f"S{stop - start}").reshape(-1).astype(str)
                _, key = keys(pa.array(texts.tolist(), pa.string()))
                parts.append(pa.table([owner[good], key], schema=REPAIRS))
    found = pa.concat_tables(parts).group_by(REPAIRS.names).aggregate([])
    return found.sort_by([(name, "ascending") for name in REPAIRS.names])
