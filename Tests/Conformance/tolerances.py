"""How far a merge may be from PEFT's bits: the one place in which that is said."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    """A share of the elements that may differ, each by at most `ulp` last places."""

    share: float
    ulp: int
    reason: str


PRODUCTS = Tolerance(1e-4, 1, "two BLAS libraries add products in another order")
TABLE = {}


def tolerance(kind, dtype):
    return TABLE.get((kind, dtype)) or PRODUCTS
