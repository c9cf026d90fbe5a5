"""`tenon check` against the real loaders: the lists of a strict load, and the texts that torch,
PEFT and transformers print when a load fails."""

import contextlib
import copy
import io
import json
import logging
import os
import shlex
import shutil
import warnings

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from harness import fixture
from models import read_json, write_json

BASE = fixture("peft", "llama-bf16", "base")
ADAPTERS = [fixture("peft", "llama-bf16", f"adapter-{name}")
            for name in ("plain", "bin", "bf16-stored", "patterns", "rslora", "sub-directory")]


def run(harness, every):
    for number in range(40 if every else 15):
        with harness.case(f"strict load {number}"):
            strict_load(harness)
    with harness.case("what is well"):
        well(harness)
    for title, make in DAMAGES.items():
        with harness.case(title):
            damaged(harness, *make(harness))
    for title, make in FAILURES.items():
        with harness.case(title):
            failure(harness, *make(harness))
    for name in TIED:
        with harness.case(f"tied parameters of {name}"):
            tied(harness, name)
    with harness.case("what a trainer leaves"):
        trainer_files(harness)
    with harness.case("gamma and beta"):
        gamma_beta(harness)
    with harness.case("a log of fused projections"):
        fused_log(harness)
    with harness.case("a log that says nothing"):
        result = harness.run("check", BASE, "--error-log", "-", input=b"all is well\n")
        harness.equal(result.status, 2, "the status")


# Files and names of other kinds


def trainer_files(harness):
    """Whatever transformers' Trainer writes beside the weights is called what it is."""
    folder = harness.fresh("run")
    rows = [{"input_ids": torch.arange(8), "labels": torch.arange(8)}] * 2
    arguments = transformers.TrainingArguments(
        output_dir=folder, max_steps=1, save_steps=1, report_to=[], use_cpu=True,
        disable_tqdm=True)
    transformers.Trainer(model=AutoModelForCausalLM.from_pretrained(BASE), args=arguments,
                         train_dataset=rows).train()
    place = os.path.join(folder, "checkpoint-1")
    torch.save(torch.amp.GradScaler("cpu").state_dict(), os.path.join(place, "scaler.pt"))
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "scaler.pt"):
        path = os.path.join(place, name)
        result = harness.run("check", path, "--json")
        harness.equal(result.status, 1, f"the status of {name}")
        findings = result.json()["findings"]
        harness.equal([(f["severity"], f["code"]) for f in findings],
                      [("warning", "training-state")], f"the findings of {name}")
        harness.check("model.safetensors" in findings[0]["message"], f"{name} names the weights")
        harness.equal(shlex.split(findings[0]["fix"]), ["tenon", "check", place + "/"],
                      f"the command for {name}")
        harness.equal(harness.json("inspect", path)["kind"], "training-state", f"the kind of {name}")
    harness.equal(harness.run("check", place).status, 0, "the weights are in order")


def gamma_beta(harness):
    config = transformers.BertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                                     intermediate_size=24, vocab_size=30)
    model = transformers.BertModel(config)
    base, state = harness.fresh("bert"), model.state_dict()
    model.save_pretrained(base)
    path = os.path.join(harness.scratch, "tensorflow.bin")
    torch.save({name.replace("LayerNorm.weight", "LayerNorm.gamma")
                    .replace("LayerNorm.bias", "LayerNorm.beta"): t for name, t in state.items()},
               path)
    typed(harness, path, "--base", base, expected=state)


def fused_log(harness):
    config = transformers.Phi3Config(
        hidden_size=32, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, vocab_size=40, pad_token_id=0, tie_word_embeddings=False)
    folder = harness.fresh("fused")
    transformers.Phi3ForCausalLM(config).save_pretrained(folder)
    llama = LlamaForCausalLM(LlamaConfig(
        **{name: getattr(config, name) for name in (
            "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
            "num_key_value_heads", "vocab_size", "tie_word_embeddings")}))
    log = os.path.join(harness.scratch, "fused.log")
    try:
        llama.load_state_dict(load_file(os.path.join(folder, "model.safetensors")))
    except RuntimeError as error:
        with open(log, "w") as stream:
            stream.write(str(error))
    typed(harness, folder, "--error-log", log, expected=llama.state_dict())


def typed(harness, path, option, reference, expected):
    """The one command is typed, and what it writes has the names and shapes that were wanted."""
    findings = harness.run("check", path, option, reference, "--json").json()["findings"]
    command = shlex.split(next(f["fix"] for f in findings if f["code"] == "prefix-drift"))
    output = command[command.index("-o") + 1]
    harness.equal(harness.run(*command[1:], "--force").status, 0, f"{command} runs")
    file = os.path.join(output, "model.safetensors") if os.path.isdir(output) else output
    harness.equal({name: list(tensor.shape) for name, tensor in sorted(load_file(file).items())},
                  {name: list(tensor.shape) for name, tensor in sorted(expected.items())},
                  "the names and shapes after it")


# Strict loads


class Part(nn.Module):
    """A random tree of modules."""

    def __init__(self, draw, depth):
        super().__init__()
        for number in range(draw.randrange(1, 4)):
            name = draw.choice(["proj", "norm", "attention", "mlp", "x"]) + str(number)
            if depth and draw.random() < 0.6:
                self.add_module(name, nn.ModuleList(
                    Part(draw, depth - 1) for _ in range(draw.randrange(1, 4))))
            elif draw.random() < 0.2:
                self.register_buffer(name, torch.zeros(draw.choice([(), (3,), (1,)])))
            else:
                self.add_module(name, nn.Linear(draw.randrange(1, 5), draw.randrange(1, 5),
                                                bias=draw.random() < 0.5))


def torch_lists(model, state):
    """What strict loading raises, by its parts."""
    missing, unexpected, errors = [], [], []
    try:
        found = copy.deepcopy(model).load_state_dict(state, strict=False)
        missing, unexpected = found.missing_keys, found.unexpected_keys
    except RuntimeError as error:
        errors = [line.strip() for line in str(error).splitlines() if "size mismatch" in line]
        trimmed = dict(state)
        for line in errors:
            trimmed.pop(line.split("size mismatch for ")[1].split(":")[0])
        found = copy.deepcopy(model).load_state_dict(trimmed, strict=False)
        missing = [k for k in found.missing_keys if k not in state]
        unexpected = found.unexpected_keys
    return missing, unexpected, errors


def perturbed(harness, state):
    draw = harness.random
    result = {}
    prefix = draw.choice(["", "", "", "module.", "model."])
    for name, value in state.items():
        if draw.random() < 0.08:
            continue
        if draw.random() < 0.08:
            value = torch.zeros(draw.choice([(1,), (2, 2), (0,), ()]))
        if draw.random() < 0.05:
            name += "_old"
        result[prefix + name] = value
    if draw.random() < 0.3:
        result["extra"] = torch.zeros(2)
    return result


def strict_load(harness):
    model = Part(harness.random, 3)
    folder = harness.fresh()
    base, path = os.path.join(folder, "base"), os.path.join(folder, "checkpoint")
    state = perturbed(harness, model.state_dict())
    torch.save(model.state_dict(), base)
    torch.save(state, path)
    missing, unexpected, errors = torch_lists(model, state)
    keys = os.path.join(folder, "keys")
    with open(keys, "w", encoding="utf-8") as stream:
        for name, value in model.state_dict().items():
            stream.write(f"{name} {list(value.shape)}\n")
    for reference in (["--base", base], ["--expect", base], ["--expect", keys]):
        found = harness.run("check", path, *reference, "--json").json()
        harness.equal(found["missing"], missing, f"missing with {reference[0]}")
        # Torch walks through the modules, tenon through the file.
        harness.equal(sorted(found["unexpected"]), sorted(unexpected),
                      f"unexpected with {reference[0]}")
        shapes = [
            f"size mismatch for {m['name']}: copying a param with shape torch.Size({m['found']}) "
            f"from checkpoint, the shape in current model is torch.Size({m['expected']})."
            for m in found["mismatched"]]
        harness.equal(shapes, errors, f"mismatched with {reference[0]}")
    try:
        copy.deepcopy(model).load_state_dict(state)
        return
    except RuntimeError as error:
        text = str(error)
    result = harness.run("check", path, "--error-log", "-", "--json", input=text.encode())
    found = result.json()
    harness.equal(result.status, 1, "the status with the log")
    harness.equal(found["missing"], missing, "missing by the log")
    harness.equal(found["unexpected"], unexpected, "unexpected by the log")
    harness.equal(len(found["mismatched"]), len(errors), "mismatched by the log")


# What is well, and what is not


def well(harness):
    for path in [BASE, *ADAPTERS]:
        result = harness.run("check", path)
        harness.equal(result.status, 0, f"{os.path.basename(path)} alone: {result.out}")
    for path in ADAPTERS:
        result = harness.run("check", path, "--base", BASE)
        harness.equal(result.status, 0, f"{os.path.basename(path)} with its base: {result.out}")


def adapter_copy(harness, change_state=None, change_config=None):
    path = os.path.join(harness.fresh(), "adapter")
    shutil.copytree(ADAPTERS[0], path)
    file = os.path.join(path, "adapter_model.safetensors")
    if change_state:
        save_file(change_state(load_file(file)), file)
    if change_config:
        config = os.path.join(path, "adapter_config.json")
        write_json(config, change_config(read_json(config)))
    return path


def base_copy(harness, change_state=None, change_config=None):
    path = os.path.join(harness.fresh("base"), "model")
    shutil.copytree(BASE, path)
    file = os.path.join(path, "model.safetensors")
    if change_state:
        save_file(change_state(load_file(file)), file, metadata={"format": "pt"})
    if change_config:
        config = os.path.join(path, "config.json")
        write_json(config, change_config(read_json(config)))
    return path


def each(change):
    return lambda state: {name: change(name, value) for name, value in state.items()}


def without(word):
    return lambda state: {name: value for name, value in state.items() if word not in name}


# title: arguments and the code that has to be among the findings
DAMAGES = {
    "every B is zero": lambda h: ([adapter_copy(h, each(
        lambda n, v: torch.zeros_like(v) if "lora_B" in n else v))], "zero-update"),
    "one B is zero": lambda h: ([adapter_copy(h, each(
        lambda n, v: torch.zeros_like(v) if "0.self_attn.q_proj.lora_B" in n else v))],
        "zero-update"),
    "NaN in a factor": lambda h: ([adapter_copy(h, each(
        lambda n, v: v * float("nan") if "0.self_attn.q_proj.lora_B" in n else v))],
        "not-finite"),
    "NaN in a model": lambda h: ([base_copy(h, each(
        lambda n, v: v * float("inf") if "norm" in n else v)), "--values"], "not-finite"),
    "placeholders of ZeRO-3": lambda h: ([adapter_copy(h, each(
        lambda n, v: torch.zeros(0) if "lora_A" in n else v))], "zero-size-tensor"),
    "an empty adapter": lambda h: ([adapter_copy(h, lambda s: {})], "empty-adapter"),
    "a missing B": lambda h: ([adapter_copy(h, without("0.self_attn.q_proj.lora_B"))],
                              "missing-pair"),
    "another rank": lambda h: ([adapter_copy(h, None, lambda c: c | {"r": 5})], "rank-mismatch"),
    "a target without tensors": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"target_modules": c["target_modules"] + ["lm_head"]})],
        "config-mismatch"),
    "modules_to_save that were not": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"modules_to_save": ["lm_head"]})], "config-mismatch"),
    "an alpha of 0": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"lora_alpha": 0})], "zero-update"),
    "a rank with a decimal point": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"r": float(c["r"])})], "config-mismatch"),
    "a kind in small letters": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"peft_type": "lora"})], "config-mismatch"),
    "an expression that is none": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"target_modules": "(((q_proj"})], "config-mismatch"),
    "factors of I8": lambda h: ([adapter_copy(h, each(lambda n, v: v.to(torch.int8)))],
                                "unmergeable"),
    "DoRA without magnitudes": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"use_dora": True})], "missing-pair"),
    "magnitudes without use_dora": lambda h: ([adapter_copy(h, lambda s: s | {
        "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector":
            torch.ones(32)})], "config-mismatch"),
    "rows of an embedding that the base has not": lambda h: ([adapter_copy(h, lambda s: s | {
        "base_model.model.wte.token_adapter.trainable_tokens_delta": torch.zeros(2, 32)},
        lambda c: c | {"trainable_token_indices": {"wte": [1, 2]}}), "--base", BASE],
        "unmatched-key"),
    "a start that changes the base": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"init_lora_weights": "pissa_niter_16"})], "mutated-base"),
    "aLoRA": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"alora_invocation_tokens": [1, 2]})], "unmergeable"),
    "a bias of B": lambda h: ([adapter_copy(h, lambda s: s | {
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias": torch.zeros(32)})],
        "lora-bias-dropped"),
    "names that look alike": lambda h: ([base_copy(h, lambda s: s | {
        "Model.norm.weight": torch.ones(32)})], "duplicate-key"),
    "tied weights that differ": lambda h: ([base_copy(
        h, None, lambda c: c | {"tie_word_embeddings": True})], "tied-weights"),
    "another vocabulary": lambda h: ([base_copy(
        h, None, lambda c: c | {"vocab_size": 50})], "vocabulary-mismatch"),
    "code that is not there": lambda h: ([base_copy(
        h, None, lambda c: c | {"auto_map": {"AutoModel": "modeling_x.X"}})],
        "missing-side-file"),
    "a layer too few": lambda h: ([base_copy(h, without("layers.1."))], "config-mismatch"),
    "a layer in between": lambda h: ([base_copy(h, without("layers.0."))], "missing-key"),
    "a quantised base": lambda h: ([adapter_copy(h), "--base", base_copy(
        h, each(lambda n, v: v.to(torch.int8) if "proj" in n else v),
        lambda c: c | {"quantization_config": {"quant_method": "gptq"}})],
        "quantised-base"),
    "a tied base": lambda h: ([adapter_copy(h, lambda s: s | {
        "base_model.model.lm_head.weight": torch.zeros(48, 32)}), "--base", base_copy(
        h, without("lm_head"), lambda c: c | {"tie_word_embeddings": True})], "tied-weights"),
    "an embedding of another size": lambda h: ([adapter_copy(h, lambda s: s | {
        "base_model.model.model.embed_tokens.weight": torch.zeros(50, 32)}), "--base", BASE],
        "vocabulary-mismatch"),
    "a slice of FSDP": lambda h: ([adapter_copy(h, each(
        lambda n, v: v[:v.shape[0] // 2].clone() if "lora_B" in n else v)), "--base", BASE],
        "shape-mismatch"),
    "a layer that the base has not": lambda h: ([
        fixture("peft", "llama-bf16", "adapter-broken-extra-layer"), "--base", BASE],
        "unmatched-key"),
    "a base without its PLoRA": lambda h: ([adapter_copy(
        h, None, lambda c: c | {"base_model_name_or_path": "internlm/internlm-xcomposer2-7b"}),
        "--base", BASE], "plora-lost"),
}


def damaged(harness, arguments, code):
    result = harness.run("check", *arguments, "--json")
    findings = result.json()["findings"]
    found = [finding["code"] for finding in findings if finding["severity"] != "note"]
    harness.check(code in found, f"{code} is found", str(found))
    harness.equal(result.status, 1, "the status")
    runnable(harness, findings)


def runnable(harness, findings):
    """The commands that rename do what they are given for, and no two of them are rivals."""
    commands = [shlex.split(finding["fix"]) for finding in findings
                if (finding["fix"] or "").startswith("tenon remap ")]
    outputs = [command[command.index("-o") + 1] for command in commands]
    harness.equal(len(set(outputs)), len(outputs), "each writes a place of its own")
    for command in commands:
        harness.equal(harness.run(*command[1:]).status, 0, f"{command} runs")


# Failures


@contextlib.contextmanager
def listening(library):
    """Everything that the libraries print, warn and, this one, log."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logger = logging.getLogger(library)
    level, handlers = logger.level, logger.handlers
    logger.setLevel(logging.WARNING)
    logger.handlers = [handler]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.redirect_stderr(heard):
            yield heard
    logger.setLevel(level)
    logger.handlers = handlers
    heard.write("\n".join(str(warning.message) for warning in caught))


def heard_from(action, library="transformers"):
    with listening(library) as heard:
        try:
            action()
        except Exception as error:  # the text is what is wanted
            print(f"{type(error).__name__}: {error}", file=heard)
    return heard.getvalue()


def config():
    return LlamaConfig(vocab_size=48, hidden_size=32, intermediate_size=24, num_hidden_layers=2,
                       num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False)


def trained(harness, **options):
    """A PEFT adapter whose B is not zero, as PEFT saves it."""
    path = os.path.join(harness.fresh("peft"), "adapter")
    model = get_peft_model(LlamaForCausalLM(config()), LoraConfig(
        r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, **options))
    model.save_pretrained(path)
    return path


def renamed(path, change):
    file = os.path.join(path, "adapter_model.safetensors")
    save_file({change(name): value for name, value in load_file(file).items()}, file)
    return path


def adapter_failure(path):
    return heard_from(lambda: PeftModel.from_pretrained(LlamaForCausalLM(config()), path))


def prefixed(harness):
    path = renamed(trained(harness), lambda name: "module." + name)
    return path, adapter_failure(path), "prefix-drift", "tenon remap "


def relaid(harness):
    path = renamed(trained(harness), lambda name: name.replace(
        "model.model.layers", "model.language_model.layers"))
    return path, adapter_failure(path), "prefix-drift", "tenon remap "


def other_rank(harness):
    path = trained(harness)
    file = os.path.join(path, "adapter_config.json")
    write_json(file, read_json(file) | {"r": 8})
    return path, adapter_failure(path), "rank-mismatch", None


def other_targets(harness):
    path = trained(harness)
    file = os.path.join(path, "adapter_config.json")
    write_json(file, read_json(file) | {"target_modules": ["wqkv"]})
    return path, adapter_failure(path), "wrong-base", None


def placeholders(harness):
    path = trained(harness)
    file = os.path.join(path, "adapter_model.safetensors")
    save_file({name: torch.zeros(0) for name in load_file(file)}, file)
    return path, adapter_failure(path), "zero-size-tensor", None


def resized(harness):
    path = trained(harness)
    file = os.path.join(path, "adapter_model.safetensors")
    save_file(load_file(file) | {
        "base_model.model.model.embed_tokens.weight": torch.zeros(60, 32)}, file)
    return path, adapter_failure(path), "vocabulary-mismatch", None


def adapter_as_model(harness):
    path = trained(harness)
    state = load_file(os.path.join(path, "adapter_model.safetensors"))
    text = heard_from(lambda: LlamaForCausalLM(config()).load_state_dict(state))
    return path, text, "missing-key", f"tenon merge BASE {path} -o OUT"


class Plora(nn.Linear):
    """A layer as InternLM-XComposer has it."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=False)
        self.Plora_A = nn.Linear(inputs, 4, bias=False)
        self.Plora_B = nn.Linear(4, outputs, bias=False)


class Composer(nn.Module):
    def __init__(self):
        super().__init__()
        self.plora_glb_GN = nn.Parameter(torch.zeros(1, 1, 16))
        self.plora_sub_GN = nn.Parameter(torch.zeros(1, 1, 1, 16))
        self.model = nn.Module()
        self.model.layers = nn.ModuleList()
        for _ in range(3):
            layer = nn.Module()
            layer.attention = nn.Module()
            layer.attention.wqkv = Plora(16, 24)
            self.model.layers.append(layer)


def composer(harness):
    path = os.path.join(harness.fresh("composer"), "adapter_model.bin")
    state = {}
    for layer in range(3):
        prefix = f"base_model.model.model.layers.{layer}.attention.wqkv."
        state[prefix + "lora_A.weight"] = torch.randn(2, 16)
        state[prefix + "lora_B.weight"] = torch.randn(24, 2)
    torch.save(state, path)
    text = heard_from(lambda: Composer().load_state_dict(torch.load(path), strict=True))
    assert "plora_glb_GN" in text
    return path, text, "plora-present", f"tenon merge BASE {path} -o OUT"


def model_report(harness, change, ignore=False):
    path = os.path.join(harness.fresh("model"), "model")
    LlamaForCausalLM(config()).save_pretrained(path)
    file = os.path.join(path, "model.safetensors")
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    text = heard_from(lambda: AutoModelForCausalLM.from_pretrained(
        path, ignore_mismatched_sizes=ignore))
    assert "LOAD REPORT" in text, text
    return path, text


def report_renamed(harness):
    path, text = model_report(harness, lambda state: {
        name.replace("self_attn", "attention"): value for name, value in state.items()})
    return path, text, "prefix-drift", "tenon remap "


def report_resized(harness):
    path, text = model_report(harness, lambda state: state | {
        "model.embed_tokens.weight": torch.zeros(60, 32)})
    return path, text, "vocabulary-mismatch", None


def report_missing(harness):
    path, text = model_report(harness, lambda state: {
        name: value for name, value in state.items() if "layers.1.mlp" not in name})
    return path, text, "missing-key", None


TIED = {
    "Llama": lambda: transformers.LlamaForCausalLM(LlamaConfig(**SMALL, tie_word_embeddings=True)),
    "GPT-2": lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(
        n_embd=32, n_layer=1, n_head=4, vocab_size=48, n_positions=16, bos_token_id=0,
        eos_token_id=0)),
    "OPT": lambda: transformers.OPTForCausalLM(transformers.OPTConfig(
        hidden_size=32, ffn_dim=24, num_hidden_layers=1, num_attention_heads=4, vocab_size=48,
        word_embed_proj_dim=32, max_position_embeddings=16)),
    "BERT": lambda: transformers.BertForMaskedLM(transformers.BertConfig(**SMALL)),
    "T5": lambda: transformers.T5ForConditionalGeneration(transformers.T5Config(
        d_model=32, d_ff=24, d_kv=8, num_heads=4, num_layers=1, vocab_size=48)),
    "BART": lambda: transformers.BartForConditionalGeneration(transformers.BartConfig(
        d_model=32, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=24, decoder_ffn_dim=24,
        encoder_attention_heads=4, decoder_attention_heads=4, vocab_size=48,
        max_position_embeddings=16)),
}
SMALL = {"vocab_size": 48, "hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 1,
         "num_attention_heads": 4}


def tied(harness, name):
    """transformers misses nothing in the file of a model of its own; torch's strict load does,
    and the findings say that nothing is lost, each name once."""
    path = os.path.join(harness.fresh("tied"), "model")
    model = TIED[name]()
    model.save_pretrained(path)
    state = load_file(os.path.join(path, "model.safetensors"))
    _, info = type(model).from_pretrained(path, output_loading_info=True)
    harness.equal(sorted(info["missing_keys"]), [], "transformers misses nothing")
    text = heard_from(lambda: model.load_state_dict(state))
    missing = sorted(set(model.state_dict()) - set(state))
    keys = os.path.join(harness.fresh("keys"), "keys.txt")
    with open(keys, "w", encoding="utf-8") as stream:
        stream.write("".join(f"{key}\n" for key in model.state_dict()))
    log = os.path.join(harness.fresh("log"), "log")
    with open(log, "w", encoding="utf-8") as stream:
        stream.write(text)
    for option, file in (("--error-log", log), ("--expect", keys)):
        found = harness.run("check", path, option, file, "--json").json()["findings"]
        harness.equal([(f["severity"], f["code"], sorted(f["tensors"])) for f in found],
                      [("warning", "tied-weights", missing)], f"the findings with {option}")
    untied = heard_from(lambda: type(model).from_pretrained(path, tie_word_embeddings=False))
    with open(log, "w", encoding="utf-8") as stream:
        stream.write(untied)
    found = harness.run("check", path, "--error-log", log, "--json").json()["findings"]
    harness.equal([(f["severity"], f["code"]) for f in found], [("error", "tied-weights")],
                  f"the findings where transformers does not tie: {untied}")


def vocabulary(harness, **options):
    """An adapter of a model that was resized, which PEFT saves in several forms."""
    path = os.path.join(harness.fresh("grown"), "adapter")
    model = LlamaForCausalLM(config())
    model.resize_token_embeddings(53)
    save = options.pop("save", True)
    get_peft_model(model, LoraConfig(
        r=4, init_lora_weights=False, **{"target_modules": ["q_proj"]} | options)
                   ).save_pretrained(path, save_embedding_layers=save)
    return path, adapter_failure(path), "vocabulary-mismatch", "tenon merge BASE " if save else None


def own_call(harness):
    """The model's own call for an adapter makes a table."""
    path, *_ = vocabulary(harness)
    text = heard_from(lambda: LlamaForCausalLM(config()).load_adapter(path))
    assert "LOAD REPORT" in text, text
    return path, text, "vocabulary-mismatch", "tenon merge BASE "


def own_magnitudes(harness):
    """transformers leaves out what PEFT calls otherwise in the file than in the model."""
    path = trained(harness, use_dora=True)
    text = heard_from(lambda: LlamaForCausalLM(config()).load_adapter(path))
    return path, text, "missing-key", "tenon merge BASE "


def no_adapter(harness):
    path = os.path.join(harness.fresh("model"), "model")
    LlamaForCausalLM(config()).save_pretrained(path)
    return path, adapter_failure(path), "missing-side-file", None


FAILURES = {
    "PEFT: an embedding of another size": vocabulary,
    "PEFT: an embedding of another size, saved": lambda h: vocabulary(
        h, modules_to_save=["embed_tokens", "lm_head"]),
    "PEFT: factors of an embedding of another size": lambda h: vocabulary(
        h, target_modules=["embed_tokens", "lm_head"], save=False),
    "PEFT: a token that the model has not": lambda h: vocabulary(
        h, trainable_token_indices=[50], save=False),
    "transformers: an adapter of another vocabulary": own_call,
    "transformers: DoRA": own_magnitudes,
    "PEFT: a model for an adapter": no_adapter,
    "PEFT: a prefix too many": prefixed, "PEFT: another layout": relaid,
    "PEFT: another rank": other_rank, "PEFT: other targets": other_targets,
    "PEFT: placeholders of ZeRO-3": placeholders, "PEFT: a larger vocabulary": resized,
    "torch: an adapter for a model": adapter_as_model, "torch: XComposer": composer,
    "transformers: other names": report_renamed,
    "transformers: a larger vocabulary": report_resized,
    "transformers: missing tensors": report_missing,
}


def failure(harness, path, text, code, fix):
    """The text given to --error-log names the cause, and the command where there is one."""
    log = os.path.join(harness.fresh("log"), "log")
    with open(log, "w", encoding="utf-8") as stream:
        stream.write(text)
    result = harness.run("check", path, "--error-log", log, "--json")
    if not harness.equal(result.status, 1, f"the status: {result}"):
        return
    found = result.json()["findings"]
    runnable(harness, found)
    harness.check(code in [finding["code"] for finding in found], f"{code} is found",
                  f"{json.dumps(found)[:600]}\n     for {text[:600]}")
    if fix:
        fixes = [finding["fix"] or "" for finding in found]
        harness.check(any(given.startswith(fix) for given in fixes), f"the command {fix}",
                      str(fixes))
