"""`tenon diff` against torch: the same keys, reasons and numbers, whatever the format."""

import os

import torch
from safetensors.torch import save_file

FLOATS = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn,
          torch.float8_e5m2]
OTHERS = [torch.int64, torch.int32, torch.uint8, torch.bool]
NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
         torch.float64: "F64", torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2",
         torch.int64: "I64", torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL"}


def run(harness, every):
    for number in range(40 if every else 12):
        with harness.case(f"random pair {number}"):
            pair(harness)
    with harness.case("moved tensors"):
        moved(harness)


def values(harness, dtype, shape):
    if dtype == torch.bool:
        return torch.rand(shape) > 0.5
    if dtype in OTHERS:
        return torch.randint(0, 100, shape).to(dtype)
    return (torch.randn(shape) * harness.random.choice([1e-3, 1, 30])).to(dtype)


def changed(harness, tensor):
    """The tensor after one of the changes that there are."""
    kind = harness.random.choice(["same", "one", "all", "dtype", "shape", "special"])
    if kind == "same" or tensor.numel() == 0:
        return tensor.clone()
    if kind == "one":
        wide = tensor.to(torch.float64).flatten()
        wide[harness.random.randrange(wide.numel())] += 3
        return wide.reshape(tensor.shape).to(tensor.dtype)
    if kind == "all":
        return values(harness, tensor.dtype, tuple(tensor.shape))
    if kind == "dtype" and tensor.dtype in FLOATS:
        return tensor.to(harness.random.choice(FLOATS))
    if kind == "shape":
        return values(harness, tensor.dtype, (*tensor.shape, 2))
    if tensor.dtype in FLOATS[:4]:
        copy = tensor.clone().flatten()
        copy[0] = float(harness.random.choice(["nan", "inf", "-inf", "-0.0"]))
        return copy.reshape(tensor.shape)
    return tensor.clone()


def saved(harness, tensors, name):
    """The tensors in a file of one of the formats."""
    path = os.path.join(harness.scratch, name)
    kind = harness.random.choice(["safetensors", "zip", "legacy"])
    if kind == "safetensors":
        save_file({k: v.contiguous() for k, v in tensors.items()}, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "zip")
    return path


def pair(harness):
    first = {}
    for number in range(harness.random.randrange(1, 12)):
        shape = tuple(harness.random.randrange(0, 40) for _ in range(harness.random.randrange(3)))
        first[f"t.{number}"] = values(harness, harness.random.choice(FLOATS + OTHERS), shape)
    second = {name: changed(harness, tensor) for name, tensor in first.items()
              if harness.random.random() > 0.1}
    for number in range(harness.random.randrange(3)):
        second[f"new.{number}"] = torch.zeros(2)
    atol, rtol = harness.random.choice([(0, 0), (0, 0), (0.01, 0), (0, 0.01), (0.5, 0.5)])
    a, b = saved(harness, first, "a"), saved(harness, second, "b")
    result = harness.run("diff", a, b, "--json", "--atol", atol, "--rtol", rtol)
    found = result.json()
    expected = {name: truth(first[name], second[name], atol, rtol)
                for name in first if name in second}
    expected = {name: value for name, value in expected.items() if value}
    harness.equal(sorted(found["onlyInA"]), sorted(n for n in first if n not in second),
                  "only in A")
    harness.equal(sorted(found["onlyInB"]), sorted(n for n in second if n not in first),
                  "only in B")
    harness.equal({t["name"]: t["reason"] for t in found["different"]},
                  {name: value["reason"] for name, value in expected.items()}, "what differs")
    for tensor in found["different"]:
        numbers(harness, tensor, expected.get(tensor["name"]))
    same = not expected and set(first) == set(second)
    harness.equal(found["same"], same, "same")
    harness.equal(result.status, 0 if same else 1, "the status")
    harness.equal(found["equal"], len(set(first) & set(second)) - len(expected), "equal")
    text = harness.run("diff", a, b, "--atol", atol, "--rtol", rtol)
    harness.equal(text.status, result.status, "the status without --json")


def numbers(harness, found, expected):
    if not expected or expected["reason"] == "shape":
        return
    harness.equal(found["differing"], expected["differing"], f"differing in {found['name']}")
    for field in ("maxAbs", "maxRel", "cosine"):
        close = found[field] == expected[field] or (
            found[field] is not None and expected[field] is not None
            and abs(found[field] - expected[field]) <= 1e-9 * max(1, abs(expected[field])))
        harness.check(close, f"{field} of {found['name']}",
                      f"found {found[field]}, expected {expected[field]}")


def truth(a, b, atol, rtol):
    """What torch says of two tensors; None where they are the same."""
    if a.shape != b.shape:
        return {"reason": "shape"}
    x, y = a.to(torch.float64).flatten(), b.to(torch.float64).flatten()
    finite = x.isfinite() & y.isfinite()
    difference = torch.where(finite, (x - y).abs(), 0)
    larger = torch.where(finite, torch.maximum(x.abs(), y.abs()), 0)
    alike = torch.where(finite, difference <= atol + rtol * larger,
                        (x == y) | (x.isnan() & y.isnan()))
    differing = int((~alike).sum())
    if a.dtype == b.dtype and not differing:
        return None
    x, y = torch.where(finite, x, 0), torch.where(finite, y, 0)
    norms = float(x.norm() * y.norm())
    ratios = torch.where(difference > 0, difference / larger, 0)
    return {
        "reason": "values" if a.dtype == b.dtype else "dtype",
        "differing": differing if x.numel() else None,
        "maxAbs": float(difference.max()) if x.numel() else None,
        "maxRel": float(ratios.max()) if x.numel() else None,
        "cosine": float(x @ y) / norms if norms else None,
    }


def moved(harness):
    tensors = {f"layers.{n}.w": torch.randn(8, 8) for n in range(20)}
    renamed = {name.replace("layers", "blocks"): value for name, value in tensors.items()}
    a, b = saved(harness, tensors, "a"), saved(harness, renamed, "b")
    result = harness.run("diff", a, b, "--json", "--moved")
    harness.equal(result.status, 1, "the status")
    harness.equal({move["a"]: move["b"] for move in result.json()["moved"]},
                  dict(zip(tensors, renamed)), "the moves")
