"""Merged directories as transformers loads them, with PEFT's merged model as the judge."""

import os
import shutil

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

from harness import shown
from models import DTYPES, base_model, read_json, save_adapter
from parts import filled, train


def bert(tied):
    return transformers.BertForMaskedLM(transformers.BertConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        vocab_size=70, max_position_embeddings=32, tie_word_embeddings=tied))


def qwen2(tied):
    return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=70, max_position_embeddings=64,
        tie_word_embeddings=tied))


MODELS = {
    "llama": lambda: base_model("llama", "F32"),
    "gpt2": lambda: base_model("gpt2", "F32"),
    "qwen2 tied": lambda: qwen2(True),
    "qwen2": lambda: qwen2(False),
    "bert": lambda: bert(True),
}
ATTENTION = {"llama": ["q_proj", "down_proj"], "gpt2": ["c_attn", "c_proj"],
             "qwen2 tied": ["q_proj", "v_proj"], "qwen2": ["q_proj", "v_proj"],
             "bert": ["query", "output.dense"]}
EMBEDDING = {"gpt2": "wte", "bert": "word_embeddings"}
HEAD = {"bert": "decoder"}

# What the adapter does beside its plain modules.
VARIANTS = {
    "plain": lambda name: {},
    "DoRA": lambda name: {"use_dora": True},
    "head saved": lambda name: {"modules_to_save": [HEAD.get(name, "lm_head")]},
    "embedding": lambda name: {"also": [EMBEDDING.get(name, "embed_tokens")]},
    "head": lambda name: {"also": [HEAD.get(name, "lm_head")]},
    "tokens": lambda name: {
        "trainable_token_indices": {EMBEDDING.get(name, "embed_tokens"): [3, 5, 60]}},
    "bias all": lambda name: {"bias": "all"},
    "grown": lambda name: {"grow": 5},
    "grown, saved": lambda name: {
        "grow": 5, "modules_to_save": [EMBEDDING.get(name, "embed_tokens")]},
    "grown, tokens": lambda name: {"grow": 5, "trainable_token_indices": {
        EMBEDDING.get(name, "embed_tokens"): [3, 71 if name.startswith("qwen2") else 66]}},
}


# BERT ties the bias of its output as well, under a name that its file does not hold.
REFUSED = [("bert", variant) for variant in VARIANTS if variant[:5] in ("bias ", "grown")]


def run(harness, every):
    for name in MODELS:
        for variant in VARIANTS:
            if (name, variant) in REFUSED:
                continue
            for dtype in DTYPES if every else harness.random.sample(list(DTYPES), 1):
                with harness.case(f"{name} {variant} {dtype}"):
                    load(harness, name, variant, DTYPES[dtype])
    untied(harness)


def load(harness, name, variant, dtype):
    place = harness.fresh()
    base, adapter, out = (os.path.join(place, part) for part in ("base", "adapter", "out"))
    model = filled(MODELS[name]()).to(dtype)
    kind = type(model)
    model.save_pretrained(base)
    options = VARIANTS[variant](name)
    grown = options.pop("grow", 0)
    modules = ATTENTION[name] + options.pop("also", [])
    if grown:
        model.resize_token_embeddings(model.config.vocab_size + grown)
    wrapped = get_peft_model(model, LoraConfig(
        r=4, lora_alpha=6, target_modules=modules, fan_in_fan_out=name == "gpt2", **options))
    train(wrapped)
    if grown:  # the embedding is trained as a whole then
        with torch.no_grad():
            model.get_input_embeddings().weight.mul_(1.1)
    save_adapter(wrapped, adapter, save_embedding_layers=bool(grown) or "auto")
    options = ["--keep-tied"] if keeps_tied(model, variant) else []
    harness.done("merge", base, adapter, "-o", out, "--numerics", "peft", *options)
    found, info = kind.from_pretrained(out, dtype=dtype, output_loading_info=True)
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        harness.equal(sorted(info[key]), [], f"transformers finds no {key}")
    judge = kind.from_pretrained(base, dtype=dtype)
    if grown:
        judge.resize_token_embeddings(judge.config.vocab_size + grown)
        harness.equal(read_json(os.path.join(out, "config.json"))["vocab_size"],
                      judge.config.vocab_size, "vocab_size of config.json")
    judge = PeftModel.from_pretrained(judge, adapter).merge_and_unload()
    same_outputs(harness, found, judge, exact=variant != "DoRA")
    if not options and variant in ("embedding", "head"):
        parted(harness, kind, base, adapter, out, dtype)


def keeps_tied(model, variant):
    """PEFT changes both of two tied tensors where an adapter changes one."""
    return bool(model.config.tie_word_embeddings) and variant in ("embedding", "head")


def same_outputs(harness, found, judge, exact):
    tokens = torch.randint(0, judge.config.vocab_size, (2, 9))
    with torch.no_grad():
        found, expected = found.eval()(tokens).logits, judge.eval()(tokens).logits
    if exact:
        harness.check(torch.equal(found, expected), "equal logits",
                      shown(float((found - expected).abs().max())))
    else:  # the last places of a norm
        close = torch.allclose(found.float(), expected.float(), rtol=2e-2, atol=2e-2)
        harness.check(close, "close logits", shown(float((found - expected).abs().max())))


def parted(harness, kind, base, adapter, out, dtype):
    """Untied models already have both tensors."""
    before = read_json(os.path.join(base, "config.json"))
    after = read_json(os.path.join(out, "config.json"))
    harness.equal(after, before, "config.json stays as it was")


# Without --keep-tied both tensors are written, and each has its own change.

def untied(harness):
    for name in ("qwen2 tied", "gpt2", "bert"):
        for variant in ("embedding", "head"):
            with harness.case(f"{name} {variant} parted"):
                part(harness, name, variant)


def part(harness, name, variant):
    place = harness.fresh()
    base, adapter, out, apart = (
        os.path.join(place, part) for part in ("base", "adapter", "out", "apart"))
    model = filled(MODELS[name]())
    kind = type(model)
    model.save_pretrained(base)
    modules = ATTENTION[name] + VARIANTS[variant](name)["also"]
    wrapped = get_peft_model(model, LoraConfig(
        r=4, lora_alpha=6, target_modules=modules, fan_in_fan_out=name == "gpt2"))
    train(wrapped)
    save_adapter(wrapped, adapter)
    harness.done("merge", base, adapter, "-o", out, "--numerics", "peft")
    harness.equal(read_json(os.path.join(out, "config.json"))["tie_word_embeddings"], False,
                  "tie_word_embeddings of config.json")
    found, info = kind.from_pretrained(out, dtype=torch.float32, output_loading_info=True)
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        harness.equal(sorted(info[key]), [], f"transformers finds no {key}")
    # The same model with tensors of their own, for PEFT.
    config = kind.from_pretrained(base).config
    config.tie_word_embeddings = False
    judge = kind(config)
    source = kind.from_pretrained(base).state_dict()
    judge.load_state_dict(source)
    judge = PeftModel.from_pretrained(judge, adapter).merge_and_unload()
    same_outputs(harness, found, judge, exact=True)
    shutil.rmtree(place)
