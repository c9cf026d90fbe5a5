"""Merged directories as transformers loads them, with PEFT's merged model as the judge."""

import os
import shutil

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

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


def llava(tied):
    """The names in its file are not those of the model: both parts were renamed since."""
    return transformers.LlavaForConditionalGeneration(transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(
            hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, vocab_size=70, tie_word_embeddings=tied, pad_token_id=0),
        vision_config=transformers.CLIPVisionConfig(
            hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            image_size=8, patch_size=4),
        image_token_index=69, tie_word_embeddings=tied))


MODELS = {
    "llama": lambda: base_model("llama", "F32"),
    "gpt2": lambda: base_model("gpt2", "F32"),
    "qwen2 tied": lambda: qwen2(True),
    "qwen2": lambda: qwen2(False),
    "bert": lambda: bert(True),
    "llava tied": lambda: llava(True),
}
ATTENTION = {"llama": ["q_proj", "down_proj"], "gpt2": ["c_attn", "c_proj"],
             "qwen2 tied": ["q_proj", "v_proj"], "qwen2": ["q_proj", "v_proj"],
             "bert": ["query", "output.dense"], "llava tied": ["q_proj", "linear_1"]}
EMBEDDING = {"gpt2": "wte", "bert": "word_embeddings"}
HEAD = {"bert": "decoder"}



def embedding_and_head(name):
    return [EMBEDDING.get(name, "embed_tokens"), HEAD.get(name, "lm_head")]


# What the adapter does beside its plain modules.
VARIANTS = {
    "plain": lambda name: {},
    "DoRA": lambda name: {"use_dora": True},
    "head saved": lambda name: {"modules_to_save": [HEAD.get(name, "lm_head")]},
    "embedding": lambda name: {"also": [EMBEDDING.get(name, "embed_tokens")]},
    "head": lambda name: {"also": [HEAD.get(name, "lm_head")]},
    "embedding and head": lambda name: {"also": embedding_and_head(name)},
    "embedding and head, tied": lambda name: {
        "also": embedding_and_head(name), "ensure_weight_tying": True},
    "embedding saved, tied": lambda name: {
        "modules_to_save": embedding_and_head(name)[:1], "ensure_weight_tying": True},
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
# PEFT saves what it tied for an embedding of another name than embed_tokens, but does not tie it
# when it loads that again.
LOST = [(name, variant) for name in EMBEDDING for variant in VARIANTS if variant.endswith("tied")]


# The variants that part two tied tensors, unless --keep-tied is given.
PARTED = ["embedding", "head", "embedding and head", "embedding and head, tied"]


def run(harness, every):
    for name in MODELS:
        for variant in VARIANTS:
            if (name, variant) in REFUSED + LOST:
                continue
            for dtype in DTYPES if every else harness.random.sample(list(DTYPES), 1):
                with harness.case(f"{name} {variant} {dtype}"):
                    load(harness, name, variant, DTYPES[dtype])
    untied(harness)
    for variant in ("tokens", "tokens of both"):
        for numerics in ("exact", "peft"):
            with harness.case(f"qwen2 tied, stored twice, {variant} {numerics}"):
                stored_twice(harness, variant, numerics)


def load(harness, name, variant, dtype):
    base, adapter, out = harness.places("base", "adapter", "out")
    model = filled(MODELS[name]()).to(dtype)
    kind = type(model)
    model.save_pretrained(base)
    options = VARIANTS[variant](name)
    grown = options.pop("grow", 0)
    modules = ATTENTION[name] + options.pop("also", [])
    if grown:
        model.resize_token_embeddings(vocabulary(model) + grown)
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
    harness.loads_whole(info)
    judge = kind.from_pretrained(base, dtype=dtype)
    if grown:
        judge.resize_token_embeddings(vocabulary(judge) + grown)
        config = read_json(os.path.join(out, "config.json"))
        harness.equal(config.get("text_config", config)["vocab_size"], vocabulary(judge),
                      "vocab_size of config.json")
    judge = PeftModel.from_pretrained(judge, adapter).merge_and_unload()
    same_outputs(harness, found, judge, exact=variant != "DoRA")
    if not options and variant in PARTED + ["embedding saved, tied"]:
        as_it_was(harness, base, out)


def vocabulary(model):
    return model.config.get_text_config().vocab_size


def keeps_tied(model, variant):
    """PEFT changes both of two tied tensors where an adapter changes one."""
    return bool(model.config.tie_word_embeddings) and variant in PARTED


def same_outputs(harness, found, judge, exact):
    tokens = torch.randint(0, vocabulary(judge), (2, 9))
    with torch.no_grad():
        found, expected = found.eval()(tokens).logits, judge.eval()(tokens).logits
    if exact:
        harness.check(torch.equal(found, expected), "equal logits",
                      shown(float((found - expected).abs().max())))
    else:  # the last places of a norm
        close = torch.allclose(found.float(), expected.float(), rtol=2e-2, atol=2e-2)
        harness.check(close, "close logits", shown(float((found - expected).abs().max())))


def as_it_was(harness, base, out):
    """Untied models have both tensors, and those tied for the adapter stay one."""
    before = read_json(os.path.join(base, "config.json"))
    after = read_json(os.path.join(out, "config.json"))
    harness.equal(after, before, "config.json stays as it was")


# What older saves hold: the one tensor of a tied model under both names.

TOKENS = {"tokens": [3, 5, 60],
          "tokens of both": {"embed_tokens": [3, 5, 60], "lm_head": [3, 5, 60]}}


def stored_twice(harness, variant, numerics):
    place = harness.fresh()
    base, adapter, out = (os.path.join(place, part) for part in ("base", "adapter", "out"))
    model = filled(qwen2(True))
    model.save_pretrained(base)
    path = os.path.join(base, "model.safetensors")
    tensors = load_file(path)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    save_file(tensors, path, {"format": "pt"})
    wrapped = get_peft_model(model, LoraConfig(
        r=4, lora_alpha=6, target_modules=["q_proj"], trainable_token_indices=TOKENS[variant]))
    train(wrapped)
    save_adapter(wrapped, adapter, save_embedding_layers=False)
    harness.done("merge", base, adapter, "-o", out, "--numerics", numerics)
    as_it_was(harness, base, out)
    found = transformers.Qwen2ForCausalLM.from_pretrained(out)
    harness.check(found.lm_head.weight is found.model.embed_tokens.weight, "they stay tied")
    judge = transformers.Qwen2ForCausalLM.from_pretrained(base)
    judge = PeftModel.from_pretrained(judge, adapter).merge_and_unload()
    same_outputs(harness, found, judge, exact=numerics == "peft")
    harness.equal(harness.run("verify", base, adapter, "--merged", out).status, 0, "verify agrees")
    shutil.rmtree(place)


# Without --keep-tied both tensors are written, and each has its own change.

def untied(harness):
    for name in ("qwen2 tied", "gpt2", "bert", "llava tied"):
        for variant in PARTED:
            if (name, variant) in LOST:
                continue
            with harness.case(f"{name} {variant} parted"):
                part(harness, name, variant)


def part(harness, name, variant):
    place = harness.fresh()
    base, adapter, out, apart = (
        os.path.join(place, part) for part in ("base", "adapter", "out", "apart"))
    model = filled(MODELS[name]())
    kind = type(model)
    model.save_pretrained(base)
    options = VARIANTS[variant](name)
    modules = ATTENTION[name] + options.pop("also")
    wrapped = get_peft_model(model, LoraConfig(
        r=4, lora_alpha=6, target_modules=modules, fan_in_fan_out=name == "gpt2", **options))
    train(wrapped)
    save_adapter(wrapped, adapter)
    harness.done("merge", base, adapter, "-o", out, "--numerics", "peft")
    harness.equal(read_json(os.path.join(out, "config.json"))["tie_word_embeddings"], False,
                  "tie_word_embeddings of config.json")
    found, info = kind.from_pretrained(out, dtype=torch.float32, output_loading_info=True)
    harness.loads_whole(info)
    source = kind.from_pretrained(base)
    if options:
        # Tied adapters: PEFT adds both to the one tensor, but computes with each alone.
        same_outputs(harness, found, PeftModel.from_pretrained(source, adapter), exact=False)
        return
    # The same model with tensors of their own, for PEFT.
    state, config = source.state_dict(), source.config
    config.tie_word_embeddings = config.get_text_config().tie_word_embeddings = False
    judge = kind(config)
    judge.load_state_dict(state)
    judge = PeftModel.from_pretrained(judge, adapter).merge_and_unload()
    same_outputs(harness, found, judge, exact=True)
    shutil.rmtree(place)
