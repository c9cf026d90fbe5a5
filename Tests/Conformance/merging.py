"""`tenon merge` against `PeftModel.from_pretrained(…).merge_and_unload()`."""

import math
import os

import torch
import transformers
from peft import PeftModel
from safetensors.torch import load_file

from harness import combinations, covering, fixture, hashes, shown
from models import (
    DTYPES, FAMILIES, adapted, base_model, merged, read_json, save_adapter, save_base, write_json)
from tensors import difference, load_directory

# One unit in the last place on at most this share of the elements, where the
# products of two BLAS libraries differ; nothing more.
ALLOWED_SHARE = 1e-4
ALLOWED_ULP = 1

AXES = {
    "family": list(FAMILIES),
    "base": list(DTYPES),
    "adapter": list(DTYPES),
    "binary": [False, True],
    "shards": ["one", "several"],
    "scaling": ["plain", "rslora", "patterns"],
}
PLAIN = fixture("peft", "llama-bf16", "base"), fixture("peft", "llama-bf16", "adapter-plain")
SIZES = [32, 48, 64, 144, 256]


def run(harness, every):
    share = Share()
    for group, base, adapter, result in FIXTURES:
        with harness.case(f"{group}/{base} with {adapter}"):
            fixture_merge(harness, share, group, base, adapter, result)
    cases = covering(AXES, harness.random.shuffle)
    if every:
        cases = combinations(AXES)
    for case in cases:
        with harness.case(" ".join(f"{axis}={value}" for axis, value in case.items())):
            random_merge(harness, share, case)
    with harness.case("--dtype"):
        output_type(harness)
    with harness.case("--max-shard-size"):
        shard_size(harness)
    with harness.case("--dry-run"):
        dry_run(harness)
    print(f"merge: {share.differing} of {share.elements} merged elements differ from PEFT's "
          f"({share.differing / max(1, share.elements):.2e}), by at most {share.ulp} ulp")


class Share:
    """How many of the merged elements differed, over the whole run."""

    def __init__(self):
        self.elements = self.differing = self.ulp = 0

    def add(self, elements, differing, ulp):
        self.elements += elements
        self.differing += differing
        self.ulp = max(self.ulp, ulp)


# group, base, adapter, PEFT's result
FIXTURES = [
    ("llama-bf16", base, adapter, result)
    for base in ("base", "base-sharded", "base-bin", "base-bin-sharded")
    for adapter, result in (
        ("adapter-plain", "merged-plain"), ("adapter-rslora", "merged-rslora"),
        ("adapter-patterns", "merged-patterns"), ("adapter-bf16-stored", "merged-bf16-stored"),
        ("adapter-bin", "merged-rslora"), ("adapter-sub-directory", "merged-rslora"),
        ("adapter-infix-retained", "merged-rslora"), ("adapter-wrapped-module", "merged-rslora"),
        ("adapter-wrapped-orig-mod", "merged-rslora"))
] + [
    ("llama-f16", "base", "adapter-f16-stored", "merged-f16-stored"),
    ("gptneox-f32", "base-sharded", "adapter-plain", "merged-plain"),
    ("gpt2-f32", "base", "adapter-fan-in-fan-out", "merged-fan-in-fan-out"),
]


def compare(harness, share, output, expected, targets):
    """Every tensor of the output has PEFT's bits, but for the share that is allowed."""
    harness.equal(sorted(output), sorted(expected), "the tensors' names")
    elements = differing = ulp = 0
    for name, wanted in expected.items():
        found = output.get(name)
        if found is None:
            continue
        kind = (found.dtype, found.shape)
        if not harness.equal(kind, (wanted.dtype, wanted.shape), f"type and shape of {name}"):
            continue
        count, distance = difference(found, wanted)
        if name.removesuffix(".weight") in targets:
            elements += wanted.numel()
            differing += count
            ulp = max(ulp, distance)
        else:
            harness.equal(count, 0, f"{name} is as it was")
    share.add(elements, differing, ulp)
    harness.check(elements > 0, "something was merged")
    harness.check(differing <= ALLOWED_SHARE * elements and ulp <= ALLOWED_ULP, "PEFT's bits",
                  f"{differing} of {elements} elements differ, by up to {ulp} ulp")
    return differing == 0


def fixture_merge(harness, share, group, base, adapter, result):
    out = os.path.join(harness.fresh(), "out")
    base, adapter = fixture("peft", group, base), fixture("peft", group, adapter)
    report = harness.json("merge", base, adapter, "-o", out)
    targets = [row["target"].removesuffix(".weight") for row in report["merged"]]
    expected = load_directory(fixture("peft", group, result))
    compare(harness, share, load_directory(out), expected, targets)
    side_files(harness, base, out)


def is_side_file(name):
    return not name.endswith((".safetensors", ".bin", ".index.json"))


def side_files(harness, base, out):
    before, after = hashes(base), hashes(out)
    harness.equal({name: after.get(name) for name in before if is_side_file(name)},
                  {name: digest for name, digest in before.items() if is_side_file(name)},
                  "the side files are copied")
    harness.equal([name for name in after if is_side_file(name) and name not in before], [],
                  "no other side file appears")
    shards = [name for name in before if name.endswith((".safetensors", ".bin"))]
    written = [name for name in after if name.endswith(".safetensors")]
    harness.equal(len(written), len(shards), "one file per input shard")
    names = ["model.safetensors"] if len(shards) == 1 else [
        f"model-{number:05}-of-{len(shards):05}.safetensors"
        for number in range(1, len(shards) + 1)]
    harness.equal(sorted(written), names, "the names of the output files")
    harness.equal("model.safetensors.index.json" in after, len(shards) > 1, "index beside shards")


def patterns(random, model, modules, rank):
    """Patterns of the forms that PEFT matches: path, suffix, anchored, regular expression."""
    linear = [name for name, _ in model.named_modules()
              if name.rsplit(".", 1)[-1] in modules]
    forms = [
        lambda path: path, lambda path: "^" + path, lambda path: path.rsplit(".", 1)[-1],
        lambda path: ".".join(path.split(".")[-2:]),
        lambda path: r".*\.1\..*" + path.rsplit(".", 1)[-1],
        lambda path: path.replace(".0.", r".\d+."),
    ]

    def draw(values):
        # Sorted, as PEFT saves them so: an adapter made with another order it cannot load again.
        return dict(sorted((random.choice(forms)(random.choice(linear)), random.choice(values))
                           for _ in range(random.randint(1, 4))))

    return {"rank_pattern": draw([1, 2, rank + 1]), "alpha_pattern": draw([1, 3, 2.5, 32])}


def random_merge(harness, share, case):
    random = harness.random
    modules = random.choice(FAMILIES[case["family"]][1:])
    hidden, rank = random.choice(SIZES), random.choice([1, 2, 4, 8, 16, 17])
    model = base_model(case["family"], case["base"], hidden, 2, random.randint(40, 300))
    options = {"r": rank, "lora_alpha": random.choice([1, 7, 16, 7.5]), "target_modules": modules,
               "use_rslora": case["scaling"] == "rslora"}
    if case["scaling"] == "patterns":
        options |= patterns(random, model, modules, rank)
    place = harness.fresh()
    base, adapter, out = (os.path.join(place, name) for name in ("base", "adapter", "out"))
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    save_base(model, base, case["binary"],
              "5GB" if case["shards"] == "one" else f"{max(1, size // 3000)}KB")
    save_adapter(adapted(model, **options), adapter, case["binary"], case["adapter"], base)
    shuffle_alphas(random, os.path.join(adapter, "adapter_config.json"))

    inputs = hashes(place)
    report = harness.json("merge", base, adapter, "-o", out)
    harness.equal({name: digest for name, digest in hashes(place).items() if name in inputs},
                  inputs, "the inputs are as they were")
    judge = merged(base, adapter)
    output, expected = load_directory(out), judged_state(judge, place)
    if case["binary"]:
        # A torch file holds a tied head under its own name, which may come along.
        tied = judge.state_dict()
        expected |= {name: tied[name] for name in output if name not in expected and name in tied}
    compare(harness, share, output, expected, check_report(harness, report, base, adapter))
    side_files(harness, base, out)
    check_index(harness, out)
    loads(harness, out, judge)
    same_bytes(harness, base, adapter, out)


def shuffle_alphas(random, path):
    """Another order in the file, as the first pattern that matches counts."""
    config = read_json(path)
    alphas = list(config["alpha_pattern"].items())
    random.shuffle(alphas)
    write_json(path, config | {"alpha_pattern": dict(alphas)})


def judged_state(judge, place):
    """The tensors as save_pretrained writes them, which leaves a tied head out."""
    directory = os.path.join(place, "judge")
    judge.save_pretrained(directory)
    return load_directory(directory)


def check_report(harness, report, base, adapter):
    """The report names each module once, with PEFT's rank and scale; returns the modules."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    layers = {name: layer for name, layer in
              PeftModel.from_pretrained(model, adapter).base_model.model.named_modules()
              if "default" in getattr(layer, "lora_A", {})}
    rows = {row["target"].removesuffix(".weight"): row for row in report["merged"]}
    harness.equal(sorted(rows), sorted(layers), "the modules in the report")
    harness.equal(len(report["merged"]), len(rows), "each module is reported once")
    harness.equal(report["unused"], [], "nothing is unused")
    harness.equal(report["replaced"], [], "nothing is replaced")
    wrong = [(name, rows[name]["rank"], rows[name]["scale"]) for name, layer in layers.items()
             if name in rows and (rows[name]["rank"] != layer.r["default"] or not math.isclose(
                 rows[name]["scale"], layer.scaling["default"], rel_tol=1e-12))]
    harness.equal(wrong, [], "ranks and scales in the report")
    relative_updates(harness, rows, layers)
    return set(layers)


def relative_updates(harness, rows, layers):
    """‖ΔW‖/‖W‖ as double precision has it; and the share that survived is a share."""
    wrong = []
    for name, layer in layers.items():
        if name not in rows:
            continue
        a = layer.lora_A["default"].weight.double()
        b = layer.lora_B["default"].weight.double()
        delta = (b @ a).norm() * abs(layer.scaling["default"])
        expected = float(delta / layer.get_base_layer().weight.double().norm())
        if not math.isclose(rows[name]["relativeUpdate"], expected, rel_tol=1e-3):
            wrong.append((name, rows[name]["relativeUpdate"], expected))
        if not 0.5 < rows[name]["kept"] < 1.5:
            wrong.append((name, "kept", rows[name]["kept"]))
    harness.equal(wrong, [], "the sizes of the updates")


def check_index(harness, out):
    path = os.path.join(out, "model.safetensors.index.json")
    if not os.path.exists(path):
        return
    index = read_json(path)
    state = load_directory(out)
    harness.equal(index["metadata"]["total_size"],
                  sum(t.numel() * t.element_size() for t in state.values()), "total_size")
    harness.equal(sorted(index["weight_map"]), sorted(state), "the index names every tensor")


def loads(harness, out, judge):
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        out, dtype="auto", output_loading_info=True)
    harness.loads_whole(info)
    tokens = torch.randint(0, judge.config.vocab_size, (2, 9))
    with torch.no_grad():
        found, expected = model.eval()(tokens).logits, judge.eval()(tokens).logits
    # A last place in one weight moves a logit; equal weights must give equal logits.
    state, wanted = model.state_dict(), judge.state_dict()
    if all(torch.equal(state[name], wanted[name]) for name in wanted):
        harness.check(torch.equal(found, expected), "equal logits")
    else:
        harness.check(torch.allclose(found.float(), expected.float(), rtol=1e-2, atol=1e-2),
                      "logits as close as one unit in the last place of a weight allows")


# Other ways to the same bytes.
WAYS = [("--threads", "1"), ("--threads", "2"), ("--threads", "7"), ("--max-memory", "64MiB"),
        ("--threads", "3", "--max-memory", "64MiB", "--quiet")]


def same_bytes(harness, base, adapter, out):
    expected = hashes(out)
    for way in WAYS:
        other = out + "-again"
        harness.done("merge", base, adapter, "-o", other, "--force", *way)
        harness.equal(hashes(other), expected, f"the same bytes with {' '.join(way)}")


def output_type(harness):
    """One rounding, from the float32 sum to the type asked for."""
    base, adapter = PLAIN
    out = os.path.join(harness.fresh(), "out")
    wide = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    exact = PeftModel.from_pretrained(wide, adapter).merge_and_unload().state_dict()
    for name, dtype in DTYPES.items():
        report = harness.json("merge", base, adapter, "-o", out, "--force", "--dtype", name)
        targets = {row["target"].removesuffix(".weight") for row in report["merged"]}
        compare(harness, Share(), load_directory(out),
                {key: tensor.to(dtype) for key, tensor in exact.items()}, targets)


def shard_size(harness):
    """The limit holds for every shard that has more than one tensor."""
    base, adapter = PLAIN
    expected = load_directory(fixture("peft", "llama-bf16", "merged-plain"))
    for text, limit in {"10KB": 10_000, "8KiB": 8192}.items():
        out = os.path.join(harness.fresh(), "out")
        harness.done("merge", base, adapter, "-o", out, "--max-shard-size", text)
        found = load_directory(out)
        harness.check(all(torch.equal(found[name], expected[name]) for name in expected),
                      "the same tensors in shards", shown(sorted(found)))
        check_index(harness, out)
        files = [name for name in os.listdir(out) if name.endswith(".safetensors")]
        harness.check(len(files) > 1, f"several shards of {text}", shown(files))
        for file in files:
            tensors = load_file(os.path.join(out, file))
            size = sum(t.numel() * t.element_size() for t in tensors.values())
            harness.check(len(tensors) == 1 or size <= limit, f"{file} is at most {text}",
                          str(size))


def dry_run(harness):
    base, adapter = PLAIN
    place = harness.fresh()
    out = os.path.join(place, "out")
    planned = harness.json("merge", base, adapter, "-o", out, "--dry-run")
    harness.equal(os.listdir(place), [], "nothing is written")
    done = harness.json("merge", base, adapter, "-o", out)
    for key in ("output", "replaced", "copied", "untouchedBytes", "unused"):
        harness.equal(planned[key], done[key], f"the plan says {key} as the report does")
    harness.equal([row["target"] for row in planned["merged"]],
                  [row["target"] for row in done["merged"]], "the plan names the same modules")
