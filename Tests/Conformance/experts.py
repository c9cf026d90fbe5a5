"""Adapters for the fused parameters of mixture-of-experts models (`target_parameters`),
onto fused files and onto files of one matrix for each expert, and layer replication."""

import os
import shutil

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    GptOssConfig, GptOssForCausalLM, LlamaConfig, LlamaForCausalLM, MixtralConfig,
    MixtralForCausalLM, Qwen3MoeConfig, Qwen3MoeForCausalLM)
from transformers.utils import logging

COMMON = dict(
    vocab_size=32, hidden_size=16, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, num_experts_per_tok=2)


def qwen(intermediate):
    return Qwen3MoeForCausalLM(Qwen3MoeConfig(
        **COMMON, intermediate_size=24, moe_intermediate_size=intermediate, num_experts=4,
        head_dim=4, tie_word_embeddings=False))


def mixtral(intermediate):
    return MixtralForCausalLM(MixtralConfig(
        **COMMON, intermediate_size=intermediate, num_local_experts=4))


def gpt_oss(intermediate):
    return GptOssForCausalLM(GptOssConfig(
        **COMMON, intermediate_size=intermediate, num_local_experts=4, head_dim=4))


# The intermediate sizes make no matrix square, one of both square, and both alike.
MODELS = [(make, size) for make in (qwen, mixtral, gpt_oss) for size in (12, 16, 8)]
PARAMETERS = [
    ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"], ["mlp.experts.gate_up_proj"],
    ["mlp.experts.down_proj"], ["gate_up_proj", "down_proj"]]
# Patterns of PEFT for names of parameters, or of their modules, where they match nothing.
PATTERNS = [
    {}, {"experts.gate_up_proj": 2}, {"down_proj": 2}, {"layers.1.mlp.experts": 2},
    {r".*\.gate_up_proj": 6}]


def run(harness, every):
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for make, size in MODELS:
        for parameters in PARAMETERS:
            for dtype in (torch.float32, torch.bfloat16, torch.float16):
                if not every and harness.random.random() < 0.5:
                    continue
                for is_split in (False, True):
                    with harness.case(f"{make.__name__} {size} {parameters} {dtype} {is_split}"):
                        merge(harness, lambda: make(size), parameters, dtype, is_split)
    with harness.case("layer replication"):
        replicate(harness)


def randomised(model, config):
    model = get_peft_model(model, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.normal_(0, 0.1)
    return model


def same(found, expected):
    """The same bits; but torch's batched product of matrices as small as these leaves the
    fma chain, which shows in the last place."""
    if torch.equal(found, expected):
        return True
    step = torch.finfo(expected.dtype).eps
    return found.dtype == expected.dtype and torch.allclose(
        found.double(), expected.double(), rtol=2 * step,
        atol=step * expected.abs().max().item())


def merge(harness, make, parameters, dtype, is_split):
    directory = harness.fresh()
    base, adapter = os.path.join(directory, "base"), os.path.join(directory, "adapter")
    model = make().to(dtype)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    # transformers writes one matrix for each expert, as older versions held them.
    model.save_pretrained(base)
    if not is_split:
        save_file(state, os.path.join(base, "model.safetensors"), {"format": "pt"})
    rank = harness.random.choice([1, 3, 4])
    randomised(model, LoraConfig(
        r=rank, lora_alpha=harness.random.choice([2, 5, 8]), target_modules=["q_proj"],
        target_parameters=parameters, rank_pattern=harness.random.choice(PATTERNS),
        alpha_pattern=harness.random.choice(PATTERNS))).save_pretrained(adapter)
    fresh = make().to(dtype)
    fresh.load_state_dict(state)
    reference = PeftModel.from_pretrained(fresh, adapter).merge_and_unload()
    if is_split:
        reference.save_pretrained(os.path.join(directory, "reference"))
        expected = load_file(os.path.join(directory, "reference", "model.safetensors"))
    else:
        expected = reference.state_dict()
    merged = os.path.join(directory, "merged")
    harness.done("merge", base, adapter, "-o", merged, "--numerics", "peft")
    found = load_file(os.path.join(merged, "model.safetensors"))
    harness.equal(sorted(found), sorted(expected), "the names")
    for name, value in expected.items():
        harness.check(name in found and same(found[name], value), f"{name} as PEFT's")
    shutil.rmtree(directory)


def replicate(harness):
    """PEFT adds both copies' updates to the one layer that they share (a defect), so the
    formula judges."""
    directory = harness.fresh()
    base, adapter = os.path.join(directory, "base"), os.path.join(directory, "adapter")
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2))
    model.save_pretrained(base)
    randomised(model, LoraConfig(
        r=3, lora_alpha=6, target_modules=["q_proj", "down_proj"],
        layer_replication=[[0, 2], [1, 3]])).save_pretrained(adapter)
    merged = os.path.join(directory, "merged")
    harness.done("merge", base, adapter, "-o", merged)
    before = load_file(os.path.join(base, "model.safetensors"))
    factors = load_file(os.path.join(adapter, "adapter_model.safetensors"))
    loaded, info = LlamaForCausalLM.from_pretrained(merged, output_loading_info=True)
    harness.equal(len(loaded.model.layers), 4, "the number of layers")
    harness.equal([list(info["missing_keys"]), list(info["unexpected_keys"])], [[], []], "keys")
    found = loaded.state_dict()
    for layer, source in enumerate([0, 1, 1, 2]):
        for name in [name for name in before if f".layers.{source}." in name]:
            new = name.replace(f".layers.{source}.", f".layers.{layer}.")
            stem = f"base_model.model.{new.removesuffix('.weight')}"
            expected = before[name].double()
            if f"{stem}.lora_A.weight" in factors:
                expected += 2 * (factors[f"{stem}.lora_B.weight"].double()
                                 @ factors[f"{stem}.lora_A.weight"].double())
            harness.check(torch.allclose(found[new].double(), expected, rtol=1e-6, atol=1e-7),
                          f"{new} is layer {source} with its own update")
