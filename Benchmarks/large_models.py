"""Large made-up models and adapters, written in a stream with numpy alone.

The values are taken from one block of random numbers at changing places, so that a
model of gigabytes is made at the speed of the disk; the same seed gives the same bytes.
"""

import json
import os
import struct

import numpy

BLOCK = 1 << 24  # random numbers that the tensors are cut from


class Values:
    """Endless bfloat16 or float32 numbers of a given spread and mean, the same for a seed."""

    def __init__(self, seed, deviation, mean=0):
        generator = numpy.random.default_rng(seed)
        block = generator.standard_normal(BLOCK, dtype=numpy.float32)
        self.wide = block * numpy.float32(deviation) + numpy.float32(mean)
        # Cutting the lower half rounds towards zero, which is as good a random number.
        self.narrow = (self.wide.view(numpy.uint32) >> 16).astype(numpy.uint16)
        self.generator = generator

    def chunks(self, count, element_type):
        block = self.wide if element_type == "F32" else self.narrow
        while count:
            start = int(self.generator.integers(BLOCK // 2))
            part = block[start:start + min(count, BLOCK // 2)]
            yield part.tobytes()
            count -= len(part)


SIZES = {"F32": 4, "BF16": 2}


def write_safetensors(path, shapes, element_type, values_of):
    """Writes the tensors in the order given, each with the values for its name; returns their
    bytes."""
    entries, place = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = count(shape) * SIZES[element_type]
        entries[name] = {
            "dtype": element_type, "shape": shape, "data_offsets": [place, place + size]}
        place += size
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for name, shape in shapes.items():
            for chunk in values_of(name).chunks(count(shape), element_type):
                file.write(chunk)
    return place


def count(shape):
    return int(numpy.prod(shape, dtype=numpy.int64))


def projections(hidden, intermediate):
    """The seven linear modules of a Llama layer as [out, in]."""
    square, up, down = [hidden, hidden], [intermediate, hidden], [hidden, intermediate]
    return {"self_attn.q_proj": square, "self_attn.k_proj": square, "self_attn.v_proj": square,
            "self_attn.o_proj": square, "mlp.gate_proj": up, "mlp.up_proj": up,
            "mlp.down_proj": down}


def base_shapes(layers, hidden, intermediate, vocabulary):
    table = [vocabulary, hidden]
    shapes = {"lm_head.weight": table, "model.embed_tokens.weight": table}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        for name, shape in projections(hidden, intermediate).items():
            shapes[f"{prefix}{name}.weight"] = shape
        shapes[prefix + "input_layernorm.weight"] = [hidden]
        shapes[prefix + "post_attention_layernorm.weight"] = [hidden]
    shapes["model.norm.weight"] = [hidden]
    return dict(sorted(shapes.items()))


def make_base(directory, layers=24, hidden=2048, intermediate=5504, vocabulary=32000, shards=1,
              seed=1):
    """A Llama-shaped BF16 base with an untied head; by default 2.7 GB."""
    os.makedirs(directory)
    values = Values(seed, 0.02)
    shapes = base_shapes(layers, hidden, intermediate, vocabulary)
    names = list(shapes)
    shards = min(shards, len(names))
    cuts = [len(names) * shard // shards for shard in range(shards + 1)]
    weight_map, total = {}, 0
    for shard in range(shards):
        file = ("model.safetensors" if shards == 1
                else f"model-{shard + 1:05}-of-{shards:05}.safetensors")
        part = {name: shapes[name] for name in names[cuts[shard]:cuts[shard + 1]]}
        total += write_safetensors(os.path.join(directory, file), part, "BF16", lambda _: values)
        weight_map |= dict.fromkeys(part, file)
    if shards > 1:
        write_json(os.path.join(directory, "model.safetensors.index.json"),
                   {"metadata": {"total_size": total}, "weight_map": weight_map})
    write_json(os.path.join(directory, "config.json"), {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16",
        "hidden_size": hidden, "intermediate_size": intermediate, "num_hidden_layers": layers,
        "num_attention_heads": hidden // 128, "num_key_value_heads": hidden // 128,
        "vocab_size": vocabulary, "tie_word_embeddings": False, "max_position_embeddings": 2048,
        "hidden_act": "silu", "rms_norm_eps": 1e-6, "bos_token_id": 1, "eos_token_id": 2})


def make_adapter(directory, layers=24, hidden=2048, intermediate=5504, rank=16, is_dora=False,
                 seed=2):
    """A PEFT adapter in F32 on all seven projections of every layer."""
    os.makedirs(directory)
    factors, magnitudes = Values(seed, 0.02), Values(seed + 1, 0.1, mean=1)
    shapes = {}
    for layer in range(layers):
        for name, (rows, columns) in projections(hidden, intermediate).items():
            prefix = f"base_model.model.model.layers.{layer}.{name}"
            shapes[prefix + ".lora_A.weight"] = [rank, columns]
            shapes[prefix + ".lora_B.weight"] = [rows, rank]
            if is_dora:
                shapes[prefix + ".lora_magnitude_vector"] = [rows]
    write_safetensors(os.path.join(directory, "adapter_model.safetensors"),
                      dict(sorted(shapes.items())), "F32",
                      lambda name: magnitudes if name.endswith("vector") else factors)
    modules = sorted(name.split(".")[-1] for name in projections(hidden, intermediate))
    write_json(os.path.join(directory, "adapter_config.json"), {
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank,
        "use_dora": is_dora, "target_modules": modules, "bias": "none", "base_model_name_or_path": None})


def make_wide_header(path, tensors):
    """A file of many tensors of one number each, named as the parts of a large model are."""
    shapes = {f"model.layers.{i // 200}.mlp.experts.{i % 200}.down_proj.weight": [1]
              for i in range(tensors)}
    values = Values(3, 1)
    write_safetensors(path, shapes, "F32", lambda _: values)


def write_json(path, value):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
