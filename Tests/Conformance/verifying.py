"""`tenon verify` on merges by PEFT and on what is none."""

import os

import torch
import transformers
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file, save_file

from harness import covering, hashes
from models import (
    DTYPES, FAMILIES, adapted, base_model, read_json, save_adapter, save_base, write_json)
from parts import adapted as parts_adapted, save_state
from tensors import difference, load_directory

AXES = {
    "family": list(FAMILIES),
    "base": list(DTYPES),
    "adapter": list(DTYPES),
    "binary": [False, True],
    "shards": ["one", "several"],
}

KINDS = {
    "dora": {"family": "llama", "target_modules": ["q_proj", "down_proj"], "use_dora": True},
    "an embedding": {"family": "llama", "target_modules": ["embed_tokens", "v_proj"]},
    "a replaced head": {"family": "llama", "target_modules": ["v_proj"],
                        "modules_to_save": ["lm_head"]},
    "a tied embedding": {"family": "gpt2", "target_modules": ["wte", "c_attn"]},
}

# How far PEFT's other ways lead, in units of the terms of the sum.
OTHER_WAYS = {
    "safe_merge": 2,
    "low_cpu_mem_usage": 16,
}


def run(harness, every):
    for case in covering(AXES, harness.random.shuffle):
        with harness.case(" ".join(f"{axis}={value}" for axis, value in case.items())):
            random_merge(harness, case)
    for dtype in DTYPES:
        with harness.case(f"a base that PEFT loads in {dtype}"):
            converted_base(harness, dtype)
    for kind, options in KINDS.items():
        for dtype in DTYPES:
            with harness.case(f"{kind} on {dtype}"):
                other_kind(harness, dtype, options)
    with harness.case("a small update in BF16"):
        small_update(harness)
    for dtype in DTYPES:
        with harness.case(f"a fused attention in {dtype}"):
            fused_attention(harness, DTYPES[dtype])
    with harness.case("NaN"):
        not_a_number(harness)


def made(harness, case, size=64, sigma=0.1):
    """A base and an adapter in directories of their own."""
    place = harness.fresh()
    base, adapter = os.path.join(place, "base"), os.path.join(place, "adapter")
    targets = FAMILIES[case["family"]][1]
    save_base(base_model(case["family"], case["base"], hidden=size), base,
              binary=case["binary"], shard_size="20KB" if case["shards"] == "several" else "5GB")
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    tuned = adapted(model, r=harness.random.choice([2, 8, 24]), lora_alpha=16,
                    target_modules=targets)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_" in name:
                parameter.copy_(torch.randn(parameter.shape) * sigma)
    save_adapter(tuned, adapter, dtype=case["adapter"])
    return place, base, adapter


def peft_merge(base, adapter, out, dtype="auto", safe=False, **options):
    """PEFT's merge as somebody would make and save it."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=dtype).eval()
    merged = PeftModel.from_pretrained(model, adapter, **options).merge_and_unload(safe_merge=safe)
    merged.save_pretrained(out)
    return out


def verify(harness, base, adapter, merged, *options):
    """The report and the status, which have to agree."""
    result = harness.run("verify", base, adapter, "--merged", merged, "--json", *options)
    report = result.json()
    if "error" in report:
        harness.fail("verify refuses", str(result))
        return report
    harness.equal(result.status, 0 if report["equal"] else 1, "the status")
    return report


def random_merge(harness, case):
    place, base, adapter = made(harness, case)
    inputs = hashes(place)
    out = peft_merge(base, adapter, os.path.join(place, "merged"))
    report = verify(harness, base, adapter, out)
    if not report["equal"]:
        # What another BLAS may do to a sum; nothing else.
        off = sum(target["differing"] for target in report["targets"])
        count = sum(target["elements"] for target in report["targets"])
        harness.check(off <= 1e-4 * count and report["conclusion"] == "other-rounding",
                      "PEFT's merge is recognised", f"{off} of {count}, {report['conclusion']}")
    else:
        harness.equal(report["numerics"], "both", "the numerics of a default merge")
    harness.equal(report["unexpectedChanges"], [], "nothing else changed")
    numbers(harness, base, adapter, out, report)
    others(harness, place, base, adapter)
    nothing(harness, place, base, adapter)
    damaged(harness, base, adapter, out)
    harness.equal({name: digest for name, digest in hashes(place).items() if name in inputs},
                  inputs, "the inputs are as they were")


def numbers(harness, base, adapter, merged, report, *options):
    """The counts and distances are those between our own merge and the other one."""
    ours = merged + "-ours"
    harness.done("merge", base, adapter, "-o", ours, "--force", *options)
    expected, found = load_directory(ours), load_directory(merged)
    rows = {row["tensor"]: row for row in report["targets"]}
    for name, row in rows.items():
        harness.equal((row["differing"], row["maxUlp"]), difference(found[name], expected[name]),
                      f"differing elements and distance of {name}")


def others(harness, place, base, adapter):
    """PEFT's other ways are not our bits, but are seen to be the same merge."""
    for way, limit in OTHER_WAYS.items():
        options = {"safe": True} if way == "safe_merge" else {way: True}
        out = peft_merge(base, adapter, os.path.join(place, way), **options)
        report = verify(harness, base, adapter, out)
        numbers(harness, base, adapter, out, report)
        harness.check(report["conclusion"] in ("equal", "other-rounding"),
                      f"{way} is the same merge", str(report["conclusion"]))
        worst = max(target["maxTermUlp"] for target in report["targets"])
        harness.check(worst <= limit, f"{way} is near", f"{worst} ulp of the terms")
        harness.equal(report["unexpectedChanges"], [], f"{way}: nothing else changed")
        tolerant = verify(harness, base, adapter, out, "--ulp", limit)
        harness.equal(tolerant["equal"], True, f"{way} with --ulp {limit}")


def nothing(harness, place, base, adapter):
    """The base saved again, as after a merge that silently did nothing."""
    out = os.path.join(place, "unmerged")
    transformers.AutoModelForCausalLM.from_pretrained(base, dtype="auto").save_pretrained(out)
    report = verify(harness, base, adapter, out, "--ulp", 100)
    harness.equal(report["equal"], False, "an unmerged model is not equal")
    harness.equal(report["conclusion"], "nothing-merged", "an unmerged model is found out")
    harness.check(all(target["baseIdentical"] for target in report["targets"]),
                  "every target is the base's")


def damaged(harness, base, adapter, merged):
    """One changed bit, one dropped tensor and one new one are found."""
    state = {name: tensor.clone() for name, tensor in load_directory(merged).items()}
    name = harness.random.choice(sorted(state))
    raw = state[name].view(torch.uint8).flatten()
    place = harness.random.randrange(raw.numel())
    raw[place] ^= 1 << harness.random.randrange(8)
    state[name] = raw.view(state[name].dtype).reshape(state[name].shape)
    dropped = harness.random.choice(sorted(set(state) - {name}))
    value = state.pop(dropped)
    state["new.tensor"] = torch.zeros(3)
    path = merged + "-damaged.safetensors"
    save_file(state, path)
    report = verify(harness, base, adapter, path)
    harness.equal(report["equal"], False, "a damaged merge is not equal")
    touched = {target["tensor"] for target in report["targets"]
               if target["differing"] is None or target["differing"] > 0}
    changed = touched | set(report["unexpectedChanges"])
    harness.check({name, dropped, "new.tensor"} <= changed, "every damage is named",
                  f"{name}, {dropped}: {sorted(changed)}")
    harness.check(value.numel() > 0 and dropped in report["unexpectedChanges"],
                  "what is missing is an unexpected change")


def converted_base(harness, dtype):
    """A base that is loaded in another type; PEFT then merges in that type."""
    for stored in DTYPES:
        case = {"family": "qwen2", "base": stored, "adapter": "F32", "binary": False,
                "shards": "one"}
        place, base, adapter = made(harness, case)
        out = peft_merge(base, adapter, os.path.join(place, "merged"), dtype=DTYPES[dtype])
        report = verify(harness, base, adapter, out)
        harness.check(report["equal"] or max(
            target["maxTermUlp"] for target in report["targets"]) <= 1,
            f"{stored} loaded in {dtype}", str(report["conclusion"]))
        if report["equal"]:
            harness.check(report["numerics"] is not None, "the numerics have a name")
        converted = 0 if stored == dtype else report["untouched"]
        harness.equal(report["converted"], converted, "what is in another type")


def other_kind(harness, dtype, options):
    """PEFT's merge of other kinds than plain LoRA."""
    place = harness.fresh()
    base, adapter = os.path.join(place, "base"), os.path.join(place, "adapter")
    options = dict(options)
    save_base(base_model(options.pop("family"), dtype, hidden=64), base)
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    tuned = adapted(model, r=4, lora_alpha=8, **options)
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_embedding" in name:
                parameter.copy_(torch.randn(parameter.shape) * 0.1)
    save_adapter(tuned, adapter)
    out = peft_merge(base, adapter, os.path.join(place, "merged"))
    report = verify(harness, base, adapter, out)
    harness.check(report["conclusion"] in ("equal", "other-rounding"), "PEFT's merge",
                  str(report["conclusion"]))
    if report["equal"]:
        harness.check(report["numerics"] in ("both", "peft"), "PEFT's numerics",
                      str(report["numerics"]))
    harness.equal(report["unexpectedChanges"], [], "nothing else changed")
    unmerged = verify(harness, base, adapter, base)
    harness.equal(unmerged["conclusion"], "nothing-merged", "the base is no merge")


def small_update(harness):
    """Where rounding loses most of an update, another scale is still another merge."""
    case = {"family": "llama", "base": "BF16", "adapter": "F32", "binary": False, "shards": "one"}
    place, base, adapter = made(harness, case, sigma=0.004)
    out = peft_merge(base, adapter, os.path.join(place, "merged"))
    harness.equal(verify(harness, base, adapter, out)["equal"], True, "the merge itself")
    safe = peft_merge(base, adapter, os.path.join(place, "safe"), safe=True)
    report = verify(harness, base, adapter, safe, "--ulp", 1)
    harness.equal(report["equal"], True, "the merge rounded otherwise")
    path = os.path.join(adapter, "adapter_config.json")
    write_json(path, read_json(path) | {"lora_alpha": 32})
    report = verify(harness, base, adapter, out, "--ulp", 1)
    harness.equal(report["equal"], False, "half of the scale, with --ulp 1")
    harness.check(report["conclusion"] in ("other-scale", "different"), "half of the scale",
                  f"{report['conclusion']}, {report['scale']}")
    factors = os.path.join(adapter, "adapter_model.safetensors")
    state = {name: torch.randn(tensor.shape) * 0.004 for name, tensor in load_file(factors).items()}
    save_file(state, factors, metadata={"format": "pt"})
    report = verify(harness, base, adapter, out, "--ulp", 1)
    harness.equal(report["conclusion"], "different", "an unrelated adapter")


class Attention(torch.nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.attn = torch.nn.MultiheadAttention(32, 4, batch_first=True, dtype=dtype)

    def forward(self, tokens):
        return self.attn(tokens, tokens, tokens)[0]


def fused_attention(harness, dtype):
    """PEFT adds the update of its output twice, which is told apart from another mistake."""
    base, adapter, out = harness.places("base", "adapter", "out")
    model = Attention(dtype)
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    save_state(state, base, "safetensors")
    save_adapter(parts_adapted(model, LoraConfig(r=4, lora_alpha=8, target_modules=["attn"])),
                 adapter)
    fresh = Attention(dtype)
    fresh.load_state_dict(state)
    merged = PeftModel.from_pretrained(fresh, adapter).merge_and_unload()
    save_state(merged.state_dict(), out, "safetensors")
    report = verify(harness, base, adapter, out)
    harness.equal(report["conclusion"], "added-twice", "PEFT's merge")
    harness.equal({row["target"]: row["verdict"] for row in report["targets"]},
                  {"attn.in_proj_weight": "equal", "attn.out_proj": "twice"}, "the verdicts")
    harness.done("merge", base, adapter, "-o", out, "--force")
    harness.equal(verify(harness, base, adapter, out)["equal"], True, "the merge that adds once")


def not_a_number(harness):
    """A NaN has no distance; it is told by itself."""
    case = {"family": "llama", "base": "F32", "adapter": "F32", "binary": False, "shards": "one"}
    _, base, adapter = made(harness, case)
    out = peft_merge(base, adapter, base + "-merged")
    path = os.path.join(out, "model.safetensors")
    state = load_file(path)
    target = verify(harness, base, adapter, out)["targets"][0]["tensor"]
    state[target].view(-1)[3] = float("nan")
    save_file(state, path, metadata={"format": "pt"})
    rows = {row["tensor"]: row for row in verify(harness, base, adapter, out)["targets"]}
    harness.equal((rows[target]["maxUlp"], rows[target]["nan"]), (None, True), "NaN")
    harness.equal([name for name, row in rows.items() if row["nan"]], [target], "NaN elsewhere")
