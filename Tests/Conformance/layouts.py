"""Bases whose files have other names than transformers gives the loaded model, in whose names
adapters are trained and saved."""

import os

import torch
import transformers as t
from peft import LoraConfig, PeftModel, get_peft_model
from transformers.utils import logging

from harness import shown
from models import DTYPES
from tensors import load_directory

SEEING = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
              image_size=16, patch_size=4)
READING = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
               num_key_value_heads=2, vocab_size=40, pad_token_id=0, bos_token_id=1,
               eos_token_id=2, max_position_embeddings=32)
EXPERTS = dict(num_local_experts=3, num_experts_per_tok=2)
DETECTING = dict(
    d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
    decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, num_queries=4,
    use_timm_backbone=False, use_pretrained_backbone=False, backbone_config=t.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8, 8, 16], depths=[1, 1, 1, 1],
        out_features=["stage4"]))


def masked_ids(config, **fields):
    return config(hidden_size=16, intermediate_size=24, num_hidden_layers=2,
                  num_attention_heads=2, vocab_size=40, **fields)


def dinov2(config, model, **fields):
    return model(config(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=16,
                        patch_size=4, num_labels=3, **fields))


# The models, their linear modules (all of them where nothing is said), their parameters.
MODELS = {
    "ViT": lambda: t.ViTForImageClassification(t.ViTConfig(**SEEING)),
    "ViT-MAE": lambda: t.ViTMAEForPreTraining(t.ViTMAEConfig(
        **SEEING, decoder_hidden_size=16, decoder_intermediate_size=24,
        decoder_num_hidden_layers=1, decoder_num_attention_heads=2)),
    "DeiT": lambda: t.DeiTForImageClassification(t.DeiTConfig(**SEEING)),
    "AST": lambda: t.ASTForAudioClassification(t.ASTConfig(
        **{k: v for k, v in SEEING.items() if k != "image_size"}, max_length=16, num_mel_bins=16,
        frequency_stride=4, time_stride=4)),
    "BEiT": lambda: t.BeitForImageClassification(t.BeitConfig(vocab_size=8, **SEEING)),
    "DINOv2": lambda: dinov2(t.Dinov2Config, t.Dinov2ForImageClassification),
    "DINOv2 giant": lambda: dinov2(
        t.Dinov2Config, t.Dinov2ForImageClassification, use_swiglu_ffn=True),
    "DINOv2 with registers": lambda: dinov2(
        t.Dinov2WithRegistersConfig, t.Dinov2WithRegistersForImageClassification),
    "Swin": lambda: t.SwinForImageClassification(t.SwinConfig(
        embed_dim=8, depths=[1, 1], num_heads=[2, 2], image_size=16, patch_size=4,
        window_size=2)),
    "SegFormer": lambda: t.SegformerForSemanticSegmentation(t.SegformerConfig(
        hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 2, 2, 2], depths=[1, 1, 1, 1],
        decoder_hidden_size=8, num_labels=4)),
    "DETR": lambda: t.DetrForObjectDetection(t.DetrConfig(**DETECTING)),
    "Conditional DETR": lambda: t.ConditionalDetrForObjectDetection(
        t.ConditionalDetrConfig(**DETECTING)),
    "ViT and BERT": lambda: t.VisionEncoderDecoderModel(
        encoder=t.ViTModel(t.ViTConfig(**SEEING)),
        decoder=t.BertLMHeadModel(masked_ids(
            t.BertConfig, is_decoder=True, add_cross_attention=True))),
    "CLIP, its eye": lambda: t.CLIPVisionModel(t.CLIPVisionConfig(**SEEING)),
    "Qwen2-Audio": lambda: t.Qwen2AudioForConditionalGeneration(t.Qwen2AudioConfig(
        text_config=t.Qwen2Config(**READING), audio_config=dict(
            num_mel_bins=8, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=24,
            d_model=16, max_source_positions=16))),
    "GPT-NeoX": lambda: t.GPTNeoXForCausalLM(t.GPTNeoXConfig(
        hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        vocab_size=40)),
    "Mixtral": lambda: t.MixtralForCausalLM(t.MixtralConfig(**READING, **EXPERTS)),
    "PhiMoE": lambda: t.PhimoeForCausalLM(t.PhimoeConfig(**READING, **EXPERTS)),
    "GraniteMoE": lambda: t.GraniteMoeForCausalLM(t.GraniteMoeConfig(**READING, **EXPERTS)),
    "Jamba": lambda: t.JambaForCausalLM(t.JambaConfig(
        **READING, num_experts=3, num_experts_per_tok=2, attn_layer_period=2,
        attn_layer_offset=1, expert_layer_period=2, expert_layer_offset=1, mamba_d_state=4,
        mamba_dt_rank=4)),
    "Nomic-BERT": lambda: t.NomicBertModel(masked_ids(t.NomicBertConfig)),
}
# What all-linear does not mean, or means too much of.
TARGETS = {
    "Jamba": ["q_proj", "x_proj"],
    "DETR": r".*(q_proj|o_proj|fc1|fc2|class_labels_classifier)$",
    "Conditional DETR": r".*(q_content_proj|o_proj|fc1|fc2)$",
}
PARAMETERS = {
    "Mixtral": "mlp.experts", "PhiMoE": "mlp.experts", "GraniteMoE": "block_sparse_moe.experts",
    "Jamba": "feed_forward.experts",
}


def run(harness, every):
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for name in MODELS:
        with harness.case(name):
            merge(harness, name)
    for name in REARRANGED:
        with harness.case(f"rearranged: {name}"):
            rearranged(harness, *REARRANGED[name])


# Models of which transformers rearranges values, and a module that no file has as it is.
REARRANGED = {
    "experts": (lambda: t.MixtralForCausalLM(t.MixtralConfig(**READING, **EXPERTS)),
                ["q_proj"], ["experts"]),
    "turned heads": (lambda: t.GradiumPhononTTSForConditionalGeneration(t.GradiumPhononTTSConfig(
        vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, latent_dim=8, audio_prompt_dim=8, flow_head_config=dict(
            hidden_size=16, num_hidden_layers=1, latent_dim=8, condition_dim=16))),
        ["fc1"], ["k_proj"]),
}


def rearranged(harness, make, targets, saved):
    """Refused, unless the base is saved as it is loaded."""
    place = harness.fresh()
    model = make()
    drawn(model, lambda parameter: True)
    kind = type(model)
    bases = [os.path.join(place, name) for name in ("base", "loaded")]
    for base, original in zip(bases, (True, False)):
        model.save_pretrained(base, save_original_format=original)
    tuned = get_peft_model(again(kind, bases[0], torch.float32), LoraConfig(
        r=3, lora_alpha=5, target_modules=targets, modules_to_save=saved))
    drawn(tuned, lambda parameter: parameter.requires_grad)
    adapter, out = (os.path.join(place, name) for name in ("adapter", "out"))
    tuned.save_pretrained(adapter)
    refusal = harness.run("merge", bases[0], adapter, "-o", out)
    harness.equal(refusal.status, 2, "the base in another form is refused")
    harness.check("save_original_format=False" in refusal.err, "a way is told", refusal.err)
    harness.equal(harness.run("check", adapter, "--base", bases[0]).status, 1, "check says so")
    harness.done("merge", bases[1], adapter, "-o", out)
    expected = tuned.merge_and_unload().state_dict()
    found = again(kind, out, torch.float32).state_dict()
    for name, tensor in expected.items():
        harness.check(torch.allclose(found[name], tensor, rtol=1e-5, atol=1e-5),
                      f"{name} as PEFT's")


def merge(harness, name):
    place = harness.fresh()
    base, adapter, out = (os.path.join(place, part) for part in ("base", "adapter", "out"))
    dtype = DTYPES[harness.random.choice(list(DTYPES))]
    model = MODELS[name]().to(dtype)
    drawn(model, lambda parameter: True)
    kind = type(model)
    model.save_pretrained(base)
    fields = {"target_modules": TARGETS.get(name, "all-linear")}
    # A bias of a part of a tensor has no place of its own in the file.
    if name not in ("DINOv2 giant", "Nomic-BERT"):
        fields["bias"] = harness.random.choice(["none", "all"])
    if name in PARAMETERS:
        fields = {"target_modules": fields["target_modules"], "target_parameters": [
            f"{PARAMETERS[name]}.{part}" for part in ("gate_up_proj", "down_proj")]}
    tuned = get_peft_model(again(kind, base, dtype), LoraConfig(r=3, lora_alpha=5, **fields))
    drawn(tuned, lambda parameter: parameter.requires_grad)
    tuned.save_pretrained(adapter)
    judge = PeftModel.from_pretrained(again(kind, base, dtype), adapter).merge_and_unload()
    judge.save_pretrained(place + "/expected")
    expected = load_directory(place + "/expected")
    before = load_directory(base)
    report = harness.json("check", adapter, "--base", base)
    harness.equal([f["code"] for f in report["findings"] if f["severity"] == "error"], [], "check")
    harness.done("merge", base, adapter, "-o", out, "--numerics", "peft")
    found = load_directory(out)
    harness.equal(sorted(found), sorted(before), "the names of the base's file")
    harness.equal(sorted(found), sorted(expected), "the names that transformers saves")
    changed = 0
    for tensor, wanted in expected.items():
        changed += not torch.equal(wanted, before[tensor])
        harness.check(same(found[tensor], wanted, name in PARAMETERS), f"{tensor} as PEFT's")
    harness.check(changed > 1, "PEFT changed something")
    loaded, info = kind.from_pretrained(out, dtype=dtype, output_loading_info=True)
    harness.equal([info["missing_keys"], info["unexpected_keys"]], [set(), set()],
                  f"keys of {shown(type(loaded).__name__)}")


def drawn(model, isWanted):
    with torch.no_grad():
        for parameter in model.parameters():
            if isWanted(parameter) and parameter.is_floating_point():
                parameter.normal_(0, 0.1)


def again(kind, base, dtype):
    return kind.from_pretrained(base, dtype=dtype)


def same(found, wanted, isBatched):
    """The same bits; torch's batched products of tiny matrices leave the fma chain."""
    if torch.equal(found, wanted):
        return True
    step = torch.finfo(wanted.dtype).eps
    return isBatched and found.dtype == wanted.dtype and torch.allclose(
        found.double(), wanted.double(), rtol=2 * step, atol=step * wanted.abs().max().item())
