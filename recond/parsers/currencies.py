"""Decimal places of currencies (ISO 4217): minor units are never taken to be cents."""

from __future__ import annotations

import re

_NONE = re.compile("BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|UYI|VND|VUV|X[AOP]F")
_THREE = re.compile("BHD|IQD|JOD|KWD|LYD|OMR|TND")


def places(currency: str) -> int:
    """How many decimal places amounts of a currency have: 0, 2 or 3."""
    if _NONE.fullmatch(currency):
        return 0
    return 3 if _THREE.fullmatch(currency) else 2
