"""Tiny models and adapters, made with the real libraries.

Used by the fixture generator and by the conformance run, so that both speak of
the same shapes. Everything is drawn from torch's generator: seed it first.
"""

import json
import os
import shutil

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

DTYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


def llama(hidden, layers, vocabulary):
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(
        hidden_size=hidden, intermediate_size=hidden * 3 // 4, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, vocab_size=vocabulary,
        max_position_embeddings=64, tie_word_embeddings=False))


def qwen2(hidden, layers, vocabulary):
    return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(
        hidden_size=hidden, intermediate_size=hidden * 3 // 4, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, vocab_size=vocabulary,
        max_position_embeddings=64, tie_word_embeddings=False))


def gptneox(hidden, layers, vocabulary):
    return transformers.GPTNeoXForCausalLM(transformers.GPTNeoXConfig(
        hidden_size=hidden, intermediate_size=hidden * 3 // 4, num_hidden_layers=layers,
        num_attention_heads=2, vocab_size=vocabulary, max_position_embeddings=64,
        bos_token_id=1, eos_token_id=2))


def gpt2(hidden, layers, vocabulary):
    """Conv1D layers, which store their weight as [in, out], and a tied head."""
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_embd=hidden, n_layer=layers, n_head=2, n_positions=16, n_inner=hidden * 2,
        vocab_size=vocabulary, bos_token_id=1, eos_token_id=2))


# family: how to make it, every linear module of a layer, two of them with unlike shapes
FAMILIES = {
    "llama": (llama,
              ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
              ["q_proj", "v_proj"]),
    "qwen2": (qwen2,
              ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
              ["k_proj", "down_proj"]),
    "gptneox": (gptneox,
                ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
                ["query_key_value", "dense_4h_to_h"]),
    "gpt2": (gpt2, ["c_attn", "c_proj", "c_fc"], ["c_attn", "c_proj"]),
}


def base_model(family, dtype, hidden=32, layers=2, vocabulary=64):
    """A model of the family with random values in every parameter, norms and biases too."""
    model = FAMILIES[family][0](hidden, layers, vocabulary)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = torch.randn(parameter.shape) * 0.1
            parameter.copy_(values + 1 if "norm" in name or ".ln_" in name else values)
    return model.to(DTYPES[dtype]).eval()


def adapted(model, **options):
    """The model with a LoRA adapter of which every trained value differs from its start."""
    peft_model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options))
    with torch.no_grad():
        for name, parameter in peft_model.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape) * 0.1)
            elif "lora_magnitude" in name or "modules_to_save" in name:
                parameter.mul_(1 + torch.randn(parameter.shape) * 0.1)
    return peft_model


def save_base(model, directory, binary=False, shard_size="5GB"):
    """Writes the model as transformers does; `binary` in the `.bin` layout it used to write."""
    os.makedirs(directory, exist_ok=True)
    if not binary:
        model.save_pretrained(directory, max_shard_size=shard_size)
        return
    model.config.save_pretrained(directory)
    model.generation_config.save_pretrained(directory)
    shards, sizes = split(model.state_dict(), byte_count(shard_size))
    total = len(shards)
    files = ["pytorch_model.bin"] if total == 1 else [
        f"pytorch_model-{number:05}-of-{total:05}.bin" for number in range(1, total + 1)]
    for file, shard in zip(files, shards):
        torch.save(shard, os.path.join(directory, file))
    if total > 1:
        index = {"metadata": {"total_size": sum(sizes)},
                 "weight_map": {name: file for file, shard in zip(files, shards) for name in shard}}
        write_json(os.path.join(directory, "pytorch_model.bin.index.json"), index)


def split(state, limit):
    """The state dict cut into shards of at most `limit` bytes, in its own order."""
    shards, sizes = [{}], [0]
    for name, tensor in state.items():
        size = tensor.numel() * tensor.element_size()
        if shards[-1] and sizes[-1] + size > limit:
            shards.append({})
            sizes.append(0)
        # A clone, as a shard must not carry the storage of its neighbours.
        shards[-1][name] = tensor if limit > 1 << 30 else tensor.clone()
        sizes[-1] += size
    return shards, sizes


def byte_count(text):
    units = {"GB": 10**9, "MB": 10**6, "KB": 10**3}
    return int(float(text[:-2]) * units[text[-2:]])


def save_adapter(peft_model, directory, binary=False, dtype=None, base_name="base", **options):
    """Writes the adapter as PEFT does, with what changes from run to run set in order."""
    peft_model.peft_config[peft_model.active_adapter].base_model_name_or_path = base_name
    peft_model.save_pretrained(directory, safe_serialization=not binary, **options)
    for folder, _, files in os.walk(directory):
        if "README.md" in files:
            os.remove(os.path.join(folder, "README.md"))
        if "adapter_config.json" in files:
            path = os.path.join(folder, "adapter_config.json")
            config = read_json(path)
            if isinstance(config.get("target_modules"), list):
                config["target_modules"].sort()
            write_json(path, config)
        if dtype is not None:
            store_adapter_as(folder, files, DTYPES[dtype])


def store_adapter_as(folder, files, dtype):
    """Casts the factors of a saved adapter, as trainers that work in half precision store them."""
    from safetensors.torch import load_file, save_file
    if "adapter_model.safetensors" in files:
        path = os.path.join(folder, "adapter_model.safetensors")
        state = {name: tensor.to(dtype) for name, tensor in load_file(path).items()}
        save_file(state, path, metadata={"format": "pt"})
    if "adapter_model.bin" in files:
        path = os.path.join(folder, "adapter_model.bin")
        state = torch.load(path, weights_only=True)
        torch.save({name: tensor.to(dtype) for name, tensor in state.items()}, path)


def merged(base_directory, adapter_directory, adapter_name="default"):
    """What PEFT makes of the two directories: the judge of every merge."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base_directory, dtype="auto").eval()
    model = PeftModel.from_pretrained(model, adapter_directory, adapter_name=adapter_name)
    return model.merge_and_unload()


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def fresh(directory):
    """The directory, empty."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    return directory
