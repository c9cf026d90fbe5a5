"""A model of one layer of each kind, and every way in which PEFT adapts one."""

import os

import torch
from peft import (
    AdaLoraConfig, BOFTConfig, IA3Config, LoHaConfig, LoKrConfig, LoraConfig, OFTConfig, VeraConfig,
    get_peft_model)
from safetensors.torch import save_file
from torch import nn
from transformers.pytorch_utils import Conv1D

from models import split, write_json

SIZES = [4, 6, 9, 12, 16, 20, 36, 62]
LINEAR = ["q", "v", "c_attn"]
CONVOLUTIONS = ["conv", "pointwise", "line", "volume"]


class Parts(nn.Module):
    """One layer of each kind; `sizes` gives them their widths."""

    def __init__(self, sizes):
        super().__init__()
        tokens, hidden, wide, out, channels, classes = sizes
        self.sizes = sizes
        self.emb = nn.Embedding(tokens, hidden)
        self.q = nn.Linear(hidden, wide)
        self.v = nn.Linear(wide, out, bias=False)
        self.c_attn = Conv1D(70 + out, hidden)
        self.conv = nn.Conv2d(channels, out, (3, 2))
        self.pointwise = nn.Conv2d(channels, wide, 1)
        self.line = nn.Conv1d(channels, out, 3)
        self.volume = nn.Conv3d(channels, wide, (1, 2, 3))
        self.norm = nn.LayerNorm(hidden)
        self.head = nn.Linear(out, classes)

    def forward(self, tokens):
        return self.head(self.v(self.q(self.norm(self.emb(tokens)))))

    def get_input_embeddings(self):
        return self.emb


def parts(random, dtype):
    # No two alike: of a square weight nothing tells whether it is a Linear's or a Conv1D's.
    sizes = [size + random.randint(0, 1) for size in random.sample(SIZES, 6)]
    sizes[0] += 20  # tokens
    return filled(Parts(sizes).to(dtype))


def filled(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.1)
    return model.eval()


def again(model):
    """An unadapted model of the same sizes and type."""
    return Parts(model.sizes).to(model.q.weight.dtype).eval()


# Adapting

def lora(modules, **options):
    def config(random):
        rank = random.choice([1, 2, 4, 7, 8])
        return LoraConfig(r=rank, lora_alpha=random.choice([1, 2.5, rank, 2 * rank]),
                          target_modules=modules, **options)
    return config


def drawn_tokens(random, count):
    return sorted(random.sample(range(20), count), key=lambda _: random.random())


def of_rank(kind, modules, **options):
    return lambda random: kind(
        r=random.choice([2, 3, 4, 6]), alpha=random.choice([1, 3, 8]), target_modules=modules,
        **options)


# The name of a kind, and how to draw its configuration.
KINDS = {
    "linear": lora(["q", "v"]),
    "Conv1D of GPT-2": lora(["c_attn"], fan_in_fan_out=True),
    "convolution": lora(CONVOLUTIONS),
    "embedding": lora(["emb", "q"]),
    "rsLoRA": lora([*LINEAR, "conv"], use_rslora=True),
    "patterns": lambda random: LoraConfig(
        r=4, lora_alpha=6, target_modules=[*LINEAR, *CONVOLUTIONS],
        rank_pattern={"conv": 2, "q": 7}, alpha_pattern={"line": 2.5, "v": 1}),
    "lora_bias": lora(["q", "c_attn"], lora_bias=True),
    "bias all": lora(["q", "conv"], bias="all"),
    "bias lora_only": lora(["q", "c_attn", "conv"], bias="lora_only"),
    "modules_to_save": lora(["q"], modules_to_save=["head", "norm"]),
    "tokens, a list": lambda random: LoraConfig(
        r=4, lora_alpha=6, target_modules=["q"], trainable_token_indices=drawn_tokens(random, 5)),
    "tokens, by module": lambda random: LoraConfig(
        r=4, lora_alpha=6, target_modules=["q"],
        trainable_token_indices={"emb": drawn_tokens(random, 3)}),
    "DoRA linear": lora(["q", "v"], use_dora=True),
    "DoRA Conv1D of GPT-2": lora(["c_attn"], use_dora=True, fan_in_fan_out=True),
    "DoRA embedding": lora(["emb"], use_dora=True),
    "DoRA convolution": lora(CONVOLUTIONS, use_dora=True),
    "LoHa linear": of_rank(LoHaConfig, ["q", "v"]),
    "LoHa convolution": of_rank(LoHaConfig, ["conv", "pointwise", "line"]),
    "LoHa effective": of_rank(LoHaConfig, ["conv", "line"], use_effective_conv2d=True),
    "LoKr linear": of_rank(LoKrConfig, ["q", "v"]),
    "LoKr convolution": of_rank(LoKrConfig, ["conv", "pointwise", "line"]),
    "LoKr decompose_both": of_rank(LoKrConfig, ["q", "v", "conv"], decompose_both=True),
    "LoKr factor": of_rank(LoKrConfig, ["q", "v"], decompose_factor=4),
    "LoKr effective": of_rank(
        LoKrConfig, ["q", "conv", "line"], use_effective_conv2d=True, decompose_both=True),
    "IA3": lambda random: IA3Config(target_modules=["q", "v"], feedforward_modules=["v"]),
    "IA3 Conv1D of GPT-2": lambda random: IA3Config(
        target_modules=["c_attn"], feedforward_modules=random.choice([[], ["c_attn"]]),
        fan_in_fan_out=True),
    "IA3 convolution": lambda random: IA3Config(
        target_modules=["conv", "pointwise"], feedforward_modules=["pointwise"]),
    "AdaLoRA": lambda random: AdaLoraConfig(
        target_r=4, init_r=6, lora_alpha=random.choice([3, 12]), target_modules=["q", "v"],
        total_step=100),
    "VeRA": lambda random: VeraConfig(r=8, target_modules=["q", "v"], save_projection=True),
    "OFT": lambda random: OFTConfig(
        r=random.choice([1, 3]), oft_block_size=0, target_modules=["q", "v", "pointwise", "emb"],
        num_cayley_neumann_terms=random.choice([2, 3, 4, 5, 8])),
    "OFT shared": lambda random: OFTConfig(
        r=3, oft_block_size=0, block_share=True, target_modules=["q", "v", "pointwise"]),
    "OFT Cayley": lambda random: OFTConfig(
        r=3, oft_block_size=0, use_cayley_neumann=False, target_modules=["q", "v", "emb"]),
    "OFT constrained": lambda random: OFTConfig(
        r=3, oft_block_size=0, coft=True, eps=random.choice([0.05, 1]),
        use_cayley_neumann=random.choice([True, False]), target_modules=["q", "v"]),
    "BOFT": lambda random: BOFTConfig(
        boft_block_num=1, boft_block_size=0, target_modules=["q", "v", "pointwise"]),
}

# How far from 0 or 1 the trained values of a parameter lie, by a part of its name.
SPREADS = {"magnitude": (None, 0.1), "ia3_l": (1, 0.2), "vera_lambda": (0, 0.3)}


def adapted(model, config):
    """The model with an adapter of which every trained value differs from its start."""
    peft_model = get_peft_model(model, config)
    train(peft_model)
    return peft_model


def train(peft_model):
    with torch.no_grad():
        for name, parameter in peft_model.named_parameters():
            # AdaLoRA's count of ranks is none that is trained.
            if not parameter.requires_grad or "ranknum" in name:
                continue
            centre, spread = next(
                (value for part, value in SPREADS.items() if part in name), (0, 0.1))
            noise = torch.randn(parameter.shape) * spread
            parameter.copy_(parameter * (1 + noise) if centre is None else centre + noise)


# Saving

def save_state(state, folder, layout):
    """Writes a base: `safetensors`, `bin` or `sharded`."""
    os.makedirs(folder, exist_ok=True)
    if layout == "safetensors":
        save_file(state, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    elif layout == "bin":
        torch.save(state, os.path.join(folder, "pytorch_model.bin"))
    else:
        shards, sizes = split(state, 4000)
        places = {}
        for number, shard in enumerate(shards, 1):
            file = f"model-{number:05}-of-{len(shards):05}.safetensors"
            save_file(shard, os.path.join(folder, file), {"format": "pt"})
            places |= dict.fromkeys(shard, file)
        write_json(os.path.join(folder, "model.safetensors.index.json"),
                   {"metadata": {"total_size": sum(sizes)}, "weight_map": places})
