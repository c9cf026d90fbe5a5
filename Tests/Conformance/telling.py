"""The stories of InternVL, LLaVA and XComposer from end to end: merged by tenon, the
models load strictly and compute what PEFT's merged models compute."""

import os
import sys

import torch
from safetensors.torch import load_file, save_file

from harness import fixture

sys.path.append(fixture("stories"))
import stories  # noqa: E402


def run(harness, every):
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        for tell in (internvl, llava, xcomposer):
            with harness.case(f"{tell.__name__} in {dtype}"):
                tell(harness, harness.fresh(), dtype)


def equal(harness, directory, expected, what):
    found = load_file(os.path.join(directory, "model.safetensors"))
    harness.equal(sorted(found), sorted(expected), f"{what}: the names")
    for name in expected:
        same = name in found and found[name].dtype == expected[name].dtype \
            and torch.equal(found[name], expected[name])
        harness.check(same, f"{what}: {name} is what PEFT makes of it")
    return found


def internvl(harness, directory, dtype):
    model, config = stories.internvl(dtype)
    tensors = stories.state(model)
    wrapped = os.path.join(directory, "checkpoint")
    stories.write(wrapped, tensors, config)
    older = os.path.join(directory, "older")
    stories.write(older, stories.before_peft_07(tensors), config)
    reference = stories.internvl_merged(model).eval()
    for source in (wrapped, older):
        merged = source + "-merged"
        harness.done("merge", source, "-o", merged, "--numerics", "peft")
        found = equal(harness, merged, stories.state(reference), os.path.basename(source))
        plain = stories.InternVL().to(dtype)
        plain.load_state_dict(found, strict=True)
        plain.eval()
        tokens = torch.randint(0, 32, (2, 5))
        pixels = torch.rand(1, 3, 8, 8).to(dtype)
        with torch.no_grad():
            harness.check(torch.equal(
                plain.language_model(tokens).logits, reference.language_model(tokens).logits),
                "the logits are those of PEFT's model")
            harness.check(torch.equal(
                plain.vision_model(pixels).last_hidden_state,
                reference.vision_model(pixels).last_hidden_state),
                "the features are those of PEFT's model")


def llava(harness, directory, dtype):
    expected = stories.llava(directory, dtype)
    merged = os.path.join(directory, "merged")
    harness.done("merge", os.path.join(directory, "base"), os.path.join(directory, "my-run"),
                 "-o", merged, "--numerics", "peft")
    found = equal(harness, merged, expected, "the merged model")
    rest = {name: value for name, value in found.items() if "mm_projector" not in name}
    stories.language_model().to(dtype).load_state_dict(rest, strict=True)
    harness.done("verify", os.path.join(directory, "base"), os.path.join(directory, "my-run"),
                 "--merged", merged)
    trainables(harness, directory, expected)


def trainables(harness, directory, expected):
    """The projector under the names that training programs give it, and without its data."""
    base, run = os.path.join(directory, "base"), os.path.join(directory, "my-run")
    path = os.path.join(run, "non_lora_trainables.bin")
    projector = torch.load(path)
    names = {
        "module.": lambda name: f"module.{name}",
        "_orig_mod.": lambda name: name.replace("mm_projector.", "_orig_mod.mm_projector."),
        "modules_to_save": lambda name: name.replace(
            "mm_projector.", "mm_projector.modules_to_save.default."),
    }
    for title, rename in names.items():
        torch.save({rename(name): value for name, value in projector.items()}, path)
        merged = os.path.join(directory, f"merged {title}")
        harness.done("merge", base, run, "-o", merged, "--numerics", "peft")
        equal(harness, merged, expected, f"with {title} in the names")
    torch.save({name: torch.empty(0) for name in projector}, path)
    refused = harness.run("merge", base, run, "-o", os.path.join(directory, "refused"))
    harness.equal(refused.status, 2, "placeholders of ZeRO-3 are refused")
    harness.check("have no elements" in refused.err, "and called so", refused.err)
    found = harness.run("check", run, "--json").json()["findings"]
    harness.check(any(finding["code"] == "zero-size-tensor" for finding in found),
                  "check tells of them", found)
    torch.save({}, path)
    report = harness.json("merge", base, run, "-o", os.path.join(directory, "bare"))
    harness.check(any(finding["code"] == "empty-adapter" for finding in report["findings"]),
                  "a file without tensors is worth a word", report["findings"])
    # LLaVA loads the file first and the adapter over it.
    torch.save(projector, path)
    key = "base_model.model.model.mm_projector.0.bias"
    adapter = os.path.join(run, "adapter_model.safetensors")
    save_file({**load_file(adapter), key: projector[key] + 1}, adapter, {"format": "pt"})
    merged = os.path.join(directory, "twice")
    harness.done("merge", base, run, "-o", merged, "--numerics", "peft")
    name = key.removeprefix("base_model.model.")
    equal(harness, merged, {**expected, name: (projector[key] + 1).to(expected[name].dtype)},
          "of two tensors for one place the adapter's counts")


def xcomposer(harness, directory, dtype):
    model = stories.xcomposer(directory, dtype)
    base, adapter = os.path.join(directory, "base"), os.path.join(directory, "finetuned")
    merged = os.path.join(directory, "merged")
    harness.done("merge", base, adapter, "-o", merged, "--numerics", "peft")
    reference = model.merge_and_unload().eval()
    found = equal(harness, merged, stories.state(reference), "the merged model")
    plain = stories.XComposer().to(dtype)
    plain.load_state_dict(found, strict=True)
    plain.eval()
    tokens = torch.randint(0, 32, (2, 6))
    with torch.no_grad():
        for mask in (torch.zeros(2, 6), torch.ones(2, 6), torch.tensor([[0, 1] * 3] * 2)):
            mask = mask.to(dtype)
            harness.check(torch.equal(plain(tokens, mask), reference(tokens, mask)),
                          "text and image tokens come out as with PEFT's model")
