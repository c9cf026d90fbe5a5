"""The command that `tenon check --base` gives for an adapter whose names are not PEFT's: it is
typed, and PEFT loads what it writes without a word, with every value where it was."""

import os
import re
import shlex
import shutil
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Phi3Config, \
    Phi3ForCausalLM

SIZES = dict(hidden_size=32, intermediate_size=24, num_hidden_layers=2, vocab_size=48,
             num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False)

FRONT = r"^base_model\.model\."


def changed(pattern, replacement):
    return lambda name: re.sub(pattern, replacement, name)


def infixed(adapter):
    return changed(r"(lora_[AB])\.", rf"\1.{adapter}.")


def both(first, second):
    return lambda name: second(first(name))


# title: what is done to the names
NAMES = {
    "no beginning": changed(FRONT, ""),
    "half of the beginning": changed(FRONT + "model", "base_model"),
    "a word before the beginning": changed("^", "llm."),
    "a word of the base before the beginning": changed("^", "model."),
    "the beginning of a policy": changed("^", "policy."),
    "several words before the beginning": changed("^", "actor.module."),
    "a word in its place": changed(FRONT, "student."),
    "another word and layout": changed(FRONT + "model", "net.language_model"),
    "the beginning twice": changed("^", "base_model.model."),
    "a wrapper before, none of PEFT's beginning": changed(FRONT, "_orig_mod."),
    "a wrapper in every layer": changed(r"layers\.(\d+)\.", r"layers.\1._checkpoint_wrapped_module."),
    "another family's words": changed("self_attn", "attention"),
    "an adapter's name": infixed("mine"),
    "an adapter's name of other letters": infixed("über"),
    "an adapter's name with marks": infixed("my [x] (1)"),
    "a policy and an adapter's name": both(changed("^", "policy."), infixed("über")),
    "a word and an adapter's name": both(changed("^", "llm."), infixed("mine")),
    "no beginning and an adapter's name": both(changed(FRONT, ""), infixed("日本")),
}


def run(harness, every):
    folder = harness.fresh("mend")
    base, adapter = os.path.join(folder, "base"), os.path.join(folder, "adapter")
    torch.manual_seed(harness.random.randrange(1 << 30))
    LlamaForCausalLM(LlamaConfig(**SIZES)).save_pretrained(base)
    fused = os.path.join(folder, "fused")
    Phi3ForCausalLM(Phi3Config(**SIZES, pad_token_id=0)).save_pretrained(fused)
    train(base, adapter, ["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj"])
    for title, change in NAMES.items():
        with harness.case(title):
            mended(harness, base, adapter, change)
    whole = os.path.join(folder, "whole")
    train(fused, whole, ["qkv_proj", "gate_up_proj"])
    for title, source, target in (("parts for wholes", adapter, fused),
                                  ("wholes for parts", whole, base)):
        with harness.case(title):
            recut(harness, source, target)


def train(base, path, targets):
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(
        r=4, target_modules=targets, init_lora_weights=False))
    model.save_pretrained(path)


def command(harness, adapter, base):
    """The one command that renames."""
    result = harness.run("check", adapter, "--base", base, "--json")
    harness.equal(result.status, 1, "the status")
    fixes = [finding["fix"] for finding in result.json()["findings"]
             if (finding["fix"] or "").startswith("tenon remap ")]
    harness.equal(len(fixes), 1, f"one command: {fixes}")
    return shlex.split(fixes[0])


def typed(harness, adapter, base):
    words = command(harness, adapter, base)
    output = words[words.index("-o") + 1]
    result = harness.run(*words[1:])
    harness.equal(result.status, 0, f"{words}: {result.err}")
    harness.equal(harness.run("check", output, "--base", base).status, 0, f"well after {words}")
    return output


def mended(harness, base, adapter, change):
    path = os.path.join(harness.fresh("names"), "adapter")
    shutil.copytree(adapter, path)
    file = os.path.join(path, "adapter_model.safetensors")
    state = load_file(file)
    save_file({change(name): value for name, value in state.items()}, file)
    output = typed(harness, path, base)
    found = load_file(os.path.join(output, "adapter_model.safetensors"))
    harness.equal(sorted(found), sorted(state), "the names")
    harness.check(all(torch.equal(found[name], state[name]) for name in state if name in found),
                  "the values", "")
    loads(harness, base, output)


def recut(harness, adapter, base):
    """What the factors add up to is the subject of the projections."""
    loads(harness, base, typed(harness, adapter, base))


def loads(harness, base, adapter):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)
    told = [str(warning.message) for warning in caught
            if "adapter keys" in str(warning.message)]
    harness.equal(told, [], "what PEFT says")
