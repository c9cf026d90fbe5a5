"""Names that a real library does not take, from its own words, and what they are renamed to."""

import os
import re
import shlex

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.lora_conversion_utils import _convert_kohya_flux_lora_to_diffusers
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import LlamaForCausalLM

from checking import config, heard_from, write_json

PEFT = "base_model.model."


def run(harness, every):
    for title, lead in BEGINNINGS.items():
        with harness.case(f"diffusers: {title}"):
            part_of_pipeline(harness, lead)
    for _ in range(4 if every else 2):
        with harness.case("a log that is cut"):
            cut_log(harness)
        with harness.case("a sequence of modules"):
            sequence(harness)
        with harness.case("Flux for the training scripts"):
            flux(harness)


def fixes(harness, *words, **options):
    """The commands that rename, of what check finds."""
    found = harness.run("check", *words, "--json", **options).json()["findings"]
    return [entry["fix"] for entry in found if (entry["fix"] or "").startswith("tenon remap ")]


def typed(harness, found):
    """Types the only command and gives what it wrote."""
    harness.equal(len(found), 1, f"one command: {found}")
    words = shlex.split(found[0])
    harness.done(*words[1:])
    return words[words.index("-o") + 1]


# what the names begin with
BEGINNINGS = {
    "no beginning": "",
    "the beginning of PEFT": PEFT,
    "a wrapper before the part": "module.unet.",
}


def unet():
    return UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, cross_attention_dim=16,
        norm_num_groups=4, attention_head_dim=4,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))


def part_of_pipeline(harness, lead):
    """diffusers finds nothing of an adapter, and all of what the command makes of it."""
    model = unet()
    model.add_adapter(LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False))
    state = {name: value.clone() for name, value in get_peft_model_state_dict(model).items()}
    path = os.path.join(harness.fresh("part"), "lora.safetensors")
    save_file({lead + name: value for name, value in state.items()}, path)
    fresh = unet()
    heard = heard_from(lambda: fresh.load_lora_adapter(path, prefix="unet"), "diffusers")
    harness.check("found with the prefix='unet'" in heard, "diffusers finds nothing", heard[:600])
    output = typed(harness, fixes(harness, path, "--error-log", "-", input=heard.encode()))
    heard = heard_from(lambda: fresh.load_lora_adapter(
        output, prefix="unet", adapter_name="default"), "diffusers")
    harness.equal(heard, "", "what diffusers says then")
    found = get_peft_model_state_dict(fresh)
    harness.check(sorted(found) == sorted(state)
                  and all(torch.equal(found[name], state[name]) for name in state),
                  "all factors are where they were", str(sorted(found)[:3]))


def loads(harness, model, path, what):
    result = model.load_state_dict(load_file(path), strict=False)
    harness.equal((result.missing_keys, result.unexpected_keys), ([], []), what)


def torch_log(model, state):
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        return str(error)
    return ""


def cut_log(harness):
    """The first part of what torch prints is enough to find the beginning."""
    model = LlamaForCausalLM(config())
    folder = harness.fresh("cut")
    lead = harness.random.choice(["module.", "_orig_mod.", "net.", "student.model."])
    state = {lead + name: value.clone() for name, value in model.state_dict().items()}
    path = os.path.join(folder, "model.safetensors")
    save_file(state, path)
    log = torch_log(model, state)
    start = log.index('"model.layers.0.self_attn.q_proj.weight"')
    end = harness.random.randrange(start, log.index("Unexpected"))
    cut = log[:end] + harness.random.choice(["", "...", "…"])
    output = typed(harness, fixes(harness, path, "--error-log", "-", input=cut.encode()))
    loads(harness, model, output, f"what torch says after {cut[-40:]!r}")


def sequence(harness):
    """A model that lies first in a sequence, as sentence-transformers save theirs."""
    model = LlamaForCausalLM(config())
    inner = nn.Sequential(model) if harness.random.random() < 0.5 else nn.Sequential(
        nn.ModuleDict({"auto_model": model}))
    folder = harness.fresh("sequence")
    path = os.path.join(folder, "model.safetensors")
    state = {name: value.clone() for name, value in inner.state_dict().items()}
    save_file(state, path)
    log = torch_log(model, state)
    output = typed(harness, fixes(harness, path, "--error-log", "-", input=log.encode()))
    loads(harness, model, output, "what torch says then")
    base = os.path.join(folder, "base.safetensors")
    save_file({name: value.clone() for name, value in model.state_dict().items()}, base)
    output = os.path.join(folder, "matched.safetensors")
    harness.done("remap", path, "-o", output, "--to-match", base)
    loads(harness, model, output, "what torch says after --to-match")


# The modules of a double and of a single block: rows and columns.
DOUBLE = {f"transformer_blocks.0.{name}": shape for name, shape in {
    "attn.to_q": (8, 6), "attn.to_k": (8, 6), "attn.to_v": (8, 6), "attn.to_out.0": (6, 8),
    "attn.add_q_proj": (8, 6), "attn.add_k_proj": (8, 6), "attn.add_v_proj": (8, 6),
    "attn.to_add_out": (6, 8), "ff.net.0.proj": (24, 6), "ff.net.2": (6, 24),
    "norm1.linear": (36, 6),
}.items()}
# The converter of diffusers knows one size of the fused module alone.
SINGLE = {f"single_transformer_blocks.1.{name}": shape for name, shape in {
    "attn.to_q": (3072, 4), "attn.to_k": (3072, 4), "attn.to_v": (3072, 4),
    "proj_mlp": (12288, 4), "proj_out": (4, 20),
}.items()}


def flux(harness):
    """PEFT's factors of each projection in the modules that the scripts have, and back: diffusers
    reads the same update from either."""
    folder = harness.fresh("flux")
    modules = DOUBLE | SINGLE
    adapted = [name for name in modules if harness.random.random() < 0.7]
    adapted = adapted or list(modules)
    if not any(name in SINGLE for name in adapted):
        adapted.append(harness.random.choice(list(SINGLE)))
    state, ranks = {}, {name: harness.random.choice([1, 2, 4]) for name in adapted}
    for name, rank in ranks.items():
        rows, columns = modules[name]
        state[f"{PEFT}{name}.lora_A.weight"] = torch.randn(rank, columns)
        state[f"{PEFT}{name}.lora_B.weight"] = torch.randn(rows, rank)
    adapter = os.path.join(folder, "peft")
    os.makedirs(adapter)
    save_file(state, os.path.join(adapter, "adapter_model.safetensors"))
    write_json(os.path.join(adapter, "adapter_config.json"), {
        "peft_type": "LORA", "r": 1, "lora_alpha": 2, "target_modules": adapted,
        "rank_pattern": {f"^{re.escape(name)}": rank for name, rank in ranks.items()},
        "alpha_pattern": {f"^{re.escape(name)}": 2 * rank for name, rank in ranks.items()}})
    wanted = {name: 2 * product(state, PEFT + name) for name in adapted}
    kohya = os.path.join(folder, "kohya.safetensors")
    harness.done("remap", adapter, "-o", kohya, "--preset", "peft-to-kohya")
    converted = _convert_kohya_flux_lora_to_diffusers(load_file(kohya))
    same(harness, {name.removeprefix("transformer."): product(converted, name)
                   for name in stems(converted)}, wanted, "as diffusers reads it")
    base = os.path.join(folder, "base.safetensors")
    save_file({f"{name}.weight": torch.zeros(shape) for name, shape in modules.items()}, base)
    back = os.path.join(folder, "back")
    harness.done("remap", kohya, "-o", back, "--preset", "kohya-to-peft", "--to-match", base)
    merged = {}
    for title, path in (("peft", adapter), ("kohya", kohya), ("back", back)):
        merged[title] = os.path.join(folder, f"{title}.merged.safetensors")
        harness.done("merge", base, path, "-o", merged[title])
        found = load_file(merged[title])
        same(harness, {name: found[f"{name}.weight"] for name in modules}, wanted, title)


def stems(state):
    return [name[:-len(".lora_A.weight")] for name in state if name.endswith(".lora_A.weight")]


def product(state, name):
    return state[f"{name}.lora_B.weight"].double() @ state[f"{name}.lora_A.weight"].double()


def same(harness, found, wanted, what):
    """The updates; what has none is 0."""
    harness.equal([name for name in wanted if name not in found], [], f"{what}: modules")
    wrong = [name for name, value in found.items() if not torch.allclose(
        value.double(), wanted.get(name, torch.zeros_like(value).double()), rtol=1e-5, atol=1e-5)]
    harness.equal(wrong, [], f"{what}: updates")
