"""Adapters whose names PEFT does not find: its own warning is given to `tenon check --error-log`,
and the base to `--base`. What they command is typed, and PEFT loads the result without a word,
with every value where it was; where the names could be those of either part of a model, nothing
is commanded."""

import os
import re
import shlex
import shutil
import warnings

import torch
import transformers as t
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers.utils import logging

READING = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
               vocab_size=40)
GROUPED = dict(READING, num_key_value_heads=2, pad_token_id=0, bos_token_id=1, eos_token_id=2)
SEEING = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
              image_size=16, patch_size=8)

MODELS = {
    "CLIP": lambda: t.CLIPModel(t.CLIPConfig(
        text_config=READING, vision_config=SEEING, projection_dim=8)),
    "Whisper": lambda: t.WhisperForConditionalGeneration(t.WhisperConfig(
        d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, vocab_size=40,
        num_mel_bins=8, max_source_positions=16, max_target_positions=16, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)),
    "T5": lambda: t.T5ForConditionalGeneration(t.T5Config(
        d_model=16, d_ff=24, num_layers=2, num_heads=2, d_kv=8, vocab_size=40)),
    "RoBERTa": lambda: t.RobertaForSequenceClassification(t.RobertaConfig(**READING)),
    "Qwen2.5-VL": lambda: t.Qwen2_5_VLForConditionalGeneration(t.Qwen2_5_VLConfig(
        text_config=dict(**GROUPED, rope_scaling={"type": "mrope", "mrope_section": [1, 1, 2]}),
        vision_config=dict(depth=2, hidden_size=16, num_heads=2, out_hidden_size=16,
                           intermediate_size=24))),
    "Gemma 3": lambda: t.Gemma3ForConditionalGeneration(t.Gemma3Config(
        text_config=t.Gemma3TextConfig(**GROUPED, head_dim=8).to_dict(), vision_config=SEEING,
        mm_tokens_per_image=4)),
    "Qwen3-MoE": lambda: t.Qwen3MoeForCausalLM(t.Qwen3MoeConfig(
        **GROUPED, head_dim=8, num_experts=3, num_experts_per_tok=2, moe_intermediate_size=12)),
}


def changed(*rules):
    def change(name):
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)
        return name
    return change


# title: the model, what is done to the names, whether the log leaves no doubt
CASES = {
    "one of two equal towers": ("CLIP", changed((r"vision_model\.", ""), (".*text_model.*", "")),
                                False),
    "an encoder without its model": ("Whisper", changed((r"\.model\.encoder\.", ".encoder.")), True),
    "a word before encoder and decoder": ("T5", changed((r"^base_model\.model\.",
                                                         "base_model.model.transformer.")), True),
    "a body without its name": ("RoBERTa", changed((r"roberta\.", "")), True),
    "an old layout with visual": ("Qwen2.5-VL", changed((r"model\.model\.language_model\.",
                                                         "model.model."),
                                                        (r"model\.model\.visual\.",
                                                         "model.visual.")), True),
    "another old layout with visual": ("Qwen2.5-VL", changed((r"model\.model\.language_model\.",
                                                              "model.language_model.model."),
                                                             (r"model\.model\.visual\.",
                                                              "model.visual.")), True),
    "an old layout that PEFT translates in part": (
        "Gemma 3", changed((r"model\.model\.language_model\.", "model.language_model.model."),
                           (r"model\.model\.(vision_tower|multi_modal)", r"model.\1")), True),
    "a wrapper around experts": ("Qwen3-MoE", changed(("^", "module.")), True),
}


def run(harness, every):
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    folder = harness.fresh("missing")
    for title, (model, change, isSure) in CASES.items():
        with harness.case(title):
            base = os.path.join(folder, model.replace(" ", "-"))
            original = f"{base}-adapter"
            if not os.path.isdir(base):
                train(harness, MODELS[model](), base, original)
            judged(harness, MODELS[model], base, original, change, isSure)
    with harness.case("an expert without one of its matrices"):
        experts(harness)
    with harness.case("weight norm of both kinds"):
        weight_norm(harness)


def train(harness, model, base, adapter):
    torch.manual_seed(harness.random.randrange(1 << 30))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.02)
    model.save_pretrained(base)
    get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False)
                   ).save_pretrained(adapter)


def judged(harness, model, base, original, change, isSure):
    path = os.path.join(harness.fresh("names"), "adapter")
    shutil.copytree(original, path)
    file = os.path.join(path, "adapter_model.safetensors")
    whole = load_file(file)
    # What loses its whole name is left out.
    state = {name: value for name, value in whole.items() if change(name)}
    save_file({change(name): value for name, value in state.items()}, file)
    told = heard(model, base, path)
    harness.check(told, "PEFT warns", "")
    log = harness.run("check", path, "--error-log", "-", "--json", input=told.encode())
    harness.equal(log.status, 1, "the status with the log")
    findings = [finding for finding in log.json()["findings"]
                if finding["code"] == "prefix-drift" and finding["severity"] == "error"]
    against = harness.run("check", path, "--base", base, "--json")
    harness.equal(against.status, 1, "the status with the base")
    if not isSure:
        harness.equal([finding["fix"] for finding in findings], [None], "no command")
        harness.check("nothing tells which" in findings[0]["message"], "the doubt",
                      findings[0]["message"])
        return
    harness.equal(len(findings), 1, "one finding")
    output = typed(harness, findings[0]["fix"])
    for title, written in (("the log", output), ("the base", typed(harness, remaps(against)[0]))):
        found = load_file(os.path.join(written, "adapter_model.safetensors"))
        harness.equal(sorted(found), sorted(state), f"the names after {title}")
        harness.check(all(torch.equal(found[name], state[name]) for name in state if name in found),
                      f"the values after {title}", "")
        harness.equal(heard(model, base, written), "", f"what PEFT says after {title}")
        harness.equal(harness.run("check", written, "--base", base).status, 0, f"well after {title}")
    old, new = re.findall(r'"([^"]+)" has to become "([^"]+)"', findings[0]["message"])[0]
    harness.check(torch.equal(load_file(file)[old], load_file(
        os.path.join(output, "adapter_model.safetensors"))[new]), "the example", f"{old} {new}")


def experts(harness):
    """What transformers does not load as it was is told, and the whole is not."""
    folder = harness.fresh("experts")
    model = t.MixtralForCausalLM(t.MixtralConfig(**GROUPED, num_local_experts=3,
                                                 num_experts_per_tok=2))
    model.save_pretrained(folder)
    harness.equal(harness.run("check", folder).status, 0, "the whole")
    file = os.path.join(folder, "model.safetensors")
    whole = load_file(file)
    number = harness.random.randrange(3)
    for title, change in (("gone", lambda name: None if f"experts.{number}.w2" in name else name),
                          ("renumbered", lambda name: name.replace(f"experts.{number}.",
                                                                   "experts.7."))):
        save_file({change(name): value for name, value in whole.items() if change(name)}, file,
                  metadata={"format": "pt"})
        try:
            state = t.MixtralForCausalLM.from_pretrained(folder).state_dict()
            same = all(torch.equal(state[name], value) for name, value in
                       model.state_dict().items())
        except RuntimeError:
            same = False
        result = harness.run("check", folder, "--json")
        found = [finding["code"] for finding in result.json()["findings"]
                 if finding["severity"] == "error"]
        # The last of a list may have another number.
        if same:
            continue
        harness.equal(found, ["missing-key"], title)


def weight_norm(harness):
    """Torch loads the names of the older weight norm into the newer one."""
    folder = harness.fresh("norm")
    names = torch.nn.utils.weight_norm, torch.nn.utils.parametrizations.weight_norm
    old, new = (torch.nn.Sequential(norm(torch.nn.Conv1d(4, 6, 3))) for norm in names)
    paths = [os.path.join(folder, f"{title}.pt") for title in ("old", "new")]
    for path, model in zip(paths, (old, new)):
        torch.save(model.state_dict(), path)
    for path, base, model in ((paths[0], paths[1], new), (paths[1], paths[0], old)):
        try:
            model.load_state_dict(torch.load(path))
            loads = True
        except RuntimeError:
            loads = False
        harness.equal(harness.run("check", path, "--base", base).status, 0 if loads else 1,
                      os.path.basename(path))


def remaps(result):
    return [finding["fix"] for finding in result.json()["findings"]
            if (finding["fix"] or "").startswith("tenon remap ")]


def typed(harness, fix):
    words = shlex.split(fix)
    output = words[words.index("-o") + 1]
    shutil.rmtree(output, ignore_errors=True)
    result = harness.run(*words[1:])
    harness.equal(result.status, 0, f"{words}: {result.err}")
    return output


def heard(model, base, adapter):
    """What PEFT says of missing keys."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        PeftModel.from_pretrained(type(model()).from_pretrained(base), adapter)
    return "".join(str(warning.message) for warning in caught
                   if "adapter keys" in str(warning.message))
