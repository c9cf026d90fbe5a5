"""Bases of a class with a head and of one without: the live PEFT model is the judge.

transformers gives a file's names the prefix of the class that it builds, or takes it away
(`base_model_prefix`), so that an adapter may have other names than the base's file.
"""

import os

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

from harness import shown
from models import read_json, save_adapter
from parts import filled, train

BERT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "vocab_size": 70, "pad_token_id": 0}
LLAMA = BERT | {"num_key_value_heads": 2, "max_position_embeddings": 64}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "vocab_size": 70,
        "pad_token_id": 0}
VIT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
       "num_attention_heads": 4, "image_size": 16, "patch_size": 4}
DISTILBERT = {"dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4, "vocab_size": 70}

# A name, the configuration's class and fields, and the modules to adapt.
FAMILIES = {
    "GPT2": ("GPT2Config", GPT2, ["c_attn"]),
    "Llama": ("LlamaConfig", LLAMA, ["q_proj", "v_proj"]),
    "Bert": ("BertConfig", BERT, ["query", "value"]),
    "Roberta": ("RobertaConfig", BERT, ["query", "value"]),
    "DistilBert": ("DistilBertConfig", DISTILBERT, ["q_lin", "v_lin"]),
    "ViT": ("ViTConfig", VIT, ["q_proj", "v_proj"]),
}
# The class that was saved, the one that is trained, its task, and what is saved whole.
PAIRS = [
    ("GPT2Model", "GPT2LMHeadModel", "CAUSAL_LM", []),
    ("GPT2Model", "GPT2LMHeadModel", None, ["wte"]),
    ("GPT2LMHeadModel", "GPT2Model", "FEATURE_EXTRACTION", []),
    ("GPT2Model", "GPT2ForSequenceClassification", "SEQ_CLS", []),
    ("GPT2LMHeadModel", "GPT2ForTokenClassification", "TOKEN_CLS", []),
    ("LlamaForCausalLM", "LlamaModel", "FEATURE_EXTRACTION", []),
    ("LlamaForCausalLM", "LlamaModel", None, ["embed_tokens"]),
    ("LlamaModel", "LlamaForCausalLM", "CAUSAL_LM", ["lm_head"]),
    ("LlamaForCausalLM", "LlamaForSequenceClassification", "SEQ_CLS", []),
    ("LlamaModel", "LlamaForSequenceClassification", "SEQ_CLS", []),
    ("BertModel", "BertForSequenceClassification", "SEQ_CLS", []),
    ("BertForMaskedLM", "BertForSequenceClassification", "SEQ_CLS", []),
    ("BertForMaskedLM", "BertModel", "FEATURE_EXTRACTION", []),
    ("BertModel", "BertForTokenClassification", "TOKEN_CLS", []),
    ("BertModel", "BertForQuestionAnswering", "QUESTION_ANS", []),
    ("BertForSequenceClassification", "BertForSequenceClassification", "SEQ_CLS", []),
    ("RobertaModel", "RobertaForSequenceClassification", "SEQ_CLS", []),
    ("RobertaForMaskedLM", "RobertaForTokenClassification", "TOKEN_CLS", []),
    ("DistilBertModel", "DistilBertForSequenceClassification", "SEQ_CLS",
     ["pre_classifier", "classifier"]),
    ("DistilBertForMaskedLM", "DistilBertModel", "FEATURE_EXTRACTION", []),
    ("ViTModel", "ViTForImageClassification", None, ["classifier"]),
    ("ViTForImageClassification", "ViTModel", None, []),
    ("ViTForImageClassification", "ViTForImageClassification", None, ["classifier"]),
]
# Heads of other classes than those of labels have no number of them.
LABELLED = ("Classification",)


def run(harness, every):
    for saved, trained, task, whole in PAIRS:
        with harness.case(f"{saved} to {trained}, {task}"):
            pair(harness, saved, trained, task, whole)


def pair(harness, saved, trained, task, whole):
    place = harness.fresh()
    base, adapter, out = (os.path.join(place, part) for part in ("base", "adapter", "out"))
    config, fields, targets = next(
        FAMILIES[name] for name in sorted(FAMILIES, key=len, reverse=True)
        if saved.startswith(name))
    filled(getattr(transformers, saved)(
        getattr(transformers, config)(**fields))).save_pretrained(base)
    kind = getattr(transformers, trained)
    count = harness.random.choice([1, 3, 5])
    options = ({"num_labels": count, "ignore_mismatched_sizes": True}
               if trained.endswith(LABELLED) else {})
    wrapped = get_peft_model(kind.from_pretrained(base, **options), LoraConfig(
        r=4, lora_alpha=6, target_modules=targets, task_type=task,
        modules_to_save=whole or None))
    train(wrapped)
    save_adapter(wrapped, adapter)
    own, before = unmatched(kind, base, **options)

    changes_labels = saved == trained and options != {}
    status = harness.run("check", adapter, "--base", base).status
    harness.equal(status, 1 if changes_labels else 0, "the status of check")
    harness.done("merge", base, adapter, "-o", out, "--numerics", "peft")
    harness.equal(harness.run("verify", base, adapter, "--merged", out).status, 0,
                  "the status of verify")

    found, after = unmatched(kind, out)
    kept = read_json(os.path.join(adapter, "adapter_config.json"))["modules_to_save"] or []
    left = [key for key in before["missing_keys"]
            if not any(f".{name}." in f".{key}" for name in kept)]
    harness.equal(after["missing_keys"], left, "transformers misses what nobody brings")
    harness.equal(after["unexpected_keys"], before["unexpected_keys"],
                  "transformers leaves what it leaves of the base")
    harness.equal(after["mismatched_keys"], [], "transformers finds no mismatched keys")
    state = found.state_dict()
    for key in left:
        state[key].copy_(own.state_dict()[key])
    torch.manual_seed(0)
    live = PeftModel.from_pretrained(own, adapter).eval()
    with torch.no_grad():
        given = inputs(trained)
        expected, got = live(**given)[0], found.eval()(**given)[0]
    same_shape = harness.equal(tuple(got.shape), tuple(expected.shape), "the shape of the outputs")
    if same_shape:
        harness.check(
            torch.allclose(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max())),
            "the outputs of the live model", shown(float((got - expected).abs().max())))
    judge = live.merge_and_unload().state_dict()
    for name, tensor in judge.items():
        harness.check(torch.equal(state[name], tensor), f"{name} has PEFT's bits", "")
    if trained.endswith("ForSequenceClassification") or "Token" in trained:
        harness.equal(read_json(os.path.join(out, "config.json"))["architectures"], [trained],
                      "the class of the result")


def unmatched(kind, path, **options):
    """The loaded model, and what transformers says of the keys, in order."""
    model, info = kind.from_pretrained(path, output_loading_info=True, **options)
    return model, {key: sorted(info[key])
                   for key in ("missing_keys", "unexpected_keys", "mismatched_keys")}


def inputs(trained):
    if trained.startswith("ViT"):
        return {"pixel_values": torch.randn(1, 3, 16, 16)}
    return {"input_ids": torch.randint(3, 70, (1, 9))}
