"""The bytes tenon writes against those of the reference writer."""

import os

import torch
from safetensors.torch import save_file

from harness import fixture
from models import write_json
from tensors import random_state, save_by_hand, save_sorted

FILES = 8  # random files a run
PT = {"format": "pt"}


def run(harness, every):
    for group, adapter, result in FIXTURES:
        with harness.case(f"{group} with {adapter}"):
            out = os.path.join(harness.fresh(), "out")
            harness.done("merge", fixture("peft", group, "base"), fixture("peft", group, adapter),
                         "-o", out)
            same_file(harness, os.path.join(out, "model.safetensors"),
                      fixture("peft", group, result, "model.safetensors"))
    for number in range(FILES):
        for title, save in SAVERS.items():
            with harness.case(f"{title} {number}"):
                random_file(harness, save)


# One file each, so that the merged file must be the one PEFT's result was saved as.
FIXTURES = [
    ("llama-bf16", "adapter-plain", "merged-plain"),
    ("llama-bf16", "adapter-rslora", "merged-rslora"),
    ("llama-bf16", "adapter-patterns", "merged-patterns"),
    ("llama-bf16", "adapter-bf16-stored", "merged-bf16-stored"),
    ("llama-f16", "adapter-f16-stored", "merged-f16-stored"),
    ("gpt2-f32", "adapter-fan-in-fan-out", "merged-fan-in-fan-out"),
]

# How the base was written; the merged file is the reference writer's in every case.
SAVERS = {
    "a file of the reference writer": save_sorted,
    "a file in another order, unaligned":
        lambda state, path, metadata: save_by_hand(
            state, path, dict(sorted((metadata or {}).items())) if metadata else metadata, " \n"),
}
# Several entries keep their order, which the reference writer leaves to chance; the
# files here have them sorted.
METADATA = [PT, PT, {"zoë": "1", "format": "pt", "author": "a \"b\"\\\n"}]


def same_file(harness, found, expected):
    with open(found, "rb") as file:
        found_bytes = file.read()
    with open(expected, "rb") as file:
        expected_bytes = file.read()
    if harness.equal(len(found_bytes), len(expected_bytes), "the file's length"):
        differing = [i for i, (a, b) in enumerate(zip(found_bytes, expected_bytes)) if a != b]
        harness.check(not differing, "the file's bytes",
                      f"{len(differing)} differ, the first at {differing[:1]}")


def random_file(harness, save):
    """Tensors of every type around one linear layer, to which an adapter is added."""
    place = harness.fresh()
    base, adapter = os.path.join(place, "base"), os.path.join(place, "adapter")
    os.makedirs(base)
    os.makedirs(adapter)
    state = random_state(harness.random, harness.random.randint(0, 30))
    rows, columns, rank = (harness.random.randint(8, 90) for _ in range(3))
    weight = torch.randn(rows, columns).to(torch.bfloat16)
    state["block.0.proj.weight"] = weight
    names = harness.random.sample(list(state), len(state))
    state = {name: state[name] for name in names}
    write_json(os.path.join(base, "config.json"), {"model_type": "none"})
    metadata = harness.random.choice(METADATA)
    save(state, os.path.join(base, "model.safetensors"), metadata)

    a, b = torch.randn(rank, columns), torch.randn(rows, rank)
    save_file({"base_model.model.block.0.proj.lora_A.weight": a,
               "base_model.model.block.0.proj.lora_B.weight": b},
              os.path.join(adapter, "adapter_model.safetensors"), metadata=PT)
    write_json(os.path.join(adapter, "adapter_config.json"), {
        "peft_type": "LORA", "r": rank, "lora_alpha": 2 * rank, "target_modules": ["proj"]})
    # A power of two as scale: no rounding but those of the product and of the result.
    state["block.0.proj.weight"] = (weight.float() + (b @ a) * 2).to(torch.bfloat16)
    save_sorted(state, os.path.join(place, "expected.safetensors"), metadata)
    out = os.path.join(place, "out")
    harness.done("merge", base, adapter, "-o", out)
    same_file(harness, os.path.join(out, "model.safetensors"),
              os.path.join(place, "expected.safetensors"))
