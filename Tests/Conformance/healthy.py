"""Files that transformers, diffusers and PEFT write and load again without a word: `check` finds
nothing wrong with them, alone, with their base, and with the state dict of the model in memory."""

import os

import torch
import transformers as t
from diffusers import AutoencoderTiny
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers.utils import logging

from harness import shown
from models import read_json, write_json

READING = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
               vocab_size=40, max_position_embeddings=32, pad_token_id=0)
GROUPED = dict(READING, num_key_value_heads=2, bos_token_id=1, eos_token_id=2)
PAIRED = dict(d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
              decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, vocab_size=40,
              max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2,
              decoder_start_token_id=1)
SEEING = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
              image_size=16, patch_size=8)

MODELS = {
    # An embedding narrower than the layers.
    "ELECTRA": lambda: t.ElectraForMaskedLM(t.ElectraConfig(**READING, embedding_size=8)),
    "MobileBERT": lambda: t.MobileBertForMaskedLM(t.MobileBertConfig(
        **READING, embedding_size=8, true_hidden_size=8, intra_bottleneck_size=8)),
    "OPT": lambda: t.OPTForCausalLM(t.OPTConfig(
        hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=2, vocab_size=40,
        word_embed_proj_dim=8, max_position_embeddings=32)),
    # Members without tensors.
    "EnCodec": lambda: t.EncodecModel(t.EncodecConfig(
        num_filters=4, hidden_size=8, codebook_dim=8, codebook_size=8)),
    # Layers that are run several times.
    "HRM": lambda: t.HrmTextForCausalLM(t.HrmTextConfig(**GROUPED)),
    # Tied outputs of many names, positions that no file holds.
    "ModernBERT": lambda: t.ModernBertForMaskedLM(t.ModernBertConfig(**READING)),
    "ModernBERT, its decoder": lambda: t.ModernBertDecoderForCausalLM(
        t.ModernBertDecoderConfig(**READING)),
    "XLNet": lambda: t.XLNetLMHeadModel(t.XLNetConfig(
        vocab_size=40, d_model=16, n_layer=2, n_head=2, d_inner=24)),
    "Marian": lambda: t.MarianMTModel(t.MarianConfig(**PAIRED)),
    "TrOCR": lambda: t.TrOCRForCausalLM(t.TrOCRConfig(**{
        k: v for k, v in PAIRED.items() if not k.startswith("encoder")})),
    "BLIP": lambda: t.BlipForConditionalGeneration(t.BlipConfig(
        text_config=dict(READING, encoder_hidden_size=16, bos_token_id=1),
        vision_config=SEEING)),
    "Luke": lambda: t.LukeForMaskedLM(t.LukeConfig(
        **READING, entity_vocab_size=20, entity_emb_size=8)),
    # Rows beyond the vocabulary.
    "Mllama, its text": lambda: t.MllamaForCausalLM(t.MllamaTextConfig(
        **GROUPED, cross_attention_layers=[1],
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0})),
    "Tiny autoencoder": lambda: AutoencoderTiny(
        encoder_block_out_channels=(4,) * 4, decoder_block_out_channels=(4,) * 4),
}

# What PEFT trains beside all linear modules but the excluded.
ADAPTERS = {
    "excluded": dict(target_modules="all-linear", exclude_modules=["down_proj"]),
    "excluded by an expression": dict(target_modules="all-linear", exclude_modules=".*mlp.*"),
    "norms": dict(target_modules=["q_proj"], modules_to_save=["norm"]),
    "the end of a name": dict(target_modules=["q_proj"], modules_to_save=["head"]),
    "a head that all-linear left in the list": dict(
        target_modules="all-linear", modules_to_save=["o_proj"]),
}


def run(harness, every):
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for name in MODELS:
        with harness.case(name):
            model(harness, MODELS[name]())
    with harness.case("layers that predict further tokens"):
        predicting(harness)
    for name, fields in ADAPTERS.items():
        with harness.case(f"an adapter: {name}"):
            adapter(harness, fields)


def well(harness, *arguments, **options):
    result = harness.run("check", *arguments, **options)
    harness.equal(result.status, 0, f"check {' '.join(map(os.path.basename, arguments))}: {result}")


def model(harness, live):
    folder = os.path.join(harness.fresh("healthy"), "model")
    live.save_pretrained(folder)
    well(harness, folder)
    if not isinstance(live, t.PreTrainedModel):
        return
    _, info = type(live).from_pretrained(folder, output_loading_info=True)
    harness.equal([info["missing_keys"], info["unexpected_keys"]], [set(), set()],
                  f"keys of {shown(type(live).__name__)}")
    # Each tensor under each of its names. What has others in memory than in its file is no
    # file of that model.
    if not load_file(os.path.join(folder, "model.safetensors")).keys() <= live.state_dict().keys():
        return
    memory = f"{folder}.pt"
    torch.save(live.state_dict(), memory)
    live.load_state_dict(torch.load(memory))
    well(harness, memory, "--base", folder)


def predicting(harness):
    """What several models publish and no class of transformers builds."""
    folder = os.path.join(harness.fresh("healthy"), "model")
    live = t.Glm4MoeForCausalLM(t.Glm4MoeConfig(
        **GROUPED, head_dim=8, n_routed_experts=2, num_experts_per_tok=1, n_group=1, topk_group=1,
        first_k_dense_replace=1, moe_intermediate_size=8))
    live.save_pretrained(folder)
    file = os.path.join(folder, "model.safetensors")
    tensors = load_file(file)
    last = "model.layers.1."
    further = {name.replace(last, "model.layers.2."): value.clone()
               for name, value in tensors.items() if name.startswith(last)}
    save_file(tensors | further, file, metadata={"format": "pt"})
    configuration = os.path.join(folder, "config.json")
    write_json(configuration, read_json(configuration) | {"num_nextn_predict_layers": 1})
    well(harness, folder)
    _, info = type(live).from_pretrained(folder, output_loading_info=True)
    harness.equal(info["missing_keys"], set(), "keys that it misses")
    write_json(configuration, read_json(configuration) | {"num_nextn_predict_layers": 0})
    codes = [found["code"] for found in harness.run("check", folder, "--json").json()["findings"]]
    harness.equal(codes, ["config-mismatch"], "a layer too many")


def adapter(harness, fields):
    place = harness.fresh("healthy")
    base, saved = os.path.join(place, "base"), os.path.join(place, "adapter")
    t.LlamaForCausalLM(t.LlamaConfig(**GROUPED, tie_word_embeddings=False)).save_pretrained(base)

    def again():
        return t.LlamaForCausalLM.from_pretrained(base)

    tuned = get_peft_model(again(), LoraConfig(r=2, init_lora_weights=False, **fields))
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.add_(0.1)
    tuned.save_pretrained(saved)
    well(harness, saved)
    well(harness, saved, "--base", base)
    # What a load that is not strict gives back, of a success and of a wrapper.
    path = os.path.join(saved, "adapter_model.safetensors")
    tensors = load_file(path)
    empty = PeftModel(again(), LoraConfig.from_pretrained(saved))
    told = str(set_peft_model_state_dict(empty, dict(tensors)))
    well(harness, saved, "--error-log", "-", input=told.encode())
    if "modules_to_save" in fields:
        return  # which fails otherwise
    wrapped = {f"module.{name}": value for name, value in tensors.items()}
    save_file(wrapped, path)
    empty = PeftModel(again(), LoraConfig.from_pretrained(saved))
    told = str(set_peft_model_state_dict(empty, dict(wrapped)))
    result = harness.run("check", saved, "--error-log", "-", "--json", input=told.encode())
    harness.equal(result.json()["findings"][0]["code"], "prefix-drift", "of a wrapper")
