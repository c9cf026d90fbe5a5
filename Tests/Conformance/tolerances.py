"""How far a merge with `--numerics peft` may be from PEFT's bits: the one place that says so.

A share of the elements that an adapter changes may differ, each by so many units in the last
place of the larger of the value before and the value after. `measured` is what two runs of
`run.py --only kinds --every` found, with torch 2.13.0 on a CPU with AVX-512. A kind and type
without a row: no element of the some thousand to 75,000 differed in either; it is held to what
two BLAS libraries may differ by.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Tolerance:
    share: float
    ulp: int
    measured: str
    reason: str

    def count(self, elements):
        """How many of the elements may differ. Of a few the share varies by chance: three
        standard deviations of rare events, and one more."""
        expected = self.share * elements
        return expected + 3 * math.sqrt(expected) + 1


PRODUCTS = Tolerance(1e-4, 1, "0", "BLAS libraries add the terms of a product in unlike orders")
NORMS = "torch.linalg.norm adds up in float32, by vectors; tenon adds up in float64"
NARROW = "BLAS adds the terms of a narrow product in another order than an fma chain"
SOLVED = "torch.linalg.solve and norm compute in float32; tenon computes in float64"
CORES = "torch.einsum contracts a core pair by pair, each rounded; tenon rounds once"

VECTORS = "BLAS's products of a matrix and a vector add their terms in yet another order"

# A kind where one of the products has a single row or column.
WITH_VECTORS = {
    "F32": Tolerance(1, 16, "2.8e-02 of 108 elements, 4 ulp", VECTORS),
    "F64": Tolerance(1, 16, "0", VECTORS),
}

# kind, type of the base
TABLE = {
    ("DoRA linear", "F32"): Tolerance(0.8, 12, "2.1e-01 and 2.6e-01, 4 ulp", NORMS),
    ("DoRA linear", "BF16"): Tolerance(5e-3, 1, "0", NORMS),
    ("DoRA linear", "F16"): Tolerance(5e-3, 1, "0", NORMS),
    ("DoRA Conv1D of GPT-2", "F32"): Tolerance(0.8, 12, "2.3e-01 and 3.3e-01, 4 ulp", NORMS),
    ("DoRA Conv1D of GPT-2", "BF16"): Tolerance(5e-3, 1, "1.1e-04 and 0", NORMS),
    ("DoRA Conv1D of GPT-2", "F16"): Tolerance(5e-3, 1, "0", NORMS),
    ("DoRA embedding", "F32"): Tolerance(0.9, 12, "3.6e-01 and 3.4e-01, 4 ulp", NORMS),
    ("DoRA embedding", "BF16"): Tolerance(5e-3, 1, "0", NORMS),
    ("DoRA embedding", "F16"): Tolerance(5e-3, 1, "1.0e-04 and 0", NORMS),
    ("DoRA convolution", "F32"): Tolerance(0.8, 12, "2.2e-01 and 2.5e-01, 4 ulp", NORMS),
    ("DoRA convolution", "BF16"): Tolerance(5e-3, 1, "0 and 1.3e-05", NORMS),
    ("DoRA convolution", "F16"): Tolerance(5e-3, 1, "2.8e-05 and 0", NORMS),
    ("DoRA linear", "F64"): Tolerance(0.8, 12, "2.9e-01, 3 ulp", NORMS),
    ("DoRA Conv1D of GPT-2", "F64"): Tolerance(0.8, 12, "0", NORMS),
    ("DoRA embedding", "F64"): Tolerance(0.9, 12, "0", NORMS),
    ("DoRA convolution", "F64"): Tolerance(0.8, 12, "5.3e-01, 3 ulp", NORMS),
    ("LoHa effective", "F32"): Tolerance(5e-3, 8, "4.3e-05 and 4.8e-05, 1 ulp", CORES),
    ("LoKr effective", "F32"): Tolerance(5e-2, 16, "2.6e-03 and 2.0e-03, 4 ulp; once 1.1e-02, 7 ulp", CORES),
    ("OFT", "F32"): Tolerance(0.05, 16, "3.5e-03 and 0, 2 ulp", NARROW),
    ("OFT shared", "F32"): Tolerance(
        0.3, 16, "7.1e-03 and 1.5e-02, 8 ulp; once 1.8e-01 of 186 elements", NARROW),
    ("OFT shared", "BF16"): Tolerance(5e-3, 1, "0 and 3.2e-04", NARROW),
    ("OFT Cayley", "F32"): Tolerance(1, 1024, "6.9e-01 and 7.2e-01, 122 ulp", SOLVED),
    ("OFT Cayley", "BF16"): Tolerance(5e-3, 1, "0 and 4.2e-04", SOLVED),
    ("OFT Cayley", "F16"): Tolerance(5e-3, 1, "7.2e-04 and 4.4e-04", SOLVED),
    ("OFT constrained", "F32"): Tolerance(1, 1024, "4.1e-01 and 2.5e-01, 14 ulp", SOLVED),
    ("OFT constrained", "BF16"): Tolerance(5e-3, 1, "0", SOLVED),
    ("OFT constrained", "F16"): Tolerance(5e-3, 1, "0", SOLVED),
    ("BOFT", "F32"): Tolerance(1, 1024, "8.1e-01 and 7.9e-01, 73 ulp", SOLVED),
    ("BOFT", "BF16"): Tolerance(5e-3, 1, "3.3e-04 and 5.1e-04", SOLVED),
    ("BOFT", "F16"): Tolerance(5e-3, 1, "1.8e-04 and 2.3e-04", SOLVED),
}


def tolerance(kind, dtype, vectors=False):
    """The row of a kind and type. Sums in float64 part from PEFT's where those in float32 do, so
    a kind without a row for F64 is held to its row for F32: `LoKr effective` was seen to differ
    in 2 of 11,556 elements, by 1 ulp."""
    if vectors and dtype in WITH_VECTORS:
        return WITH_VECTORS[dtype]
    alike = TABLE.get((kind, "F32"), PRODUCTS) if dtype == "F64" else PRODUCTS
    return TABLE.get((kind, dtype), alike)


def rounding(kind):
    """What float32 loses, as a share of the largest value, in `--numerics exact`: a rotation is
    itself a sum of up to eight products, 5.4e-7 was seen."""
    return 2.0 ** -19 if "OFT" in kind else 2.0 ** -21
