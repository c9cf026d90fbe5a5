"""`tenon inspect` against `safe_open` and `torch.load`."""

import os
import re
from collections import OrderedDict

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from harness import fixture
from models import base_model, save_base
from tensors import (
    described, described_by_safe_open, load_directory, random_state, save_by_hand)

METADATA = [None, {"format": "pt"}, {"a b": "\"é\n\t\\", "": "", "z": "1"}]
FILES = 12  # random files of each kind a run


def run(harness, every):
    for number in range(FILES):
        with harness.case(f"safetensors file {number}"):
            safetensors_file(harness)
        with harness.case(f"hand-built safetensors file {number}"):
            hand_built_file(harness)
        with harness.case(f"torch file {number}"):
            torch_file(harness)
    for binary in (False, True):
        for shard_size in ("5GB", "12KB"):
            with harness.case(f"directory, binary {binary}, shards of {shard_size}"):
                directory(harness, binary, shard_size)
    with harness.case("a directory with both kinds of weights"):
        both_kinds(harness)
    with harness.case("--keys"):
        keys(harness)
    with harness.case("--include and --exclude"):
        globs(harness)
    with harness.case("--tree"):
        tree(harness)
    with harness.case("several paths"):
        several(harness)
    for group, name in CARDS:
        with harness.case(f"the card of {group}/adapter-{name}"):
            card(harness, group, name)


def tensors_of(found):
    return {row["name"]: (row["dtype"], row["shape"], row["bytes"]) for row in found["tensors"]}


def compare(harness, found, expected, metadata=None):
    harness.equal(tensors_of(found), expected, "names, types, shapes and bytes")
    harness.equal(len(found["tensors"]), len(expected), "each tensor is there once")
    if metadata is not None:
        harness.equal(found["metadata"], metadata, "metadata")


def totals(harness, found, state):
    harness.equal(found["parameters"], sum(t.numel() for t in state.values()), "parameters")
    size = sum(t.numel() * t.element_size() for t in state.values())
    harness.equal(found["bytes"], size, "bytes")


def safetensors_file(harness):
    state = random_state(harness.random, harness.random.randint(0, 40))
    metadata = harness.random.choice(METADATA)
    # No suffix that tells: files are recognised by their content.
    path = os.path.join(harness.fresh(), harness.random.choice(["x.safetensors", "x.bin", "x"]))
    save_file(state, path, metadata=metadata)
    expected, read = described_by_safe_open(path)
    found = harness.json("inspect", path)
    harness.equal(found["format"], "safetensors", "format")
    harness.equal([row["name"] for row in found["tensors"]], list(expected), "the file's own order")
    compare(harness, found, expected, read)
    totals(harness, found, state)


def hand_built_file(harness):
    state = random_state(harness.random, harness.random.randint(1, 20))
    path = os.path.join(harness.fresh(), "hand.safetensors")
    save_by_hand(state, path, {"k": "v"}, harness.random.choice(["", " ", "  \n"]))
    expected, read = described_by_safe_open(path)
    found = harness.json("inspect", path)
    compare(harness, found, expected, read)
    harness.equal([row["name"] for row in found["tensors"]], list(state), "the file's own order")


def torch_file(harness):
    """What state dicts hold: parameters, views, transposed and shared tensors, every type."""
    random = harness.random
    state = OrderedDict(random_state(random, random.randint(0, 25)))
    table = torch.randn(6, 8)
    odd = {
        "transposed": table.t(), "row": table[3], "column": table[:, 2], "again": table,
        "stepped": table[::2, 1::3], "expanded": torch.ones(1, 4).expand(3, 4),
        "parameter": torch.nn.Parameter(torch.randn(3, 2)), "scalar": torch.tensor(2.5),
        "permuted": torch.randn(2, 3, 4).permute(2, 0, 1), "empty": torch.empty(0, 7),
        "offset": torch.arange(10)[4:7],
    }
    for name in random.sample(list(odd), random.randint(0, len(odd))):
        state[f"odd.{name}"] = odd[name]
    path = os.path.join(harness.fresh(), random.choice(["pytorch_model.bin", "x.pt", "x"]))
    torch.save(random.choice([dict, OrderedDict])(state), path)
    read = torch.load(path, weights_only=True)
    found = harness.json("inspect", path)
    harness.equal(found["format"], "pytorch-zip", "format")
    compare(harness, found, described(read))
    harness.equal([row["name"] for row in found["tensors"]], list(read), "the file's own order")


def small_model(harness, family=None, dtype=None):
    family = family or harness.random.choice(["llama", "gptneox", "qwen2"])
    return base_model(family, dtype or harness.random.choice(["BF16", "F16", "F32"]))


def directory(harness, binary, shard_size):
    model = small_model(harness)
    path = harness.fresh()
    save_base(model, path, binary, shard_size)
    # A name on disk need not be the module's: transformers renames some as it saves.
    state = dict(model.state_dict()) if binary else load_directory(path)
    expected = described(state)
    found = harness.json("inspect", path)
    harness.equal(found["kind"], "model", "kind")
    harness.equal(found["format"], "pytorch-zip" if binary else "safetensors", "format")
    compare(harness, found, expected)
    totals(harness, found, state)
    harness.equal(found["findings"], [], "nothing to complain of")
    for row in found["tensors"]:
        if not os.path.exists(os.path.join(path, os.path.basename(row["file"]))):
            harness.fail("the tensor's file is one of the folder", row["file"])
    for file in os.listdir(path):
        if file.endswith(".index.json"):
            compare(harness, harness.json("inspect", os.path.join(path, file)), expected)


def both_kinds(harness):
    path = harness.fresh()
    save_file({"from.safetensors": torch.ones(2)}, os.path.join(path, "model.safetensors"))
    torch.save({"from.bin": torch.ones(2)}, os.path.join(path, "pytorch_model.bin"))
    found = harness.json("inspect", path)
    harness.equal(list(tensors_of(found)), ["from.safetensors"], "the safetensors are used")
    plain = harness.done("inspect", path)
    harness.check("pytorch_model.bin" in plain.out + plain.err, "it says so", str(plain))


def natural(name):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def keys(harness):
    names = [f"layers.{n}.{part}" for n in (0, 1, 2, 10, 11, 100) for part in ("b", "w")]
    shuffled = harness.random.sample(names, len(names))
    path = os.path.join(harness.fresh(), "x.safetensors")
    save_file({name: torch.ones(1) for name in shuffled}, path)
    harness.equal(harness.done("inspect", path, "--keys").out.splitlines(),
                  sorted(names, key=natural), "one name a line, in natural order")


# pattern: the names it takes of those below
GLOBS = {
    "model.layers.*.w": ["model.layers.0.w", "model.layers.1.w", "model.layers.12.w"],
    "*.w": [],
    "**.w": ["model.layers.0.w", "model.layers.1.w", "model.layers.12.w"],
    "**": None,
    "{head,model.embed}": ["head", "model.embed"],
    "model.layers.[0-9].b": ["model.layers.0.b"],
    "model.layers.1": [],
}


def globs(harness):
    names = ["head", "model.embed", "model.layers.0.b", "model.layers.0.w", "model.layers.1.w",
             "model.layers.12.b", "model.layers.12.w"]
    path = os.path.join(harness.fresh(), "x.safetensors")
    save_file({name: torch.ones(1) for name in names}, path)
    for glob, taken in GLOBS.items():
        taken = names if taken is None else taken
        found = harness.json("inspect", path, "--include", glob)
        harness.equal(sorted(tensors_of(found)), taken, f"--include {glob}")
        found = harness.json("inspect", path, "--exclude", glob)
        harness.equal(sorted(tensors_of(found)), [n for n in names if n not in taken],
                      f"--exclude {glob}")


def tree(harness):
    out = harness.done("inspect", fixture("peft", "llama-bf16", "base"), "--tree").out
    harness.check("layers.{0..1}" in out, "repeated layers are one line", out[:600])
    harness.check("×2" in out, "the line says how many they are", out[:600])
    harness.check("lm_head.weight" in out, "a single tensor is shown", out[:600])


def several(harness):
    paths = [fixture("peft", "llama-bf16", name) for name in ("base", "base-bin", "adapter-plain")]
    found = harness.json("inspect", *paths)
    harness.equal([result["path"] for result in found["results"]], paths, "one result a path")
    harness.equal(tensors_of(found["results"][0]), tensors_of(found["results"][1]),
                  "safetensors and torch file tell the same")


CARDS = [
    ("llama-bf16", "plain"), ("llama-bf16", "rslora"), ("llama-bf16", "patterns"),
    ("llama-bf16", "bf16-stored"), ("llama-f16", "f16-stored"), ("gptneox-f32", "plain"),
    ("gpt2-f32", "fan-in-fan-out"),
]
BASES = {"gptneox-f32": "base-sharded"}


def card(harness, group, name):
    """Rank and scale of each module as PEFT's loaded layers have them."""
    path = fixture("peft", group, f"adapter-{name}")
    model = AutoModelForCausalLM.from_pretrained(fixture("peft", group, BASES.get(group, "base")))
    model = PeftModel.from_pretrained(model, path)
    config = model.peft_config["default"]
    expected = {}
    for module_name, module in model.base_model.model.named_modules():
        if "default" in getattr(module, "lora_A", {}):
            expected[module_name] = (
                module.r["default"], module.lora_alpha["default"],
                list(module.lora_A["default"].weight.shape),
                list(module.lora_B["default"].weight.shape), module.scaling["default"])

    found = harness.json("inspect", path)
    harness.equal(found["kind"], "peft-adapter", "kind")
    adapter = found["adapter"]
    harness.equal(adapter["family"], "lora", "family")
    harness.equal(adapter["rslora"], config.use_rslora, "rsLoRA")
    harness.equal(adapter["rank"], config.r, "rank")
    harness.equal(adapter["alpha"], config.lora_alpha, "alpha")
    harness.equal(adapter["base"], config.base_model_name_or_path, "base")
    harness.equal(adapter["replacements"], [], "replacements")
    modules = {module["target"].removesuffix(".weight"): module for module in adapter["modules"]}
    harness.equal(sorted(modules), sorted(expected), "the modules")
    for target, (rank, alpha, a, b, scale) in expected.items():
        module = modules.get(target)
        if module is None:
            continue
        harness.equal((module["rank"], module["alpha"], module["a"], module["b"]),
                      (rank, alpha, a, b), f"rank, alpha and shapes of {target}")
        harness.check(abs(module["scale"] - scale) <= 1e-12 * abs(scale), f"scale of {target}",
                      f"found {module['scale']}, expected {scale}")
