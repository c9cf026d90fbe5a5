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
PARTS = {"shared": ["embed_tokens"],
         "word_embeddings": ["encoder.word_embeddings", "decoder.word_embeddings"]}
VARIANTS = {
    "head": lambda shared: {"target_modules": ["lm_head"]},
    "head saved": lambda shared: {"target_modules": r".*\.(q|q_proj|query_proj)",
                                  "modules_to_save": ["lm_head"]},
    # The embedding by the names that the two parts have for it.
    "parts": lambda shared: {"target_modules": PARTS[shared]},
    "parts and head": lambda shared: {"target_modules": PARTS[shared] + ["lm_head"]},
    "encoder alone": lambda shared: {
        "target_modules": ["encoder." + PARTS[shared][0].split(".")[-1]]},
}
# What older configurations do not have.
LATE_FIELDS = ["tie_word_embeddings", "scale_decoder_outputs"]


def run(harness, every):
    for name in MODELS:
        for variant in VARIANTS:
            with harness.case(f"{name} {variant}"):
                parted(harness, name, variant)
    for name in OTHERS:
        with harness.case(name):
            other(harness, *OTHERS[name]())
    for dtype in DTYPES:
        with harness.case(f"Linear and Conv1D in one model, {dtype}"):
            classes(harness, DTYPES[dtype])


def parted(harness, name, variant):
    kind, config, fields, shared = MODELS[name]
    model = getattr(transformers, kind)(getattr(transformers, config)(**fields))
    tokens = torch.randint(3, 70, (2, 9))
    judged(harness, model, VARIANTS[variant](shared),
           {"input_ids": tokens, "decoder_input_ids": tokens},
           late_fields=harness.random.random() < 0.5)


def judged(harness, model, options, inputs, late_fields=True):
    """Merges an adapter of the model; returns the paths of base, adapter and output."""
    base, adapter, out = paths = harness.places("base", "adapter", "out")
    kind = type(model)
    filled(model).save_pretrained(base)
    if not late_fields:
        path = os.path.join(base, "config.json")
        write_json(path, {key: value for key, value in read_json(path).items()
                          if key not in LATE_FIELDS})
    trained(kind.from_pretrained(base), adapter, **options)
    harness.done("merge", base, adapter, "-o", out)
    found, info = kind.from_pretrained(out, output_loading_info=True)
    harness.loads_whole(info)
    live = PeftModel.from_pretrained(kind.from_pretrained(base), adapter).eval()
    with torch.no_grad():
        found, expected = found.eval()(**inputs)[0], live(**inputs)[0]
    close = torch.allclose(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
    harness.check(close, "what the live model gives",
                  shown(float((found - expected).abs().max())))
    return paths


def trained(model, adapter, **options):
    wrapped = get_peft_model(model, LoraConfig(r=4, lora_alpha=6, **options))
    train(wrapped)
    save_adapter(wrapped, adapter)


BERT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
        "num_attention_heads": 4, "vocab_size": 70, "pad_token_id": 0}
WHISPER = {key: value for key, value in BART.items() if key != "pad_token_id"} | {
    "num_mel_bins": 8, "max_source_positions": 16, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "decoder_start_token_id": 3}


def masked(kind, **options):
    def make():
        config = getattr(transformers, f"{kind}Config")(**BERT)
        model = getattr(transformers, f"{kind}ForMaskedLM")(config)
        return model, options, {"input_ids": torch.randint(3, 70, (2, 9))}
    return make


def whisper():
    model = transformers.WhisperForConditionalGeneration(transformers.WhisperConfig(**WHISPER))
    return model, {"target_modules": ["proj_out"]}, {
        "input_features": torch.randn(1, 8, 32), "decoder_input_ids": torch.randint(3, 70, (1, 9))}


def encoder():
    model = transformers.T5EncoderModel(transformers.T5Config(**T5))
    return model, {"target_modules": ["q", "embed_tokens"]}, {
        "input_ids": torch.randint(3, 70, (2, 9))}


def classifier():
    model = transformers.BartForSequenceClassification(
        transformers.BartConfig(**BART, num_labels=3))
    tokens = torch.randint(3, 70, (1, 9))
    tokens[0, -1] = model.config.eos_token_id
    return model, {"target_modules": ["embed_tokens"]}, {"input_ids": tokens}


SEEING = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1,
          "num_attention_heads": 4, "image_size": 8, "patch_size": 4}
BACKWARD = {"is_decoder": True, "add_cross_attention": True}
# The head and the embedding of decoders that are joined to an encoder of another type.
DECODERS = {
    "bert": (lambda: transformers.BertConfig(**BERT, **BACKWARD), "cls.predictions.decoder",
             "bert.embeddings.word_embeddings"),
    "gpt2": (lambda: transformers.GPT2Config(
        vocab_size=70, n_embd=32, n_layer=1, n_head=4, **BACKWARD), "lm_head", "transformer.wte"),
    "trocr": (lambda: transformers.TrOCRConfig(
        vocab_size=70, d_model=32, decoder_layers=1, decoder_attention_heads=4,
        decoder_ffn_dim=48, cross_attention_hidden_size=32, pad_token_id=0),
        "output_projection", "model.decoder.embed_tokens"),
}


def joined(decoder, sees, *parts):
    def make():
        config, head, embedding = DECODERS[decoder]
        encoder = transformers.ViTConfig(**SEEING) if sees else transformers.BertConfig(**BERT)
        name = "VisionEncoderDecoder" if sees else "EncoderDecoder"
        model = getattr(transformers, f"{name}Model")(getattr(
            transformers, f"{name}Config").from_encoder_decoder_configs(encoder, config()))
        names = {"head": head, "embedding": embedding}
        tokens = torch.randint(3, 70, (2, 9))
        given = {"pixel_values": torch.randn(2, 3, 8, 8)} if sees else {"input_ids": tokens}
        return (model, {"target_modules": [f"decoder.{names[part]}" for part in parts]},
                given | {"decoder_input_ids": tokens})
    return make


# A tied bias, a head under a name of its own, and models without an output for tokens.
OTHERS = {
    "whisper head": whisper,
    "t5 encoder": encoder,
    "bart classifier": classifier,
    "bert every bias": masked("Bert", target_modules=["query"], bias="all"),
    "roberta every bias": masked("Roberta", target_modules=["query"], bias="all"),
    "albert every bias": masked("Albert", target_modules=["query"], bias="all"),
    "bert head and its bias": masked("Bert", target_modules=["decoder"], bias="lora_only"),
    "bert head and every bias": masked("Bert", target_modules=["query", "decoder"], bias="all"),
    "bert bias of B": masked("Bert", target_modules=["decoder"], lora_bias=True),
    "vision and gpt2, head": joined("gpt2", True, "head"),
    "vision and trocr, head": joined("trocr", True, "head"),
    "vision and bert, embedding": joined("bert", True, "embedding"),
    "bert and bert, head": joined("bert", False, "head"),
    "bert and gpt2, embedding": joined("gpt2", False, "embedding"),
    "bert and gpt2, both": joined("gpt2", False, "head", "embedding"),
    "roberta head saved": masked("Roberta", target_modules=["query"],
                                 modules_to_save=["lm_head"]),
}


def other(harness, model, options, inputs):
    base, adapter, out = judged(harness, model, options, inputs)
    harness.done("verify", base, adapter, "--merged", out)
    # PEFT leaves tied what it cannot part; that is a merge of the two as well.
    by_peft = f"{out}-by-peft"
    PeftModel.from_pretrained(
        type(model).from_pretrained(base), adapter).merge_and_unload().save_pretrained(by_peft)
    harness.done("verify", base, adapter, "--merged", by_peft)


def classes(harness, dtype):
    """BERT's Linear and GPT-2's Conv1D, both square, with whatever flag the adapter has."""
    base, adapter, out = harness.places("base", "adapter", "out")
    encoder = transformers.BertConfig(
        vocab_size=70, hidden_size=32, intermediate_size=48, num_hidden_layers=1,
        num_attention_heads=4)
    decoder = transformers.GPT2Config(
        vocab_size=70, n_embd=32, n_layer=1, n_head=4, n_positions=64, add_cross_attention=True,
        is_decoder=True)
    kind = transformers.EncoderDecoderModel
    config = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    filled(kind(config)).to(dtype).save_pretrained(base)
    trained(kind.from_pretrained(base, dtype=dtype), adapter,
            target_modules=["query", "attn.c_proj"])
    path = os.path.join(adapter, "adapter_config.json")
    write_json(path, read_json(path) | {"fan_in_fan_out": harness.random.random() < 0.5})
    harness.done("merge", base, adapter, "-o", out, "--numerics", "peft")
    judge = PeftModel.from_pretrained(kind.from_pretrained(base, dtype=dtype), adapter)
    judge = judge.merge_and_unload().state_dict()
    found = kind.from_pretrained(out, dtype=dtype).state_dict()
    for name, tensor in judge.items():
        harness.check(torch.equal(found[name], tensor), f"{name} is PEFT's", "")
