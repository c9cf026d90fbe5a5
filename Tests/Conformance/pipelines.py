"""Whole pipelines of diffusers: adapters for UNet and text encoder in one go, loaded and
fused by diffusers itself."""

import json
import os
import shutil

import torch
from diffusers import (
    AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel)
from diffusers.utils import convert_state_dict_to_diffusers, logging
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

SIZES = dict(block_out_channels=(8, 16), norm_num_groups=4, layers_per_block=1)


def run(harness, every):
    logging.set_verbosity_error()
    directory = harness.fresh("pipeline")
    base = os.path.join(directory, "base")
    make_pipeline(os.path.join(directory, "words")).save_pretrained(base)
    with harness.case("adapter of diffusers"):
        merge(harness, directory, base, kohya=False)
    with harness.case("adapter of kohya's scripts"):
        merge(harness, directory, base, kohya=True)
    with harness.case("shards and types"):
        convert(harness, directory, base)
    with harness.case("refusals"):
        refuse(harness, directory, base)


def make_pipeline(words):
    unet = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, cross_attention_dim=16,
        attention_head_dim=4, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), **SIZES)
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        **SIZES)
    os.makedirs(words)
    vocabulary = {word: index for index, word in enumerate(
        ["<|startoftext|>", "<|endoftext|>", "a</w>", "b</w>", "a", "b"])}
    with open(os.path.join(words, "vocab.json"), "w") as file:
        json.dump(vocabulary, file)
    with open(os.path.join(words, "merges.txt"), "w") as file:
        file.write("#version: 0.2\n")
    encoder = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=4, max_position_embeddings=77, eos_token_id=1, bos_token_id=0))
    return StableDiffusionPipeline(
        vae=vae, text_encoder=encoder, unet=unet, scheduler=DDIMScheduler(),
        tokenizer=CLIPTokenizer(
            os.path.join(words, "vocab.json"), os.path.join(words, "merges.txt")),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)


def train(model, targets):
    """The state of an adapter as a training leaves it, under the names of diffusers."""
    model.add_adapter(LoraConfig(r=4, lora_alpha=4, target_modules=targets))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.normal_(0, 0.1)
    return convert_state_dict_to_diffusers(get_peft_model_state_dict(model))


def merge(harness, directory, base, kohya):
    pipeline = StableDiffusionPipeline.from_pretrained(base)
    unet = train(pipeline.unet, ["to_q", "to_k", "to_v", "to_out.0"])
    text = train(pipeline.text_encoder, ["q_proj", "v_proj"])
    adapter = os.path.join(directory, "lora.safetensors")
    if kohya:
        # diffusers 0.42 does not load what is for the encoders of transformers 5.
        save_file(flattened("lora_unet_", unet), os.path.join(directory, "judged.safetensors"))
        save_file({**flattened("lora_unet_", unet), **flattened("lora_te_text_model_", text)}, adapter)
    else:
        StableDiffusionPipeline.save_lora_weights(
            directory, unet_lora_layers=unet, text_encoder_lora_layers=text,
            weight_name="lora.safetensors")
        shutil.copyfile(adapter, os.path.join(directory, "judged.safetensors"))
    out = os.path.join(directory, "kohya-out" if kohya else "out")
    report = harness.json("merge", base, adapter, "-o", out)
    harness.check(report["unused"] == [] and len(report["merged"]) * 2 == len(unet) + len(text), "all is used", report)

    judge = StableDiffusionPipeline.from_pretrained(base)
    judge.load_lora_weights(directory, weight_name="judged.safetensors")
    judge.fuse_lora()
    judge.unload_lora_weights()
    fused = os.path.join(directory, "fused")
    judge.save_pretrained(fused)
    same_files(harness, out, fused)
    for component in ("unet", "text_encoder", "vae"):
        found, expected = weights(out, component), weights(fused, component)
        harness.equal(set(found), set(expected), f"{component}: the names")
        changed = weights(base, component)
        if kohya and component == "text_encoder":
            expected = by_formula(changed, text)
        close = all(torch.allclose(found[name], expected[name], rtol=1e-5, atol=1e-5)
                    for name in expected)
        harness.check(close, f"{component}: the values of diffusers",
                      {name: (found[name] - expected[name]).abs().max().item()
                       for name in expected if not torch.allclose(
                           found[name], expected[name], rtol=1e-5, atol=1e-5)})
        harness.equal(
            any(not torch.equal(found[name], changed[name]) for name in found),
            component != "vae", f"{component}: changed, if it is a target")
    loaded = StableDiffusionPipeline.from_pretrained(out)
    harness.equal(type(loaded).__name__, "StableDiffusionPipeline", "diffusers loads the result")
    verdict = harness.json("verify", base, adapter, "--merged", out)
    harness.check(verdict["equal"], "verify finds the result", verdict)
    harness.equal(harness.run("check", adapter, "--base", base).status, 0, "check finds no fault")


def by_formula(base, state):
    """W + B·A, as the scale is 1."""
    merged = dict(base)
    for name in state:
        module, end = name.split(".lora")
        down = end.replace("up", "down").replace("_B", "_A")
        if down != end:
            merged[module + ".weight"] = (
                base[module + ".weight"] + state[name] @ state[f"{module}.lora{down}"])
    return merged


def flattened(prefix, state):
    flat = {}
    for name, tensor in state.items():
        module, leaf = name.split(".lora")
        stem = prefix + module.replace(".", "_")
        direction = "lora_down" if leaf.startswith(("_A", "_linear_layer.down", ".down")) \
            else "lora_up"
        flat[f"{stem}.{direction}.weight"] = tensor.contiguous()
        flat[f"{stem}.alpha"] = torch.tensor(4.0)
    return flat


def weights(pipeline, component):
    folder = os.path.join(pipeline, component)
    tensors = {}
    for name in os.listdir(folder):
        if name.endswith(".safetensors"):
            tensors.update(load_file(os.path.join(folder, name)))
    return tensors


def listing(path):
    return sorted(os.path.relpath(os.path.join(folder, name), path)
                  for folder, _, names in os.walk(path) for name in names)


def same_files(harness, out, expected):
    harness.equal(listing(out), listing(expected), "the files of the pipeline")


def convert(harness, directory, base):
    out = os.path.join(directory, "half")
    harness.done("convert", base, "-o", out, "--dtype", "F16", "--max-shard-size", "20KB")
    harness.check(os.path.exists(os.path.join(
        out, "unet", "diffusion_pytorch_model.safetensors.index.json")), "the UNet has an index")
    loaded = StableDiffusionPipeline.from_pretrained(out, torch_dtype=torch.float16)
    before = StableDiffusionPipeline.from_pretrained(base, torch_dtype=torch.float16)
    for component in ("unet", "text_encoder", "vae"):
        found = getattr(loaded, component).state_dict()
        expected = getattr(before, component).state_dict()
        harness.check(all(torch.equal(found[name], expected[name]) for name in expected),
                      f"{component}: every value")
    bin_out = os.path.join(directory, "bin")
    harness.done("convert", base, "-o", bin_out, "--format", "pytorch")
    loaded = StableDiffusionPipeline.from_pretrained(bin_out, use_safetensors=False)
    harness.check(
        all(torch.equal(a, b) for a, b in zip(
            loaded.unet.state_dict().values(),
            StableDiffusionPipeline.from_pretrained(base).unet.state_dict().values())),
        "PyTorch files load as well")
    again = harness.run("convert", base, "-o", out, "--dtype", "F16", "--force")
    harness.equal(again.status, 0, "--force replaces a pipeline")
    harness.check(not os.path.exists(os.path.join(
        out, "unet", "diffusion_pytorch_model.safetensors.index.json")), "as a whole")
    with open(os.path.join(out, "unet", "thesis.txt"), "w") as file:
        file.write("years of work")
    again = harness.run("convert", base, "-o", out, "--dtype", "F16", "--force")
    harness.equal(again.status, 2, "--force leaves other files alone")
    names = [tensor["name"] for tensor in harness.json("inspect", base)["tensors"]]
    harness.check("unet.conv_in.weight" in names, "inspect names the component")
    harness.equal(harness.run("diff", base, bin_out).status, 0, "diff knows them as equal")


def refuse(harness, directory, base):
    for command in (["convert", base], ["merge", base, os.path.join(directory, "lora.safetensors")],
                    ["remap", base, "--rename", "conv=fold"]):
        out = os.path.join(directory, "single.safetensors")
        result = harness.run(*command, "-o", out)
        harness.equal(result.status, 2, f"{command[0]} into one file is refused")
        harness.check("is a pipeline of" in result.err, "the reason is told", result.err)
        harness.check(not os.path.exists(out), "nothing is written")
