"""Models of an encoder and a decoder: the live PEFT model is the judge of what loads."""

import os

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

from harness import shown
from models import DTYPES, read_json, save_adapter, write_json
from parts import filled, train

BART = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4,
        "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48,
        "vocab_size": 70, "pad_token_id": 0}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 1, "num_heads": 4, "vocab_size": 70}

# A class, its configuration and the name of the embedding that all share.
MODELS = {
    "bart": ("BartForConditionalGeneration", "BartConfig", BART, "shared"),
    "pegasus": ("PegasusForConditionalGeneration", "PegasusConfig", BART, "shared"),
    "m2m_100": ("M2M100ForConditionalGeneration", "M2M100Config", BART, "shared"),
    "marian": ("MarianMTModel", "MarianConfig", BART, "shared"),
    "t5": ("T5ForConditionalGeneration", "T5Config", T5, "shared"),
    "mt5": ("MT5ForConditionalGeneration", "MT5Config", T5, "shared"),
    "umt5": ("UMT5ForConditionalGeneration", "UMT5Config", T5, "shared"),
    "longt5": ("LongT5ForConditionalGeneration", "LongT5Config", T5, "shared"),
    "switch": ("SwitchTransformersForConditionalGeneration", "SwitchTransformersConfig",
               T5 | {"num_experts": 2}, "shared"),
    "prophetnet": ("ProphetNetForConditionalGeneration", "ProphetNetConfig", {
        "hidden_size": 32, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "num_encoder_layers": 1,
        "num_decoder_layers": 1, "num_encoder_attention_heads": 4,
        "num_decoder_attention_heads": 4, "vocab_size": 70, "pad_token_id": 0},
        "word_embeddings"),
}
VARIANTS = {
    "head": lambda shared: {"target_modules": ["lm_head"]},
    "head saved": lambda shared: {"target_modules": r".*\.(q|q_proj|query_proj)",
                                  "modules_to_save": ["lm_head"]},
}
# What older configurations do not have.
LATE_FIELDS = ["tie_word_embeddings", "scale_decoder_outputs"]


def run(harness, every):
    for name in MODELS:
        for variant in VARIANTS:
            with harness.case(f"{name} {variant}"):
                parted(harness, name, variant)
    for dtype in DTYPES:
        with harness.case(f"Linear and Conv1D in one model, {dtype}"):
            classes(harness, DTYPES[dtype])


def parted(harness, name, variant):
    place = harness.fresh()
    base, adapter, out = (os.path.join(place, part) for part in ("base", "adapter", "out"))
    kind, config, fields, shared = MODELS[name]
    kind = getattr(transformers, kind)
    filled(kind(getattr(transformers, config)(**fields))).save_pretrained(base)
    if harness.random.random() < 0.5:
        path = os.path.join(base, "config.json")
        write_json(path, {key: value for key, value in read_json(path).items()
                          if key not in LATE_FIELDS})
    wrapped = get_peft_model(kind.from_pretrained(base), LoraConfig(
        r=4, lora_alpha=6, **VARIANTS[variant](shared)))
    train(wrapped)
    save_adapter(wrapped, adapter)
    harness.done("merge", base, adapter, "-o", out)
    found, info = kind.from_pretrained(out, output_loading_info=True)
    for key in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        harness.equal(sorted(info[key]), [], f"transformers finds no {key}")
    live = PeftModel.from_pretrained(kind.from_pretrained(base), adapter).eval()
    tokens = torch.randint(3, 70, (2, 9))
    with torch.no_grad():
        found = found.eval()(input_ids=tokens, decoder_input_ids=tokens).logits
        expected = live(input_ids=tokens, decoder_input_ids=tokens).logits
    close = torch.allclose(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
    harness.check(close, "the logits of the live model",
                  shown(float((found - expected).abs().max())))


def classes(harness, dtype):
    """BERT's Linear and GPT-2's Conv1D, both square, with whatever flag the adapter has."""
    place = harness.fresh()
    base, adapter, out = (os.path.join(place, part) for part in ("base", "adapter", "out"))
    encoder = transformers.BertConfig(
        vocab_size=70, hidden_size=32, intermediate_size=48, num_hidden_layers=1,
        num_attention_heads=4)
    decoder = transformers.GPT2Config(
        vocab_size=70, n_embd=32, n_layer=1, n_head=4, n_positions=64, add_cross_attention=True,
        is_decoder=True)
    kind = transformers.EncoderDecoderModel
    config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    filled(kind(config)).to(dtype).save_pretrained(base)
    wrapped = get_peft_model(kind.from_pretrained(base, dtype=dtype), LoraConfig(
        r=4, lora_alpha=6, target_modules=["query", "attn.c_proj"]))
    train(wrapped)
    save_adapter(wrapped, adapter)
    path = os.path.join(adapter, "adapter_config.json")
    write_json(path, read_json(path) | {"fan_in_fan_out": harness.random.random() < 0.5})
    harness.done("merge", base, adapter, "-o", out, "--numerics", "peft")
    judge = PeftModel.from_pretrained(kind.from_pretrained(base, dtype=dtype), adapter)
    judge = judge.merge_and_unload().state_dict()
    found = kind.from_pretrained(out, dtype=dtype).state_dict()
    for name, tensor in judge.items():
        harness.check(torch.equal(found[name], tensor), f"{name} is PEFT's", "")
