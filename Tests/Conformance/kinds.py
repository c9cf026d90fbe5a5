"""`tenon merge` of every kind of adapter that PEFT makes, against PEFT."""

import math
import os

import torch
from peft import PeftModel

from harness import combinations, covering, hashes
from models import DTYPES, save_adapter
from parts import KINDS, adapted, again, parts, save_state
from tensors import NAMES, difference, load_directory
from tolerances import rounding, tolerance

AXES = {
    "base": list(DTYPES),
    "adapter": list(DTYPES),
    "layout": ["safetensors", "bin", "sharded"],
}


def run(harness, every):
    shares = Shares()
    for kind in KINDS:
        for case in combinations(AXES) if every else covering(AXES, harness.random.shuffle):
            with harness.case(f"{kind} " + " ".join(f"{k}={v}" for k, v in case.items())):
                merge(harness, shares, kind, case)
        # PEFT multiplies in float64 there; rotations are not merged into such a base.
        case = {"base": "F64", "adapter": harness.random.choice(list(DTYPES)),
                "layout": "safetensors"}
        if "OFT" not in kind:
            with harness.case(f"{kind} base=F64"):
                merge(harness, shares, kind, case)
        with harness.case(f"{kind} in one file with its base"):
            dumped(harness, shares, kind)
    shares.report()


class Shares:
    """How many of the merged elements differed, by kind and type."""

    def __init__(self):
        self.rows = {}

    def add(self, kind, dtype, elements, differing, ulp):
        row = self.rows.setdefault((kind, dtype), [0, 0, 0])
        row[0] += elements
        row[1] += differing
        row[2] = max(row[2], ulp)

    def report(self):
        print("kinds: elements that differ from PEFT's, of those that an adapter changes")
        for (kind, dtype), (elements, differing, ulp) in sorted(self.rows.items()):
            if differing:
                print(f"  {kind:22} {dtype:4} {differing / elements:8.1e} of {elements:7}, "
                      f"by at most {ulp} ulp")


def merge(harness, shares, kind, case):
    place = harness.fresh()
    base, adapter = os.path.join(place, "base"), os.path.join(place, "adapter")
    model = parts(harness.random, {**DTYPES, "F64": torch.float64}[case["base"]])
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_state(state, base, case["layout"])
    save_adapter(adapted(model, KINDS[kind](harness.random)), adapter,
                 binary=case["layout"] == "bin", dtype=case["adapter"])
    out = os.path.join(place, "out")
    for numerics in ("peft", "exact"):
        report = harness.json(
            "merge", base, adapter, "-o", out, "--force", "--numerics", numerics)
        found = load_directory(out)
        if numerics == "peft":
            like_peft(harness, shares, kind, state, judged(model, state, adapter), found,
                      has_vectors(load_directory(adapter)))
        else:
            exact = judged(model.double(), state, adapter)
            harness.check(report["merged"] or report["replaced"], "something was merged")
            like_doubles(harness, state, exact, found, rounding(kind))
    same_bytes(harness, base, adapter, out)


def dumped(harness, shares, kind):
    """A trainer's dump of the whole model around which PEFT lies."""
    dump, out = harness.places("dump", "out")
    # The smallest updates are lost in BF16 altogether.
    model = parts(harness.random, DTYPES[harness.random.choice(["F32", "F16"])])
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    wrapped = adapted(model, KINDS[kind](harness.random))
    os.makedirs(dump)
    torch.save(wrapped.state_dict(), os.path.join(dump, "pytorch_model.bin"))
    wrapped.peft_config["default"].save_pretrained(dump)
    expected = wrapped.merge_and_unload().state_dict()
    harness.done("merge", dump, "-o", out, "--numerics", "peft")
    like_peft(harness, shares, kind, state, expected, load_directory(out),
              has_vectors(torch.load(os.path.join(dump, "pytorch_model.bin"))))


def judged(model, state, *adapters):
    """What PEFT makes of the state, in the type of the model; adapters are (path, weight)."""
    merged = again(model)
    merged.load_state_dict(state)
    for adapter in adapters:
        path, weight = adapter if isinstance(adapter, tuple) else (adapter, 1)
        wrapped = PeftModel.from_pretrained(merged, path)
        for layer in wrapped.modules():
            if weight != 1 and hasattr(layer, "set_scale"):
                layer.set_scale("default", weight)
        merged = wrapped.merge_and_unload()
    return merged.state_dict()


def has_vectors(adapter):
    """Whether a product of two factors of LoKr has a single row or column."""
    return any(("_a" in name and tensor.shape[0] == 1) or ("_b" in name and tensor.shape[1] == 1)
               for name, tensor in adapter.items() if "lokr_w" in name and tensor.dim() == 2)


def like_peft(harness, shares, kind, before, expected, found, vectors=False):
    """Every tensor has PEFT's bits, but for the share that is allowed."""
    if not harness.equal(sorted(found), sorted(expected), "the tensors' names"):
        return
    elements = differing = ulp = 0
    for name, wanted in expected.items():
        types = (found[name].dtype, found[name].shape)
        if not harness.equal(types, (wanted.dtype, wanted.shape), f"type and shape of {name}"):
            continue
        count, _ = difference(found[name], wanted)
        if torch.equal(before[name], wanted):
            harness.equal(count, 0, f"{name} is as it was")
            continue
        elements, differing, ulp = elements + wanted.numel(), differing + count, max(
            ulp, last_places(found[name], wanted, before[name]))
    harness.check(elements > 0, "PEFT changed something")
    dtype = NAMES[next(iter(before.values())).dtype]
    shares.add(kind, dtype, elements, differing, ulp)
    allowed = tolerance(kind, dtype, vectors)
    harness.check(differing <= allowed.count(elements) and ulp <= allowed.ulp,
                  "PEFT's bits", f"{differing} of {elements} elements differ, by up to {ulp} ulp")


def last_places(found, wanted, before):
    """How far apart the values are, in last places of the larger of what was and what is: where
    the two cancel each other, last places of the rest would say nothing."""
    larger = torch.maximum(wanted.abs(), before.abs())
    distance = (found.double() - wanted.double()).abs() / last_place(larger)
    return math.ceil(float(distance.max()))


def last_place(values):
    """The distance from the values, which are not negative, to the next larger ones."""
    infinity = torch.tensor(float("inf"), dtype=values.dtype)
    return torch.nextafter(values, infinity).double() - values.double()


def like_doubles(harness, before, expected, found, rounding=2.0 ** -21):
    """Every value is the one of double precision, rounded once, but for float32's own error:
    the share `rounding` of the largest value."""
    worst = {}
    for name, wanted in expected.items():
        value = found[name]
        step = last_place(wanted.to(value.dtype).abs())
        # What float32 itself loses, at most, in a sum of numbers of this size.
        largest = max(float(wanted.abs().max()), float(before[name].abs().max()))
        error = (value.double() - wanted).abs() - step - largest * rounding
        if not bool((error <= 0).all()):
            worst[name] = float(error.max() / largest)
    harness.equal(worst, {}, "one rounding of what double precision gives")


# Other ways to the same bytes.
WAYS = [("--threads", "1"), ("--threads", "5", "--max-memory", "32MiB")]


def same_bytes(harness, base, adapter, out):
    expected = hashes(out)
    for way in WAYS:
        harness.done("merge", base, adapter, "-o", out + "-again", "--force", *way)
        harness.equal(hashes(out + "-again"), expected, f"the same bytes with {' '.join(way)}")
