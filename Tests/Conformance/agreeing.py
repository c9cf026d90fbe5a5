"""`tenon check` and `tenon merge` of one adapter say the same, and PEFT says so too."""

import json
import os
import shlex
import shutil
import warnings

import torch
from peft import (
    FourierFTConfig, GloraConfig, HRAConfig, LNTuningConfig, LoraConfig,
    PeftModel, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, TrainableTokensConfig,
    VBLoRAConfig, VeraConfig, get_peft_model)
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    CLIPVisionConfig, LlamaConfig, LlamaForCausalLM, LlavaConfig, LlavaForConditionalGeneration,
    Qwen2VLConfig, Qwen2VLForConditionalGeneration)

from models import read_json, write_json
from tensors import load_directory

CAUSAL = "CAUSAL_LM"
TENSORS = "adapter_model.safetensors"


def run(harness, every):
    for title, (config, words) in REFUSED.items():
        with harness.case(title):
            refused(harness, config(), words)
    for title, (changes, code, words) in IGNORED.items():
        with harness.case(title):
            ignored(harness, changes, code, words)
    for title, rename in MISNAMED.items():
        with harness.case(title):
            misnamed(harness, rename)
    for title, (make, old) in LAYOUTS.items():
        with harness.case(title):
            layouts(harness, make, old)
    with harness.case("rows of an embedding alone"):
        tokens(harness)
    with harness.case("a tied head"):
        tied_head(harness)
    with harness.case("a bias that the base has not"):
        bias(harness)
    with harness.case("parts that the configuration does not know"):
        unread(harness)
    with harness.case("a fused attention"):
        attention(harness)
    with harness.case("a convolution in groups"):
        groups(harness)
    for title, pack in PACKED.items():
        with harness.case(title):
            packed(harness, pack)
    with harness.case("a configuration that cannot be read"):
        unreadable(harness)
    with harness.case("a base that lost its PLoRA"):
        lost_plora(harness)


# Making


def llama(tied=False):
    torch.manual_seed(1)
    return LlamaForCausalLM(LlamaConfig(
        vocab_size=48, hidden_size=32, intermediate_size=24, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=tied, pad_token_id=0))


def lora(*modules, **options):
    return LoraConfig(r=2, lora_alpha=3, target_modules=list(modules or ("q_proj", "v_proj")),
                      init_lora_weights=False, **options)


def saved(harness, config, model=None, **options):
    """The paths of a base and of an adapter on it."""
    place = harness.fresh("agree")
    base, adapter = os.path.join(place, "base"), os.path.join(place, "adapter")
    model = model or llama()
    if isinstance(model, LlamaForCausalLM):
        model.save_pretrained(base)
    else:
        os.makedirs(base)
        save_file(model.state_dict(), os.path.join(base, "model.safetensors"), {"format": "pt"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        get_peft_model(model, config).save_pretrained(adapter, **options)
    return base, adapter


def change(adapter, rename=None, **fields):
    file = os.path.join(adapter, TENSORS)
    if rename:
        save_file({rename(name): value for name, value in load_file(file).items()}, file,
                  {"format": "pt"})
    config = os.path.join(adapter, "adapter_config.json")
    write_json(config, read_json(config) | fields)


def codes(harness, *arguments):
    """What `check` finds: severity and code, with the messages and the commands."""
    found = harness.run("check", *arguments, "--json").json()
    return ([(f["severity"], f["code"]) for f in found["findings"]],
            " ".join(f["message"] for f in found["findings"]),
            [f["fix"] for f in found["findings"] if f["fix"]])


def merged(harness, base, adapter, *options):
    out = os.path.join(harness.fresh("merged"), "out")
    harness.done("merge", base, adapter, "-o", out, *options)
    return load_directory(out)


def same(harness, found, expected, what):
    harness.equal(sorted(found), sorted(expected), f"{what}: the names")
    wrong = [name for name in expected if name in found and not torch.allclose(
        found[name].double(), expected[name].double(), rtol=1e-4, atol=1e-5)]
    harness.equal(wrong, [], what)


def peft_says(model, adapter):
    """The model with the adapter, and whether PEFT missed any of its keys."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = PeftModel.from_pretrained(model, adapter)
    return loaded, any("missing adapter keys" in str(warning.message) for warning in caught)


# Methods that are not merged

REFUSED = {
    "prompt tuning": (
        lambda: PromptTuningConfig(task_type=CAUSAL, num_virtual_tokens=3), "nothing to merge"),
    "prefix tuning": (
        lambda: PrefixTuningConfig(task_type=CAUSAL, num_virtual_tokens=3), "nothing to merge"),
    "p-tuning": (
        lambda: PromptEncoderConfig(task_type=CAUSAL, num_virtual_tokens=3), "nothing to merge"),
    "FourierFT": (lambda: FourierFTConfig(n_frequency=5, target_modules=["q_proj"]), "FOURIERFT"),
    "HRA": (lambda: HRAConfig(r=4, target_modules=["q_proj"]), "HRA"),
    "VB-LoRA": (lambda: VBLoRAConfig(
        r=2, num_vectors=8, vector_length=4, target_modules=["q_proj"]), "VBLORA"),
    "VeRA without projections": (lambda: VeraConfig(
        r=4, target_modules=["q_proj"], save_projection=False), "save_projection"),
    "GLoRA": (lambda: GloraConfig(r=2, target_modules=["q_proj"]), "GLORA"),
    "LN tuning": (lambda: LNTuningConfig(task_type=CAUSAL), "LN_TUNING"),
}


def refused(harness, config, words):
    base, adapter = saved(harness, config)
    for arguments in ([adapter], [adapter, "--base", base]):
        found, message, fixes = codes(harness, *arguments)
        harness.equal(found, [("error", "unmergeable")], "the only finding")
        harness.equal(fixes, [], "no command, as none could help")
        harness.check(words in message, f"it says {words}", message)
    result = harness.run("merge", base, adapter, "-o", adapter + "-out")
    harness.equal(result.status, 2, "the merge is refused")
    harness.check(message in result.err, "in the same words", result.err)


# Configurations by which PEFT builds other modules than the tensors are of

IGNORED = {
    "an expression that covers one layer": (
        {"target_modules": r".*layers\.0\..*(q|v)_proj"}, "config-mismatch",
        "model.layers.1.self_attn"),
    "excluded modules": ({"exclude_modules": ["v_proj"]}, "config-mismatch", "exclude_modules"),
    "layers to transform": ({"layers_to_transform": [1]}, "config-mismatch", "model.layers.0"),
    "a pattern of layers": (
        {"layers_to_transform": 1, "layers_pattern": "layers"}, "config-mismatch",
        "model.layers.0"),
    "a target without tensors": (
        {"target_modules": ["q_proj", "v_proj", "k_proj"]}, "config-mismatch", "k_proj"),
    "an expression that covers more": (
        {"target_modules": ".*(q|k|v)_proj"}, "config-mismatch", "k_proj"),
}


def ignored(harness, changes, code, words):
    base, adapter = saved(harness, lora())
    harness.equal(codes(harness, adapter, "--base", base)[0], [], "well as it was saved")
    change(adapter, **changes)
    found, message, _ = codes(harness, adapter, "--base", base)
    harness.equal(found, [("warning", code)], "the only finding")
    harness.check(words in message, f"it names {words}", message)
    loaded, misses = peft_says(llama(), adapter)
    built = {name.replace(".default", "") for name, _ in loaded.named_parameters()
             if ".lora_" in name}
    names = set(load_file(os.path.join(adapter, TENSORS)))
    harness.check(built != names and misses == bool(built - names),
                  "PEFT builds other modules", str(built ^ names))


# Names that PEFT overlooks: the command that is given mends them

MISNAMED = {
    "no beginning": lambda name: name.removeprefix("base_model.model."),
    "no beginning and no model": lambda name: name.removeprefix("base_model.model.model."),
    "no beginning and another word": lambda name: name.removeprefix(
        "base_model.model.").replace("self_attn", "attention"),
    "another word": lambda name: name.replace("self_attn", "attention"),
    "the name of an adapter": lambda name: name.replace(".weight", ".mine.weight"),
    "a compiled model": lambda name: "_orig_mod." + name,
    "a parallel model": lambda name: "module." + name,
    "a beginning too many": lambda name: "base_model.model." + name,
    "kohya's factors": lambda name: name.replace("lora_A", "lora_down").replace(
        "lora_B", "lora_up"),
}


def misnamed(harness, rename):
    base, adapter = saved(harness, lora())
    expected = peft_says(llama(), adapter)[0].merge_and_unload().state_dict()
    change(adapter, rename)
    harness.check(peft_says(llama(), adapter)[1], "PEFT misses the keys")
    found, message, fixes = codes(harness, adapter, "--base", base)
    harness.check(found, "something is found", message)
    if not harness.equal(len(fixes), 1, f"one command, not {fixes}"):
        return
    command = shlex.split(fixes[0])
    harness.done(*command[1:])
    mended = command[command.index("-o") + 1]
    harness.check(not peft_says(llama(), mended)[1], "PEFT finds all keys after the command")
    harness.equal(codes(harness, mended, "--base", base)[0], [], "nothing is found any more")
    same(harness, merged(harness, base, mended), expected, "what PEFT merges")


# Vision-language models before and after transformers 4.52


def qwen2_vl():
    torch.manual_seed(2)
    return Qwen2VLForConditionalGeneration(Qwen2VLConfig(
        text_config={
            "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2,
            "rope_parameters": {
                "rope_type": "default", "mrope_section": [2, 1, 1], "rope_theta": 10000.0}},
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2,
                       "mlp_ratio": 2}, tie_word_embeddings=False))


def llava():
    torch.manual_seed(2)
    return LlavaForConditionalGeneration(LlavaConfig(
        text_config=LlamaConfig(
            vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2),
        vision_config=CLIPVisionConfig(
            hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=2,
            image_size=16, patch_size=8, projection_dim=24), tie_word_embeddings=False))


def begin(*pairs):
    """Another beginning for the paths that have one of the first of the pairs."""
    def rename(name):
        for new, old in pairs:
            if name.startswith(new):
                return old + name.removeprefix(new)
        return name
    return rename


LAYOUTS = {
    "Qwen2-VL": (qwen2_vl, begin(("model.visual.", "visual."),
                                 ("model.language_model.", "model."))),
    "LLaVA": (llava, begin(("model.language_model.", "language_model.model."),
                           ("lm_head.", "language_model.lm_head."),
                           ("model.vision_tower.", "vision_tower."),
                           ("model.multi_modal_projector.", "multi_modal_projector."))),
    "LLaVA with CLIP's level": (llava, begin(
        ("model.language_model.", "language_model.model."),
        ("model.vision_tower.", "vision_tower.vision_model."))),
}


def mended_layout(harness, model, adapter, base, what):
    """The command that is printed is typed, and PEFT finds every key."""
    found = harness.run("check", adapter, "--base", base, "--json").json()["findings"]
    words = shlex.split(next(f["fix"] for f in found if f["code"] == "prefix-drift"))
    shutil.rmtree(words[words.index("-o") + 1], ignore_errors=True)
    harness.equal(harness.run(*words[1:]).status, 0, f"the command for {what}")
    harness.check(not peft_says(model, words[words.index("-o") + 1])[1],
                  f"PEFT finds every key of {what}, mended")


def layouts(harness, make, old):
    """Both layouts of the adapter onto both of the base: the model that PEFT makes."""
    place = harness.fresh("layouts")
    state = {name: value.clone() for name, value in make().state_dict().items()}
    modules = [m for m in ("q_proj", "qkv", "fc1", "lm_head")
               if any(f".{m}." in f".{name}" for name in state)]
    adapters = {"new": os.path.join(place, "adapter"), "old": os.path.join(place, "adapter-old")}
    model = get_peft_model(make(), lora(*modules))
    model.save_pretrained(adapters["new"])
    expected = model.merge_and_unload().state_dict()
    shutil.copytree(adapters["new"], adapters["old"])
    start = "base_model.model."
    change(adapters["old"], lambda name: start + old(name.removeprefix(start)))
    for layout, rename in {"new": lambda name: name, "old": old}.items():
        base = os.path.join(place, f"base-{layout}")
        make().config.save_pretrained(base)
        save_file({rename(name): value for name, value in state.items()},
                  os.path.join(base, "model.safetensors"), {"format": "pt"})
        for name, adapter in adapters.items():
            what = f"the {name} adapter onto the {layout} base"
            found = codes(harness, adapter, "--base", base)[0]
            hidden = peft_says(make(), adapter)[1]
            drift = [("warning" if hidden else "note", "prefix-drift")]
            harness.equal(found, drift if hidden or name != layout else [], what)
            if hidden:
                mended_layout(harness, make(), adapter, base, what)
            same(harness, merged(harness, base, adapter),
                 {rename(key): value for key, value in expected.items()}, what)


# Single cases


def tokens(harness):
    model = llama()
    base, adapter = saved(harness, TrainableTokensConfig(
        token_indices=[5, 1], target_modules=["embed_tokens"]), model)
    file = os.path.join(adapter, TENSORS)
    save_file({name: torch.randn_like(value) for name, value in load_file(file).items()}, file,
              {"format": "pt"})
    harness.equal(codes(harness, adapter, "--base", base)[0], [], "nothing is wrong")
    expected = peft_says(llama(), adapter)[0].merge_and_unload().state_dict()
    same(harness, merged(harness, base, adapter), expected, "what PEFT merges")


def tied_head(harness):
    base, adapter = saved(harness, lora("embed_tokens"), llama(tied=True),
                          save_embedding_layers=False)
    harness.equal(codes(harness, adapter, "--base", base)[0], [("warning", "tied-weights")],
                  "the embedding: the only finding")
    base, adapter = saved(harness, lora("lm_head", "q_proj"), llama(tied=True),
                          save_embedding_layers=False)
    harness.equal(codes(harness, adapter, "--base", base)[0], [("warning", "tied-weights")],
                  "the only finding")
    expected = peft_says(llama(tied=True), adapter)[0].merge_and_unload().state_dict()
    found = merged(harness, base, adapter, "--keep-tied")
    expected = {name: value for name, value in expected.items() if name in found}
    same(harness, found, expected, "what PEFT merges")


def bias(harness):
    base, adapter = saved(harness, lora(bias="all"))
    harness.equal(codes(harness, adapter, "--base", base)[0], [], "no bias, and none lost")
    base, adapter = saved(harness, lora(lora_bias=True))
    found, message, _ = codes(harness, adapter, "--base", base)
    harness.equal(found, [("error", "unmergeable")], "the only finding")
    harness.equal(harness.run("merge", base, adapter, "-o", adapter + "-out").status, 2,
                  "the merge is refused")
    try:
        peft_says(llama(), adapter)[0].merge_and_unload()
        harness.fail("PEFT merges it")
    except RuntimeError as error:
        harness.check("base layer has no bias" in str(error), "PEFT refuses", str(error))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.attn = nn.MultiheadAttention(16, 2)
        self.line = nn.Linear(16, 8)

    def forward(self, value):
        return self.line(self.attn(value, value, value)[0])


def unread(harness):
    """PEFT leaves them unread, and so does its numerics; they count in any other merge."""
    for field, leaf in (("lora_bias", "lora_B.bias"), ("use_dora", "lora_magnitude_vector")):
        base, adapter = saved(harness, lora("line", **{field: True}), Attention())
        path, config = os.path.join(adapter, TENSORS), os.path.join(adapter, "adapter_config.json")
        tensors = load_file(path)
        name = f"base_model.model.line.{leaf}"
        tensors[name] = tensors[name] + torch.rand(8)
        save_file(tensors, path, {"format": "pt"})
        known = merged(harness, base, adapter)
        write_json(config, read_json(config) | {field: False})
        expected = peft_says(Attention(), adapter)[0].merge_and_unload().state_dict()
        same(harness, merged(harness, base, adapter, "--numerics", "peft"), expected,
             f"{leaf}: what PEFT merges")
        same(harness, merged(harness, base, adapter), known, f"{leaf}: it counts")
        out = os.path.join(harness.fresh("out"), "out")
        for numerics in ("exact", "peft"):
            result = harness.run("merge", base, adapter, "-o", out, "--force",
                                 "--numerics", numerics)
            harness.check("PEFT would ignore it" in result.err, f"{numerics}: it is said",
                          result.err)
            harness.equal(
                harness.run("verify", base, adapter, "--merged", out).status, 0, "verify agrees")


def attention(harness):
    """The input projections are PEFT's to the bit; PEFT adds the update of the output twice."""
    for modules in (["attn"], ["attn", "line"]):
        base, adapter = saved(harness, lora(*modules), Attention())
        harness.equal(codes(harness, adapter, "--base", base)[0], [],
                      f"{modules}: nothing is wrong")
        state = Attention().state_dict()
        expected = peft_says(Attention(), adapter)[0].merge_and_unload().state_dict()
        factors = load_file(os.path.join(adapter, TENSORS))
        output = "base_model.model.attn.base_layer.out_proj.lora_"
        update = 1.5 * factors[output + "B.weight"] @ factors[output + "A.weight"]
        name = "attn.out_proj.weight"
        harness.check(torch.allclose(expected[name], state[name] + 2 * update, atol=1e-5),
                      "PEFT still adds it twice")
        expected[name] = state[name] + update
        for numerics in ("exact", "peft"):
            same(harness, merged(harness, base, adapter, "--numerics", numerics), expected,
                 f"{modules}, {numerics}")
        result = harness.run("merge", base, adapter, "-o", adapter + "-out", "--numerics", "peft")
        harness.check("twice" in result.err, "it is said with --numerics peft", result.err)


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 12, 3, groups=2)


def groups(harness):
    base, adapter = saved(harness, LoraConfig(
        r=4, target_modules=["conv"], init_lora_weights=False), Grouped())
    found, message, _ = codes(harness, adapter, "--base", base)
    harness.equal(found, [("error", "unmergeable")], "the only finding")
    result = harness.run("merge", base, adapter, "-o", adapter + "-out")
    harness.check(result.status == 2 and message in result.err, "refused in the same words",
                  result.err)
    try:
        peft_says(Grouped(), adapter)[0].merge_and_unload()
        harness.fail("PEFT merges it")
    except NotImplementedError as error:
        harness.check("groups" in str(error), "PEFT refuses", str(error))


def bitsandbytes(name, value):
    count = value.numel()
    return {name: torch.zeros(count // 2, 1, dtype=torch.uint8),
            f"{name}.absmax": torch.zeros(count // 64), f"{name}.quant_map": torch.zeros(16),
            f"{name}.quant_state.bitsandbytes__nf4": torch.zeros(20, dtype=torch.uint8)}


def gptq(name, value):
    path = name.removesuffix("weight")
    return {f"{path}qweight": torch.zeros(value.shape[1] // 8, value.shape[0], dtype=torch.int32),
            f"{path}qzeros": torch.zeros(1, value.shape[0] // 8, dtype=torch.int32),
            f"{path}scales": torch.zeros(1, value.shape[0])}


PACKED = {"a base of bitsandbytes": bitsandbytes, "a base of GPTQ": gptq}


def packed(harness, pack):
    base, adapter = saved(harness, lora())
    file = os.path.join(base, "model.safetensors")
    state = {}
    for name, value in load_file(file).items():
        state |= pack(name, value) if "proj.weight" in name else {name: value}
    save_file(state, file, {"format": "pt"})
    for is_told in (False, True):
        if is_told:
            config = os.path.join(base, "config.json")
            write_json(config, read_json(config) | {
                "quantization_config": {"quant_method": pack.__name__}})
        found = harness.run("check", adapter, "--base", base, "--json").json()
        harness.equal([f["code"] for f in found["findings"]], ["quantised-base"],
                      "the only finding")
        harness.equal(found["unexpected"] + found["mismatched"], [], "no lists of what follows")
        result = harness.run("merge", base, adapter, "-o", adapter + "-out")
        harness.check(result.status == 2 and "can be merged into" in result.err,
                      "the merge is refused for it", result.err)


def unreadable(harness):
    base, adapter = saved(harness, lora())
    for text in ('{"r": ', '{"r": "x"}'):
        with open(os.path.join(adapter, "adapter_config.json"), "w", encoding="utf-8") as file:
            file.write(text)
        harness.equal(codes(harness, adapter)[0], [("error", "config-mismatch")],
                      f"{text}: the only finding")
    os.remove(os.path.join(adapter, "adapter_config.json"))
    harness.equal(codes(harness, adapter)[0],
                  [("warning", "alpha-unknown"), ("warning", "missing-side-file")], "without it")


def lost_plora(harness):
    """An adapter that does not say what it is of, on bases with all, none and half of PLoRA."""
    place = harness.fresh("plora")
    for title, layers, wanted in (("all", [0, 1], "plora-present"), ("none", [], "plora-lost"),
                                  ("half", [0], "plora-lost")):
        base, adapter = os.path.join(place, title), os.path.join(place, title + "-adapter.bin")
        os.makedirs(base)
        state = {"plora_glb_GN": torch.ones(1, 1, 8)} if layers else {}
        factors = {}
        for layer in range(2):
            path = f"model.layers.{layer}.attention.wqkv."
            state[path + "weight"] = torch.randn(12, 8)
            factors[f"base_model.model.{path}lora_A.weight"] = torch.randn(2, 8)
            factors[f"base_model.model.{path}lora_B.weight"] = torch.randn(12, 2)
            if layer in layers:
                state[path + "Plora_A.weight"] = torch.randn(4, 8)
                state[path + "Plora_B.weight"] = torch.randn(12, 4)
        save_file(state, os.path.join(base, "model.safetensors"), {"format": "pt"})
        with open(os.path.join(base, "config.json"), "w", encoding="utf-8") as file:
            json.dump({"model_type": "internlmxcomposer2"}, file)
        torch.save(factors, adapter)
        found = [code for _, code in codes(harness, adapter, "--base", base)[0]]
        harness.check(wanted in found, f"{title}: {wanted}", str(found))
        harness.equal("plora-lost" in found, wanted == "plora-lost", f"{title}: lost or not")
