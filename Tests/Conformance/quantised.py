"""Bases of FP8 weights with scales: multiplied with them, updated, quantised again.

No library merges LoRA into such files, so torch's own arithmetic judges: the values
are chosen so that products of factors are exact, and one rounding is left at each step
that README and `tenon merge --help` name."""

import json
import os
import shutil

import torch
from safetensors.torch import load_file, save_file

TYPES = (torch.float8_e4m3fn, torch.float8_e5m2)
SCALE_TYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float8_e8m0fnu)
# The ending of the name, the configuration's fields, and the block that a scale is for;
# None stands for the whole axis.
SCHEMES = {
    "block": ("_scale_inv", {"quant_method": "fp8", "weight_block_size": [8, 16]}, (8, 16)),
    "default block": ("_scale_inv", {"quant_method": "fp8"}, (128, 128)),
    "row": ("_scale", {"quant_method": "fbgemm_fp8"}, (1, None)),
    "tensor": ("_scale", {"quant_method": "compressed-tensors"}, (None, None)),
    "scalar": ("_scale", {"quant_method": "modelopt"}, (None, None)),
}
RANK = 4


def run(harness, every):
    for scheme in SCHEMES:
        for dtype in TYPES:
            for scale_type in SCALE_TYPES:
                if not every and harness.random.random() < 0.3:
                    continue
                title = f"{scheme}, {dtype}, scales of {scale_type}"
                with harness.case(title):
                    merge(harness, scheme, dtype, scale_type)
    with harness.case("refusals"):
        refuse(harness)


def expand(scale, shape, block):
    rows, columns = (size or axis for size, axis in zip(block, shape))
    grid = scale.float().reshape(-(-shape[0] // rows), -(-shape[1] // columns))
    return grid.repeat_interleave(rows, 0)[:shape[0]].repeat_interleave(
        columns, 1)[:, :shape[1]]


def cells(shape, block):
    rows, columns = (size or axis for size, axis in zip(block, shape))
    for row in range(0, shape[0], rows):
        for column in range(0, shape[1], columns):
            yield (slice(row, row + rows), slice(column, column + columns))


def quantise(values, dtype, scale_type, scheme):
    """Weight and scales as a quantiser makes them from the largest value of each block."""
    _, _, block = SCHEMES[scheme]
    limit = torch.finfo(dtype).max
    grid = torch.stack([values[cell].abs().max() for cell in cells(values.shape, block)]) / limit
    if scale_type == torch.float8_e8m0fnu:
        grid = torch.exp2(torch.ceil(torch.log2(grid)))
    shape = {"tensor": (1,), "scalar": ()}.get(scheme, tuple(
        -(-size // (step or size)) for size, step in zip(values.shape, block)))
    scale = grid.to(scale_type).reshape(shape)
    weight = (values / expand(scale, values.shape, block)).clamp(-limit, limit).to(dtype)
    return weight, scale


def expected(weight, scale, update, scheme):
    """What the merge is documented to do, step by step."""
    _, _, block = SCHEMES[scheme]
    values = weight.float() * expand(scale, weight.shape, block) + update
    limit = torch.finfo(weight.dtype).max
    grid = scale.double().flatten().clone() if scale.dtype != torch.float8_e8m0fnu \
        else scale.float().double().flatten()
    for index, cell in enumerate(cells(weight.shape, block)):
        maximum = values[cell].abs().max().double()
        if maximum > limit * grid[index]:
            wanted = maximum / limit
            if scale.dtype == torch.float8_e8m0fnu:
                grid[index] = torch.exp2(torch.ceil(torch.log2(wanted)))
            else:
                grid[index] = wanted.float().to(scale.dtype).double()
    new = grid.float().to(scale.dtype).reshape(scale.shape)
    quotient = values / expand(new, weight.shape, block)
    return quotient.clamp(-limit, limit).to(weight.dtype), new, values


def merge(harness, scheme, dtype, scale_type):
    directory = harness.fresh()
    base, adapter = os.path.join(directory, "base"), os.path.join(directory, "adapter")
    os.makedirs(base)
    os.makedirs(adapter)
    suffix, settings, block = SCHEMES[scheme]
    tensors, factors, results = {}, {}, {}
    for layer, shape in enumerate([(40, 56), (16, 16), (130, 300), (24, 24)]):
        # Sixteenths keep the scales far from the smallest that F16 can hold.
        values = torch.randn(shape) * 64
        name = f"model.layers.{layer}.mlp.down_proj"
        weight, scale = quantise(values, dtype, scale_type, scheme)
        tensors[name + ".weight"], tensors[name + ".weight" + suffix] = weight, scale
        if layer == 3:
            continue
        # All zeros would be an adapter that does nothing, which is an error.
        strength = harness.random.choice([0.0, 0.125, 4.0]) if layer else 0.125
        a = torch.randint(-4, 5, (RANK, shape[1])) / 8
        b = torch.randint(-4, 5, (shape[0], RANK)) / 8 * strength
        # One block's update is far larger than the rest, another has none.
        b[: shape[0] // 2] *= 8
        b[-1] = 0
        factors[f"base_model.model.{name}.lora_A.weight"] = a
        factors[f"base_model.model.{name}.lora_B.weight"] = b
        results[name] = (weight, scale, (b @ a) * 2)
    save_file(tensors, os.path.join(base, "model.safetensors"), {"format": "pt"})
    with open(os.path.join(base, "config.json"), "w") as file:
        json.dump({"model_type": "llama", "quantization_config": settings}, file)
    save_file(factors, os.path.join(adapter, "adapter_model.safetensors"))
    with open(os.path.join(adapter, "adapter_config.json"), "w") as file:
        json.dump({"peft_type": "LORA", "r": RANK, "lora_alpha": 2 * RANK,
                   "target_modules": ["down_proj"]}, file)
    findings = harness.run("check", adapter, "--base", base, "--json").json()["findings"]
    harness.equal([(finding["severity"], finding["count"]) for finding in findings
                   if finding["code"] == "quantised-base"], [("note", 3)],
                  "check says that the weights are quantised, and that they can be merged")
    harness.check(all(finding["severity"] != "error" for finding in findings),
                  "check finds no error", findings)
    out = os.path.join(directory, "out")
    report = harness.json("merge", base, adapter, "-o", out)
    harness.equal(len(report["merged"]), 3, "the weights are the targets")
    merged = load_file(os.path.join(out, "model.safetensors"))
    harness.equal(set(merged), set(tensors), "the same names")
    for name, tensor in tensors.items():
        module = name.split(".weight")[0]
        if module in results:
            weight, scale, values = expected(*results[module], scheme)
            tensor = scale if name.endswith(suffix) else weight
        harness.check(
            same_bits(merged[name], tensor), f"{name} has the expected bits",
            f"{differing(merged[name], tensor)} of {tensor.numel()} differ")
    for module, (weight, scale, update) in results.items():
        _, _, values = expected(weight, scale, update, scheme)
        new = merged[f"{module}.weight{suffix}"]
        found = merged[f"{module}.weight"].float() * expand(new, weight.shape, block)
        step = torch.finfo(dtype).eps
        bound = values.abs() * step * 0.51 + expand(new, weight.shape, block) * \
            torch.finfo(dtype).smallest_normal * step
        # A scale of few bits may have been rounded down: the largest value saturates.
        slack = torch.finfo(scale_type).eps if scale_type != torch.float8_e8m0fnu else 0
        harness.check(
            bool(((found - values).abs() <= bound + slack * values.abs()).all()),
            f"{module} is within half a step of the merged values")
    verdict = harness.json("verify", base, adapter, "--merged", out)
    harness.check(verdict["equal"] and not verdict["unexpectedChanges"],
                  "verify finds the result", verdict)
    for threads in (1, 2):
        other = os.path.join(directory, f"threads{threads}")
        harness.done("merge", base, adapter, "-o", other, "--threads", threads)
        again = load_file(os.path.join(other, "model.safetensors"))
        harness.check(all(same_bits(again[name], merged[name]) for name in merged),
                      f"the same with {threads} threads")
    shutil.rmtree(directory)


def same_bits(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and differing(a, b) == 0


def differing(a, b):
    width = a.element_size()
    integer = {1: torch.uint8, 2: torch.int16, 4: torch.int32}[width]
    return int((a.contiguous().view(integer) != b.contiguous().view(integer)).sum())


def refuse(harness):
    """What is no plain scale is refused with its name, and nothing is written."""
    shape = (32, 16)
    weight = torch.randn(shape).to(torch.float8_e4m3fn)
    good = torch.ones(1)
    cases = {
        "no scale": ({}, "F8_E4M3", []),
        "a strange shape": ({"w.weight_scale": torch.ones(3, 5)}, "weight_scale", []),
        "zero points": ({"w.weight_scale": good, "w.weight_zero_point": torch.zeros(1)},
                        "zero point", []),
        "integers": ({"w.weight_scale": torch.ones(1, dtype=torch.int32)}, "I32", []),
        "--dtype": ({"w.weight_scale": good}, "--dtype", ["--dtype", "BF16"]),
    }
    for title, (more, word, options) in cases.items():
        directory = harness.fresh()
        base, adapter, out = (os.path.join(directory, name) for name in (
            "base.safetensors", "adapter.safetensors", "out.safetensors"))
        save_file({"w.weight": weight, **more}, base)
        save_file({"base_model.model.w.lora_A.weight": torch.ones(2, 16),
                   "base_model.model.w.lora_B.weight": torch.ones(32, 2)}, adapter)
        result = harness.run("merge", base, adapter, "--alpha", 2, "-o", out, *options)
        harness.equal(result.status, 2, f"{title} is refused")
        harness.check(word in result.err, f"{title} is named", result.err)
        harness.check(not os.path.exists(out), f"{title}: nothing is written")
