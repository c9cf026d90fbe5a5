"""Naming families: adapters of image pipelines against the converters of diffusers, and MLX."""

import os
import re
import shlex
from types import SimpleNamespace

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.lora_conversion_utils import (
    _convert_kohya_flux_lora_to_diffusers, _convert_non_diffusers_lora_to_diffusers,
    _maybe_map_sgm_blocks_to_diffusers)
from diffusers.loaders.single_file_utils import (
    convert_ldm_unet_checkpoint, convert_open_clip_checkpoint)
from diffusers.utils.state_dict_utils import (
    convert_state_dict_to_kohya, convert_state_dict_to_peft, convert_unet_state_dict_to_peft)
from peft import PeftModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from checking import (
    adapter_failure, failure, heard_from, prefixed, read_json, relaid, write_json)
from models import adapted, base_model, save_adapter, save_base

PEFT = "base_model.model."


def run(harness, every):
    for name in ["sd1", "sdxl"]:
        with harness.case(name):
            pipeline = Pipeline(harness, name)
            for check in [kohya_to_peft, peft_to_kohya, historic, oldest, peft_to_diffusers, checks,
                          report]:
                with harness.case(check.__name__):
                    check(harness, pipeline)
    with harness.case("text encoder"):
        text_encoder(harness)
    with harness.case("second text encoder"):
        second_text_encoder(harness)
    with harness.case("fused projection"):
        fused_projection(harness)
    with harness.case("flux"):
        flux(harness)
    with harness.case("several components"):
        several_components(harness)
    for make in [prefixed, relaid]:
        with harness.case(f"mended: {make.__name__}"):
            mended(harness, make)
    for dtype in ["F32", "BF16"]:
        with harness.case(f"mlx {dtype}"):
            mlx(harness, dtype)


# Models


COMMON = {"sample_size": 8, "layers_per_block": 2, "cross_attention_dim": 16, "norm_num_groups": 8,
          "attention_head_dim": 4}
UNETS = {
    "sd1": COMMON | {
        "block_out_channels": (8, 16, 16, 16),
        "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3},
    "sdxl": COMMON | {
        "block_out_channels": (8, 16, 16), "use_linear_projection": True,
        "transformer_layers_per_block": (1, 2, 3), "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 64,
        "down_block_types": ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 2,
        "up_block_types": ("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",)},
}
OUTER = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
INNER = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
}


def original(name, attentive):
    """The name in the layout of the first release; `attentive` are the up blocks with attention."""
    for new, old in OUTER.items():
        if name.startswith(new + "."):
            name = old + name[len(new):]
    if found := re.fullmatch(r"(down|up)_blocks\.(\d)\.(\w+)\.(\d)\.(.*)", name):
        side, block, kind, layer, rest = found.groups()
        block, layer = int(block), int(layer)
        if kind == "downsamplers":
            return f"input_blocks.{3 * block + 3}.0.op{rest[len('conv'):]}"
        if kind == "upsamplers":
            return f"output_blocks.{3 * block + 2}.{2 if block in attentive else 1}.{rest}"
        start = "input_blocks" if side == "down" else "output_blocks"
        index = 3 * block + layer + (1 if side == "down" else 0)
        name = f"{start}.{index}.{0 if kind == 'resnets' else 1}.{rest}"
    for new, old in INNER.items():
        name = re.sub(rf"^(\w+_blocks?\.\d+(?:\.0)?)\.{new}\.", rf"\1.{old}.", name)
    return name


class Pipeline:
    """A UNet in both layouts, and an adapter for some of its modules."""

    def __init__(self, harness, name):
        self.name = name
        self.unet = UNet2DConditionModel(**UNETS[name])
        folder = harness.fresh(name)
        self.component = os.path.join(folder, "unet")
        self.unet.save_pretrained(self.component)
        state = self.unet.state_dict()
        attentive = {int(key.split(".")[1]) for key in state
                     if key.startswith("up_blocks.") and ".attentions." in key}
        self.original_of = {key: original(key, attentive) for key in state}
        self.single = os.path.join(folder, "single.safetensors")
        whole = {f"model.diffusion_model.{self.original_of[key]}": value.contiguous()
                 for key, value in state.items()}
        save_file(whole, self.single)
        # The judge of this very table.
        converted = convert_ldm_unet_checkpoint(dict(whole), dict(self.unet.config))
        harness.check(
            converted.keys() == state.keys()
            and all(torch.equal(converted[key], state[key]) for key in state),
            "the single file is what diffusers takes for the same model")
        self.folder = folder
        self.modules = self.chosen(harness)

    def chosen(self, harness):
        """Paths with random factors and alphas."""
        paths = [path for path, module in self.unet.named_modules()
                 if isinstance(module, (nn.Linear, nn.Conv2d))
                 and re.search(r"attn\d\.to_|ff\.net|proj_in|proj_out|\.conv1$|\.conv\b", path)]
        modules = {}
        for path in paths:
            module, rank = self.unet.get_submodule(path), harness.random.choice([2, 4])
            weight = module.weight
            if weight.dim() == 4:
                a = torch.randn(rank, *weight.shape[1:])
                b = torch.randn(weight.shape[0], rank, 1, 1)
            else:
                a, b = torch.randn(rank, weight.shape[1]), torch.randn(weight.shape[0], rank)
            modules[path] = (a, b, harness.random.choice([1.0, 2.0, 0.5, float(rank)]))
        return modules

    def kohya(self, layout):
        """The adapter as the training scripts write it."""
        state = {}
        for path, (a, b, alpha) in self.modules.items():
            name = path if layout == "diffusers" else self.original_of[path + ".weight"][:-7]
            stem = "lora_unet_" + name.replace(".", "_")
            state |= {f"{stem}.lora_down.weight": a, f"{stem}.lora_up.weight": b,
                      f"{stem}.alpha": torch.tensor(alpha)}
        return state

    def in_single(self, key):
        """The key of an adapter with the path that the single file has."""
        path, leaf = key.rsplit(".lora_", 1)
        return f"model.diffusion_model.{self.original_of[path + '.weight'][:-7]}.lora_{leaf}"

    def peft(self):
        state = {}
        for path, (a, b, _) in self.modules.items():
            state |= {f"{path}.lora_A.weight": a, f"{path}.lora_B.weight": b}
        return state

    def save_peft(self, name, alpha=None):
        """The adapter as PEFT saves it, with each module's own rank, and alpha."""
        path = os.path.join(self.folder, name)
        os.makedirs(path, exist_ok=True)
        save_file({PEFT + key: value for key, value in self.peft().items()},
                  os.path.join(path, "adapter_model.safetensors"))
        write_json(os.path.join(path, "adapter_config.json"), {
            "peft_type": "LORA", "r": 4, "lora_alpha": 4, "target_modules": list(self.modules),
            "rank_pattern": {path: len(a) for path, (a, _, _) in self.modules.items()},
            "alpha_pattern": {path: float(len(a)) if alpha == "rank" else value
                              for path, (a, _, value) in self.modules.items()}})
        return path


def layouts(pipeline):
    # SD 1 is trained under the names of diffusers, SDXL under its own.
    yield "diffusers", pipeline.component
    if pipeline.name == "sdxl":
        yield "original", pipeline.single
        yield "original", pipeline.component


def equal_states(harness, found, expected, what):
    if harness.equal(sorted(found), sorted(expected), f"{what}: names"):
        different = [key for key in found if not torch.equal(found[key], expected[key])]
        harness.equal(different, [], f"{what}: values")


def saved(folder, name="adapter_model.safetensors"):
    return load_file(os.path.join(folder, name))


# Checks


def by_diffusers(state):
    """What diffusers makes of a file of the training scripts, with its alphas."""
    state = _maybe_map_sgm_blocks_to_diffusers(dict(state), SimpleNamespace(layers_per_block=2))
    return _convert_non_diffusers_lora_to_diffusers(state)


def unet_as_peft(state):
    return convert_unet_state_dict_to_peft(
        {key.removeprefix("unet."): value for key, value in state.items()})


def kohya_to_peft(harness, pipeline):
    for layout, base in layouts(pipeline):
        with harness.case(f"{layout} names, base {os.path.basename(base)}"):
            state = pipeline.kohya(layout)
            path = os.path.join(pipeline.folder, "kohya.safetensors")
            save_file(state, path)
            out = os.path.join(harness.fresh("out"), "adapter")
            harness.done("remap", path, "--preset", "kohya-to-peft", "--to-match", base, "-o", out)
            found = {key.removeprefix(PEFT): value for key, value in saved(out).items()}
            expected = unet_as_peft(by_diffusers(state)[0])
            if base == pipeline.single:
                # The base's own names, which are those of the file.
                expected = {pipeline.in_single(key): value for key, value in expected.items()}
            equal_states(harness, found, expected, "as diffusers converts it")
            if base == pipeline.component:
                scales_of(harness, pipeline, out)


def scales_of(harness, pipeline, adapter):
    """PEFT itself takes the adapter, warns of nothing and scales each module rightly."""
    unet = UNet2DConditionModel(**UNETS[pipeline.name])
    loaded = []
    heard = heard_from(lambda: loaded.append(PeftModel.from_pretrained(unet, adapter)))
    harness.check(loaded and "missing adapter keys" not in heard, "PEFT loads it", heard[:600])
    for path, (a, _, alpha) in pipeline.modules.items() if loaded else []:
        layer = loaded[0].base_model.model.get_submodule(path)
        harness.equal(layer.scaling["default"], alpha / len(a), f"the scale of {path}")


def peft_to_kohya(harness, pipeline):
    adapter = pipeline.save_peft("for-kohya", alpha="rank")
    out = os.path.join(harness.fresh("out"), "kohya.safetensors")
    harness.done("remap", adapter, "--preset", "peft-to-kohya", "-o", out)
    expected = convert_state_dict_to_kohya(
        {f"unet.{key}": value for key, value in pipeline.peft().items()})
    expected = {key: value.float() for key, value in expected.items()}
    equal_states(harness, load_file(out), expected, "as diffusers converts it")
    if pipeline.name != "sdxl":
        return
    with harness.case("for a base in the original layout"):
        adapter = pipeline.save_peft("for-original")
        out = os.path.join(harness.fresh("out"), "kohya.safetensors")
        harness.done("remap", adapter, "--preset", "peft-to-kohya", "--to-match", pipeline.single,
                     "-o", out)
        equal_states(harness, load_file(out), pipeline.kohya("original"), "as the scripts write it")


def historic(harness, pipeline):
    """The spellings that diffusers wrote before it used PEFT's."""
    state, _ = by_diffusers(pipeline.kohya("diffusers"))
    path = os.path.join(pipeline.folder, "pytorch_lora_weights.safetensors")
    save_file(state, path)
    out = os.path.join(harness.fresh("out"), "adapter")
    harness.done("remap", path, "--preset", "diffusers-to-peft", "-o", out)
    found = {key.removeprefix(PEFT): value for key, value in saved(out).items()}
    equal_states(harness, found, unet_as_peft(state), "as diffusers converts it")


def oldest(harness, pipeline):
    """The attention processors of before there were components: no prefix, no alpha."""
    state = {}
    for path, (a, b, _) in pipeline.modules.items():
        if found := re.fullmatch(r"(.*attn\d)\.(to_[qkv]|to_out)(?:\.0)?", path):
            lead = f"{found[1]}.processor.{found[2]}_lora"
            state |= {f"{lead}.down.weight": a, f"{lead}.up.weight": b}
    path = os.path.join(pipeline.folder, "processors.safetensors")
    save_file(state, path)
    unet = UNet2DConditionModel(**UNETS[pipeline.name])
    unet.load_lora_adapter(dict(state), prefix=None, adapter_name="default")
    harness.equal(harness.json("inspect", path)["kind"], "diffusers-adapter", "its kind")
    for base in [pipeline.component, pipeline.single]:
        harness.equal(harness.run("check", path, "--base", base).status, 0,
                      f"it fits {os.path.basename(base)}")
    merged = os.path.join(harness.fresh("out"), "merged.safetensors")
    harness.done("merge", pipeline.component, path, "-o", merged)
    found, seen = load_file(merged), 0
    for name, module in unet.named_modules():
        if not hasattr(module, "lora_A"):
            continue
        seen += 1
        a, b = (part["default"].weight.detach().double() for part in (module.lora_A, module.lora_B))
        expected = pipeline.unet.get_submodule(name).weight.detach().double()
        expected = expected + module.scaling["default"] * (b @ a)
        harness.check(torch.allclose(found[f"{name}.weight"].double(), expected, atol=1e-5),
                      f"{name} as diffusers loads it")
    harness.equal(seen * 2, len(state), "modules that diffusers adapts")


def peft_to_diffusers(harness, pipeline):
    """diffusers loads the file and gives each module its factors and its scale."""
    adapter = pipeline.save_peft("for-diffusers")
    out = os.path.join(harness.fresh("out"), "lora")
    harness.done("remap", adapter, "--preset", "peft-to-diffusers", "-o", out)
    unet = UNet2DConditionModel(**UNETS[pipeline.name])
    heard = heard_from(lambda: unet.load_lora_adapter(
        out, prefix="unet", weight_name="pytorch_lora_weights.safetensors", adapter_name="default"))
    for path, (a, b, alpha) in pipeline.modules.items():
        layer = unet.get_submodule(path)
        if not harness.check(hasattr(layer, "lora_A"), f"{path} is adapted", heard[:600]):
            return
        harness.check(torch.equal(layer.lora_A["default"].weight, a)
                      and torch.equal(layer.lora_B["default"].weight, b), f"the factors of {path}")
        harness.equal(layer.scaling["default"], alpha / len(a), f"the scale of {path}")
    card = harness.json("inspect", out)
    scales = {module["target"]: module["scale"] for module in card["adapter"]["modules"]}
    harness.equal(scales, {f"unet.{path}": alpha / len(a)
                           for path, (a, _, alpha) in pipeline.modules.items()},
                  "the scales that the card shows")


def checks(harness, pipeline):
    """Each file fits each layout of its base, and no other model."""
    files = {"diffusers": pipeline.kohya("diffusers")}
    if pipeline.name == "sdxl":
        files["original"] = pipeline.kohya("original")
    dotted, _ = by_diffusers(pipeline.kohya("diffusers"))
    files["dotted"] = dotted
    for layout, state in files.items():
        path = os.path.join(pipeline.folder, f"{layout}.safetensors")
        save_file(state, path)
        for base in [pipeline.component, pipeline.single]:
            result = harness.run("check", path, "--base", base, "--json")
            harness.equal(result.status, 0, f"{layout} fits {os.path.basename(base)}: {result}")
    other = {key.replace("attn1", "attn7"): value for key, value in files["diffusers"].items()}
    save_file(other, path)
    result = harness.run("check", path, "--base", pipeline.component, "--json")
    harness.equal(result.status, 1, "other modules do not fit")
    wrong = {key for key in other if "attn7" in key}
    harness.equal(set(result.json()["unexpected"]), wrong, "the keys that do not fit")


def report(harness, pipeline):
    """What diffusers says of modules that its model has not got, explained from its words."""
    state = {f"unet.{key}": value for key, value in pipeline.peft().items()}
    state |= {key.replace("attn1", "attn7"): value.clone() for key, value in state.items()
              if "attn1" in key}
    path = os.path.join(pipeline.folder, "report.safetensors")
    save_file(state, path)
    unet = UNet2DConditionModel(**UNETS[pipeline.name])
    heard = heard_from(lambda: unet.load_lora_adapter(path, prefix="unet"), "diffusers")
    harness.check("unexpected keys found in the model" in heard, "diffusers says so", heard[:600])
    failure(harness, path, heard, "unmatched-key", None)


def mended(harness, make):
    """The command that is given for a failure of PEFT leaves nothing to fail."""
    path, text, code, _ = make(harness)
    harness.check("Found missing adapter keys" in text, "PEFT warns", text[:600])
    result = harness.run("check", path, "--error-log", "-", "--json", input=text.encode())
    fixes = [found["fix"] for found in result.json()["findings"] if found["code"] == code]
    if not harness.check(fixes and fixes[0], f"{code} has a command", str(result)):
        return
    command = shlex.split(fixes[0])
    harness.done(*command[1:])
    after = adapter_failure(command[command.index("-o") + 1])
    harness.check("missing adapter keys" not in after, "PEFT is content", after[:600])


def text_encoder(harness):
    folder = harness.fresh("text")
    model = CLIPTextModel(CLIPTextConfig(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=8))
    base = os.path.join(folder, "text_encoder")
    model.save_pretrained(base)
    names = [key[:-len(".weight")] for key in load_file(os.path.join(base, "model.safetensors"))
             if re.search(r"(_proj|fc\d)\.weight$", key)]
    lead = "" if names[0].startswith("text_model.") else "text_model."
    state = {}
    for name in names:
        weight = model.get_submodule(name).weight
        stem = "lora_te_" + (lead + name).replace(".", "_")
        state |= {f"{stem}.lora_down.weight": torch.randn(2, weight.shape[1]),
                  f"{stem}.lora_up.weight": torch.randn(weight.shape[0], 2),
                  f"{stem}.alpha": torch.tensor(2.0)}
    path = os.path.join(folder, "kohya.safetensors")
    save_file(state, path)
    out = os.path.join(folder, "adapter")
    harness.done("remap", path, "--preset", "kohya-to-peft", "--to-match", base, "-o", out)
    found = {lead + key.removeprefix(PEFT): value for key, value in saved(out).items()}
    converted, _ = by_diffusers(state)
    expected = convert_state_dict_to_peft(
        {key.removeprefix("text_encoder."): value for key, value in converted.items()})
    equal_states(harness, found, expected, "as diffusers converts it")


def second_text_encoder(harness):
    """Every Linear of SDXL's second text encoder, in OpenCLIP's layout as diffusers reads it."""
    folder, lead = harness.fresh("second"), "conditioner.embedders.1.model."
    model = CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=64, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=8, projection_dim=16))
    whole = {"text_projection": torch.randn(16, 16), "positional_embedding": torch.randn(8, 16),
             "token_embedding.weight": torch.randn(64, 16), "logit_scale": torch.ones(()),
             "ln_final.weight": torch.ones(16), "ln_final.bias": torch.zeros(16)}
    for layer in range(2):
        shapes = {"attn.in_proj_weight": (48, 16), "attn.in_proj_bias": (48,),
                  "attn.out_proj.weight": (16, 16), "mlp.c_fc.weight": (24, 16),
                  "mlp.c_proj.weight": (16, 24), "ln_1.weight": (16,), "ln_2.weight": (16,)}
        whole |= {f"transformer.resblocks.{layer}.{name}": torch.randn(*shape)
                  for name, shape in shapes.items()}
    base = os.path.join(folder, "base.safetensors")
    save_file({lead + name: value for name, value in whole.items()}, base)
    expected = convert_open_clip_checkpoint(model, load_file(base), prefix=lead)
    state = {}
    for name, weight in expected.items():
        if not re.search(r"(proj|fc\d|text_projection)\.weight$", name):
            continue
        a, b = torch.randn(2, weight.shape[1]), torch.randn(weight.shape[0], 2)
        stem, alpha = "lora_te2_" + name[:-7].replace(".", "_"), harness.random.choice([1.0, 4.0])
        state |= {f"{stem}.lora_down.weight": a, f"{stem}.lora_up.weight": b,
                  f"{stem}.alpha": torch.tensor(alpha)}
        expected[name] = weight.double() + alpha / 2 * (b.double() @ a.double())
    harness.equal(len(state), 3 * (2 * 6 + 1), "every Linear is a target")
    path, merged = (os.path.join(folder, name) for name in ("lora.safetensors", "out.safetensors"))
    save_file(state, path)
    harness.equal(harness.run("check", path, "--base", base).status, 0, "it fits")
    harness.done("merge", base, path, "-o", merged)
    found = convert_open_clip_checkpoint(model, load_file(merged), prefix=lead)
    for name, value in expected.items():
        harness.check(torch.allclose(found[name].double(), value.double(), rtol=1e-5, atol=1e-5),
                      f"{name} is merged", str((found[name] - value).abs().max()))
    harness.equal(harness.run("verify", base, path, "--merged", merged).status, 0, "verify")


def fused_projection(harness):
    """OpenCLIP holds the three projections of its attention in one tensor."""
    folder = harness.fresh("fused")
    name = "conditioner.embedders.1.model.transformer.resblocks.0.attn.in_proj_weight"
    weight = torch.randn(48, 16)
    base = os.path.join(folder, "base.safetensors")
    save_file({name: weight, "conditioner.embedders.1.model.ln_final.weight": torch.ones(16)}, base)
    state, expected = {}, weight.double().clone()
    for index, part in enumerate("qkv"):
        stem = f"lora_te2_text_model_encoder_layers_0_self_attn_{part}_proj"
        a, b, alpha = torch.randn(2, 16), torch.randn(16, 2), harness.random.choice([1.0, 2.0, 4.0])
        state |= {f"{stem}.lora_down.weight": a, f"{stem}.lora_up.weight": b,
                  f"{stem}.alpha": torch.tensor(alpha)}
        expected[16 * index:16 * (index + 1)] += alpha / 2 * (b.double() @ a.double())
    path = os.path.join(folder, "kohya.safetensors")
    save_file(state, path)
    harness.equal(harness.run("check", path, "--base", base).status, 0, "it fits")
    merged = os.path.join(folder, "merged.safetensors")
    harness.done("merge", base, path, "-o", merged)
    found = load_file(merged)[name].double()
    harness.check(torch.allclose(found, expected, rtol=1e-6, atol=1e-6), "each has its rows",
                  str((found - expected).abs().max()))
    # Two of the three with DoRA: their rows get lengths, those of the third do not.
    for index, part in enumerate("qk"):
        rows = slice(16 * index, 16 * (index + 1))
        scale = torch.rand(16, 1) + 0.5
        state[f"lora_te2_text_model_encoder_layers_0_self_attn_{part}_proj.dora_scale"] = scale
        norms = expected[rows].norm(dim=1, keepdim=True) + torch.finfo(torch.float32).eps
        expected[rows] *= scale.double() / norms
    save_file(state, path)
    harness.done("merge", base, path, "-o", merged, "--force")
    found = load_file(merged)[name].double()
    harness.check(torch.allclose(found, expected, rtol=1e-6, atol=1e-6), "each has its lengths",
                  str((found - expected).abs().max()))


FLUX = {
    # Stems of the training scripts, with the rows and columns of small weights.
    "double_blocks_0_img_attn_qkv": (48, 8), "double_blocks_0_img_attn_proj": (16, 12),
    "double_blocks_0_img_mlp_0": (20, 8), "double_blocks_0_img_mlp_2": (8, 20),
    "double_blocks_0_img_mod_lin": (24, 8), "double_blocks_0_txt_attn_qkv": (36, 8),
    "double_blocks_0_txt_attn_proj": (16, 12), "double_blocks_0_txt_mlp_0": (20, 8),
    "double_blocks_0_txt_mlp_2": (8, 20), "double_blocks_0_txt_mod_lin": (24, 8),
    "double_blocks_1_img_attn_qkv": (48, 8),
    # The converter knows one size of these alone.
    "single_blocks_0_linear1": (3 * 3072 + 12288, 4), "single_blocks_0_linear2": (16, 20),
    "single_blocks_0_modulation_lin": (24, 8), "img_in": (8, 4), "txt_in": (8, 6),
    "time_in_in_layer": (8, 4), "time_in_out_layer": (8, 8), "vector_in_in_layer": (8, 4),
    "vector_in_out_layer": (8, 8), "guidance_in_in_layer": (8, 4), "guidance_in_out_layer": (8, 8),
}


def flux(harness):
    """Flux as the training scripts name it, onto the modules that diffusers holds apart."""
    folder = harness.fresh("flux")
    state = {}
    for name, (rows, columns) in FLUX.items():
        rank = harness.random.choice([2, 4, 8])
        state |= {f"lora_unet_{name}.lora_down.weight": torch.randn(rank, columns),
                  f"lora_unet_{name}.lora_up.weight": torch.randn(rows, rank),
                  f"lora_unet_{name}.alpha": torch.tensor(harness.random.choice([1.0, 4.0, 16.0]))}
    path = os.path.join(folder, "lora.safetensors")
    save_file(state, path)
    expected = {key.removeprefix("transformer."): value.clone() for key, value in
                _convert_kohya_flux_lora_to_diffusers(dict(state)).items()}
    modules = [key[:-len(".lora_A.weight")] for key in expected if key.endswith(".lora_A.weight")]
    weights = {f"{name}.weight": torch.randn(len(expected[f"{name}.lora_B.weight"]),
                                             expected[f"{name}.lora_A.weight"].shape[1])
               for name in modules}
    weights["norm_out.linear.weight"] = torch.randn(16, 8)
    base = os.path.join(folder, "base.safetensors")
    save_file(weights, base)
    harness.equal(harness.run("check", path, "--base", base).status, 0, "it fits")
    deltas = {f"{name}.weight": expected[f"{name}.lora_B.weight"].double()
              @ expected[f"{name}.lora_A.weight"].double() for name in modules}
    merged = os.path.join(folder, "merged.safetensors")
    harness.done("merge", base, path, "-o", merged)
    found = load_file(merged)
    for name, weight in weights.items():
        wanted = weight.double() + deltas.get(name, 0)
        harness.check(torch.allclose(found[name].double(), wanted, rtol=1e-5, atol=1e-4),
                      f"{name} is merged", str((found[name] - wanted).abs().max()))
    harness.equal(harness.run("verify", base, path, "--merged", merged).status, 0, "verify")
    out = os.path.join(folder, "peft")
    harness.done("remap", path, "--preset", "kohya-to-peft", "--to-match", base, "-o", out)
    found, config = saved(out), read_json(os.path.join(out, "adapter_config.json"))
    harness.equal(sorted(key.removeprefix(PEFT) for key in found), sorted(expected), "names")
    for name in modules:
        a, b = (found[f"{PEFT}{name}.lora_{side}.weight"] for side in "AB")
        alpha = config["alpha_pattern"].get(name, config["alpha_pattern"].get(
            "^" + re.escape(name), config["lora_alpha"]))
        # diffusers shares the scale, a power of two, out between both.
        harness.check(torch.equal((b.double() @ a.double()) * (alpha / len(a)),
                                  deltas[f"{name}.weight"]) and len(a) == len(
                                      expected[f"{name}.lora_A.weight"]), f"the factors of {name}")
    # diffusers exchanges the halves of this one.
    stem = "lora_unet_final_layer_adaLN_modulation_1"
    save_file({f"{stem}.lora_down.weight": torch.randn(2, 8),
               f"{stem}.lora_up.weight": torch.randn(16, 2)}, path)
    harness.equal(harness.run("merge", base, path, "-o", merged + "2.safetensors").status, 2,
                  "another order of rows is refused")


def several_components(harness):
    """The command that check gives for a file of two components leaves the one that fits."""
    folder = harness.fresh("several")
    unet = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    text = "text_model.encoder.layers.0.self_attn.q_proj"
    state = {}
    for name in [f"unet.{unet}", f"text_encoder.{text}"]:
        state |= {f"{name}.lora_A.weight": torch.randn(2, 8),
                  f"{name}.lora_B.weight": torch.randn(8, 2)}
    path = os.path.join(folder, "pytorch_lora_weights.safetensors")
    save_file(state, path)
    for name, module in [("unet", unet), ("text_encoder", text)]:
        base = os.path.join(folder, f"{name}.safetensors")
        save_file({f"{module}.weight": torch.randn(8, 8)}, base)
        result = harness.run("check", path, "--base", base, "--json")
        fixes = [found["fix"] for found in result.json()["findings"]
                 if found["code"] == "unmatched-key"]
        if not harness.check(fixes and fixes[0], f"{name} has a command", str(result)):
            continue
        command = shlex.split(fixes[0])
        harness.done(*command[1:])
        harness.equal(harness.run("check", command[command.index("-o") + 1], "--base", base).status,
                      0, f"what is left fits {name}")


def mlx(harness, dtype):
    """An adapter with its factors transposed, as MLX saves it: PEFT's again, and its merge."""
    folder = harness.fresh("mlx")
    model = base_model("llama", dtype)
    base = os.path.join(folder, "base")
    save_base(model, base)
    rank, scale = harness.random.choice([2, 4, 8]), harness.random.choice([20.0, 2.0, 0.5])
    peft_model = adapted(model, r=rank, lora_alpha=scale * rank,
                         target_modules=["q_proj", "down_proj"])
    adapter = os.path.join(folder, "adapter")
    save_adapter(peft_model, adapter)
    state = saved(adapter)
    other = os.path.join(folder, "mlx")
    os.makedirs(other)
    names = {"lora_A.weight": "lora_a", "lora_B.weight": "lora_b"}
    turned = {re.sub(r"lora_[AB]\.weight$", lambda found: names[found[0]],
                     key.removeprefix(PEFT)): value.T.contiguous() for key, value in state.items()}
    save_file(turned, os.path.join(other, "adapters.safetensors"), metadata={"format": "mlx"})
    write_json(os.path.join(other, "adapter_config.json"), {
        "fine_tune_type": "lora", "num_layers": 2, "model": "base",
        "lora_parameters": {"rank": rank, "scale": scale, "dropout": 0.0}})

    card = harness.json("inspect", other)
    harness.equal(card["kind"], "mlx-adapter", "the kind")
    harness.equal({module["scale"] for module in card["adapter"]["modules"]}, {scale}, "the scales")
    out = os.path.join(folder, "peft")
    harness.done("remap", other, "--preset", "mlx-to-peft", "-o", out)
    equal_states(harness, saved(out), state, "as PEFT saved it")
    config = read_json(os.path.join(out, "adapter_config.json"))
    harness.equal(config["lora_alpha"] / config["r"], scale, "the scale in the configuration")
    PeftModel.from_pretrained(base_model("llama", dtype), out)
    results = []
    for source in [adapter, other, out]:
        merged = os.path.join(folder, "merged.safetensors")
        harness.done("merge", base, source, "-o", merged, "--force")
        with open(merged, "rb") as stream:
            results.append(stream.read())
    harness.check(results[0] == results[1] == results[2], "all three merge to the same bytes")
