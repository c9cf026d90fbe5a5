"""What training programs leave beside or in place of plain factors: ranks that AdaLoRA took away,
tokenizers of grown vocabularies, copies of embeddings, factors of experts that are fused since,
repeated layers, and the names of image and video trainers."""

import os
import shutil

import torch
import transformers
from peft import AdaLoraConfig, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models as tokenizer_models, pre_tokenizers
from transformers.utils import logging

from models import DTYPES, read_json, write_json
from parts import filled, train
from tensors import load_directory

COMMON = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, pad_token_id=0,
    bos_token_id=1, eos_token_id=2)


def llama(dtype=torch.float32):
    return filled(transformers.LlamaForCausalLM(transformers.LlamaConfig(**COMMON)).to(dtype))


def run(harness, every):
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    for budget in (2, 3, 5):
        for dtype in DTYPES:
            with harness.case(f"AdaLoRA with {budget} ranks of 6 left, {dtype}"):
                pruned(harness, budget, DTYPES[dtype])
    for has_own in (True, False):
        with harness.case("a grown vocabulary" + ("" if has_own else " without its tokenizer")):
            grown(harness, has_own)
    with harness.case("embeddings with their weights"):
        copies(harness)
    for make in EXPERTS:
        with harness.case(f"factors of single experts, {make.__name__}"):
            single_experts(harness, make)
    with harness.case("repeated layers beside a head"):
        repeated(harness)
    with harness.case("the names of one part"):
        one_part(harness)
    with harness.case("LLaVA without its projector"):
        projector(harness)
    with harness.case("a base that was dequantised"):
        dequantised(harness)


def places(harness):
    place = harness.fresh()
    return [os.path.join(place, part) for part in ("base", "adapter", "out")]


def tokens():
    return torch.arange(3, 15).reshape(1, -1)


# AdaLoRA

def pruned(harness, budget, dtype):
    base, adapter, out = places(harness)
    model = llama(dtype)
    model.save_pretrained(base)
    model = get_peft_model(model, AdaLoraConfig(
        init_r=6, target_r=budget, tinit=1, tfinal=2, deltaT=1, total_step=8,
        lora_alpha=harness.random.choice([3, 8]), target_modules=["q_proj", "v_proj", "up_proj"],
        task_type="CAUSAL_LM"))
    optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=3e-2)
    for step in range(1, 8):
        batch = torch.randint(0, 64, (4, 12))
        model(input_ids=batch, labels=batch).loss.backward()
        optimizer.step()
        model.base_model.update_and_allocate(step)
        optimizer.zero_grad()
    model.save_pretrained(adapter)
    pattern = read_json(os.path.join(adapter, "adapter_config.json"))["rank_pattern"]
    harness.check(any(sum(ranks) < 6 for ranks in pattern.values()), "ranks were taken away")
    kind = transformers.LlamaForCausalLM
    expected = PeftModel.from_pretrained(
        kind.from_pretrained(base, dtype=dtype), adapter).merge_and_unload().state_dict()
    harness.done("check", adapter, "--base", base)
    harness.done("merge", base, adapter, "-o", out, "--numerics", "peft")
    found = load_directory(out)
    wrong = [name for name in found if not close(found[name], expected[name], 2)]
    harness.equal(wrong, [], "the tensors that are not PEFT's")
    changed = load_directory(base)
    idle = [name[:-len(".lora_E")] + ".weight" for name, ranks in pattern.items() if not any(ranks)]
    harness.check(all(torch.equal(found[name], changed[name]) for name in idle),
                  "a module without ranks stays as it was")


def close(found, expected, steps):
    """Equal but for a few units in the last place of the greatest."""
    unit = torch.finfo(expected.dtype).eps * expected.abs().max().item()
    return found.dtype == expected.dtype and (
        (found.double() - expected.double()).abs().max().item() <= steps * unit)


# Vocabularies

def tokenizer(more=0):
    vocabulary = {f"t{number}": number for number in range(64)}
    inner = Tokenizer(tokenizer_models.WordLevel(vocabulary, unk_token="t0"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="t0", pad_token="t0")
    made.chat_template = "{{ messages[0]['content'] }}" + ("!" if more else "")
    made.add_tokens([f"<n{number}>" for number in range(more)], special_tokens=True)
    return made


def grown(harness, has_own):
    base, adapter, out = places(harness)
    model = llama()
    model.save_pretrained(base)
    tokenizer().save_pretrained(base)
    model.resize_token_embeddings(70, mean_resizing=False)
    model = get_peft_model(model, LoraConfig(
        r=4, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"]))
    train(model)
    model.save_pretrained(adapter)
    if has_own:
        tokenizer(6).save_pretrained(adapter)
    report = harness.json("merge", base, adapter, "-o", out)
    codes = [finding["code"] for finding in report["findings"]]
    harness.equal("missing-side-file" in codes, not has_own, "a tokenizer that is missing is told")
    merged = transformers.AutoTokenizer.from_pretrained(out)
    wanted = transformers.AutoTokenizer.from_pretrained(adapter if has_own else base)
    harness.equal(len(merged), len(wanted), "the tokens of the tokenizer")
    harness.equal(merged.chat_template, wanted.chat_template, "the chat template")
    harness.equal(
        transformers.LlamaForCausalLM.from_pretrained(out).get_input_embeddings().num_embeddings,
        70, "the rows of the embedding")


def copies(harness):
    base, adapter, out = places(harness)
    llama().save_pretrained(base)
    state = load_directory(base)
    adapters = [adapter + "-one", adapter + "-two"]
    for path in adapters:
        model = get_peft_model(
            transformers.LlamaForCausalLM.from_pretrained(base),
            LoraConfig(r=4, lora_alpha=8, target_modules=["embed_tokens", "q_proj"]))
        train(model)
        model.save_pretrained(path)
        state = {name: tensor.double() for name, tensor in state.items()}
        for name, update in updates(path, 2).items():
            state[name] += update
    harness.done("merge", base, *adapters, "-o", out)
    agree(harness, load_directory(out), state, "two adapters")
    half = {name: tensor.double() for name, tensor in load_directory(base).items()}
    for name, update in updates(adapters[0], 2).items():
        half[name] += update / 2
    harness.done("merge", base, adapters[0], "-o", out, "--force", "--weight", "0.5")
    agree(harness, load_directory(out), half, "half of one")
    back = adapter + "-back"
    harness.done("merge", base, adapters[0], "-o", out, "--force")
    harness.done("merge", out, adapters[0], "-o", back, "--unmerge")
    agree(harness, load_directory(back), load_directory(base), "there and back", 8)


def updates(path, scale):
    """What the factors of an adapter add, by tensor of the base."""
    factors, found = load_directory(path), {}
    for name, a in factors.items():
        module = name.removeprefix("base_model.model.")
        if name.endswith(".lora_A.weight"):
            b = factors[name.replace("lora_A", "lora_B")]
            found[module.replace("lora_A.", "")] = scale * (b.double() @ a.double())
        elif name.endswith(".lora_embedding_A"):
            b = factors[name[:-1] + "B"]
            target = module.removesuffix(".lora_embedding_A") + ".weight"
            found[target] = scale * (b.double() @ a.double()).T
    return found


def agree(harness, found, expected, what, steps=2):
    wrong = [name for name in expected
             if not close(found[name], expected[name].to(found[name].dtype), steps)]
    harness.equal((wrong, set(found)), ([], set(expected)), f"{what}: tensors that differ")


# Experts

def qwen_experts():
    return transformers.Qwen3MoeForCausalLM(transformers.Qwen3MoeConfig(
        **COMMON, num_experts=4, moe_intermediate_size=24, num_experts_per_tok=2, head_dim=8))


def mixtral_experts():
    return transformers.MixtralForCausalLM(transformers.MixtralConfig(
        **COMMON, num_local_experts=4, num_experts_per_tok=2))


EXPERTS = [qwen_experts, mixtral_experts]


def single_experts(harness, make):
    """Trained under transformers 4, whose modules its files still name, merged into fused ones."""
    base, adapter, out = places(harness)
    model = filled(make())
    model.save_pretrained(base)
    split = load_directory(base)
    fused = base + "-fused"
    os.makedirs(fused)
    shutil.copy(os.path.join(base, "config.json"), fused)
    save_file({name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()},
              os.path.join(fused, "model.safetensors"), {"format": "pt"})
    factors = {}
    for name, weight in split.items():
        if ".experts." in name or "q_proj" in name or name.endswith(".gate.weight"):
            module = "base_model.model." + name.removesuffix("weight")
            factors[module + "lora_A.weight"] = torch.randn(4, weight.shape[1]) * 0.1
            factors[module + "lora_B.weight"] = torch.randn(weight.shape[0], 4) * 0.1
    os.makedirs(adapter)
    save_file(factors, os.path.join(adapter, "adapter_model.safetensors"))
    modules = {name.split(".")[-3] for name in factors}
    write_json(os.path.join(adapter, "adapter_config.json"), {
        "peft_type": "LORA", "r": 4, "lora_alpha": 6, "target_modules": sorted(modules)})
    for source in (base, fused):
        harness.done("merge", source, adapter, "-o", out, "--force")
        expected = {name: tensor.double() for name, tensor in split.items()}
        for name, update in updates(adapter, 1.5).items():
            expected[name] += update
        save_file({name: tensor.to(split[name].dtype) for name, tensor in expected.items()},
                  os.path.join(harness.fresh("expected"), "model.safetensors"), {"format": "pt"})
        shutil.copy(os.path.join(base, "config.json"), os.path.join(harness.scratch, "expected"))
        kind = type(model)
        wanted = kind.from_pretrained(os.path.join(harness.scratch, "expected")).state_dict()
        found = kind.from_pretrained(out).state_dict()
        wrong = [name for name in wanted if not close(found[name], wanted[name], 2)]
        harness.equal(wrong, [], f"tensors that differ, from {os.path.basename(source)}")


# Repeated layers

def bert():
    return transformers.BertForMaskedLM(transformers.BertConfig(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4,
        num_attention_heads=4))


def repeated(harness):
    base, adapter, out = places(harness)
    model = filled(bert())
    kind = type(model)
    model.save_pretrained(base)
    # PEFT's layers share their tensors, so that they are filled before they are repeated.
    wrapped = get_peft_model(kind.from_pretrained(base), LoraConfig(
        r=4, lora_alpha=6, target_modules="all-linear", layer_replication=[[0, 3], [1, 4]]))
    train(wrapped)
    wrapped.save_pretrained(adapter)
    expected = PeftModel.from_pretrained(kind.from_pretrained(base), adapter).eval()
    harness.done("merge", base, adapter, "-o", out)
    found, report = kind.from_pretrained(out, output_loading_info=True)
    harness.check(not report["missing_keys"] and not report["unexpected_keys"], "it loads",
                  str(report))
    difference = (found.eval()(input_ids=tokens()).logits
                  - expected(input_ids=tokens()).logits).abs().max().item()
    harness.check(difference < 1e-4, "the logits of the adapted model", f"differ by {difference}")


# Names of image and video trainers

def one_part(harness):
    base, adapter, out = places(harness)
    shapes = {"blocks.0.self_attn.q": (24, 24), "blocks.0.ffn.0": (48, 24),
              "blocks.1.ffn.2": (24, 48)}
    weights = {f"{name}.weight": torch.randn(shape) for name, shape in shapes.items()}
    weights |= {f"{name}.bias": torch.randn(shape[0]) for name, shape in shapes.items()}
    weights["blocks.0.norm3.weight"] = torch.randn(24)
    factors = {name: (torch.randn(4, shape[1]), torch.randn(shape[0], 4))
               for name, shape in shapes.items()}
    for lead in ("", "model.diffusion_model."):
        file = os.path.join(harness.fresh("part"), "base.safetensors")
        save_file({lead + name: tensor for name, tensor in weights.items()}, file)
        for leaves in (("lora_down", "lora_up"), ("lora_A", "lora_B")):
            for alpha in (None, 2.0):
                tensors = {}
                for name, pair in factors.items():
                    for leaf, factor in zip(leaves, pair):
                        tensors[f"diffusion_model.{name}.{leaf}.weight"] = factor
                    if alpha:
                        tensors[f"diffusion_model.{name}.alpha"] = torch.tensor(alpha)
                bias = torch.randn(48)
                tensors["diffusion_model.blocks.0.ffn.0.diff_b"] = bias
                norm = torch.randn(24)
                tensors["diffusion_model.blocks.0.norm3.diff"] = norm
                save_file(tensors, adapter + ".safetensors")
                expected = {name: tensor.double() for name, tensor in weights.items()}
                for name, (a, b) in factors.items():
                    scale = alpha / 4 if alpha else 1
                    expected[f"{name}.weight"] += scale * (b.double() @ a.double())
                expected["blocks.0.ffn.0.bias"] += bias.double()
                expected["blocks.0.norm3.weight"] += norm.double()
                harness.done("merge", file, adapter + ".safetensors", "-o", out + ".safetensors",
                             "--force")
                found = {name.removeprefix(lead): tensor
                         for name, tensor in load_file(out + ".safetensors").items()}
                agree(harness, found, expected, f"{lead} {leaves} {alpha}")


# Refusals

def projector(harness):
    base, adapter, out = places(harness)
    model = llama()
    model.save_pretrained(base)
    model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj"]))
    train(model)
    model.save_pretrained(adapter)
    settings = read_json(os.path.join(base, "config.json"))
    settings |= {"model_type": "llava_llama", "mm_projector_type": "mlp2x_gelu"}
    write_json(os.path.join(adapter, "config.json"), settings)
    result = harness.run("merge", base, adapter, "-o", out)
    harness.check(result.status == 2 and "non_lora_trainables.bin is missing" in result.err,
                  "it is refused", result)
    report = harness.json("merge", base, adapter, "-o", out, "--include", "**")
    harness.equal([finding["code"] for finding in report["findings"]], ["missing-side-file"],
                  "the language model alone can be merged")


def dequantised(harness):
    base, adapter, out = places(harness)
    os.makedirs(base)
    os.makedirs(adapter)
    name = "model.layers.0.mlp.down_proj"
    weight = (torch.randn(16, 32) * 4).to(torch.float8_e4m3fn)
    scale = torch.full((16, 1), 0.25)
    save_file({f"{name}.weight": weight, f"{name}.weight_scale": scale},
              os.path.join(base, "model.safetensors"), {"format": "pt"})
    write_json(os.path.join(base, "config.json"), {
        "model_type": "llama", "quantization_config": {"quant_method": "fbgemm_fp8"}})
    save_file({f"base_model.model.{name}.lora_A.weight": torch.randn(2, 32),
               f"base_model.model.{name}.lora_B.weight": torch.randn(16, 2)},
              os.path.join(adapter, "adapter_model.safetensors"))
    write_json(os.path.join(adapter, "adapter_config.json"), {
        "peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["down_proj"]})
    os.makedirs(out)
    save_file({f"{name}.weight": (weight.float() * scale).bfloat16()},
              os.path.join(out, "model.safetensors"), {"format": "pt"})
    result = harness.run("verify", base, adapter, "--merged", out)
    harness.check(
        result.status == 2 and "is BF16, where base and adapter make F8_E4M3" in result.err,
        "both types are named", result)
