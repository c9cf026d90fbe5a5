"""`tenon remap` on projections: split and fused against transformers, PEFT and torch."""

import json
import os

import peft
import torch
import transformers
from peft.utils.other import get_pattern_key
from safetensors.torch import load_file, save_file


def run(harness, every):
    for number in range(6 if every else 2):
        sizes = shapes(harness)
        with harness.case(f"Phi-3 {number} {sizes}"):
            phi(harness, sizes)
        with harness.case(f"InternLM2 {number} {sizes}"):
            internlm(harness, sizes)
        with harness.case(f"adapters {number} {sizes}"):
            adapters(harness, sizes)
        with harness.case(f"chosen layers {number}"):
            chosen_layers(harness, sizes)
        with harness.case(f"Meta's Llama {number} {sizes}"):
            meta(harness, sizes)
        for kind in FUSED:
            with harness.case(f"query_key_value of {kind} {number} {sizes}"):
                query_key_value(harness, sizes, kind)
        for kind in ("qwen2", "llama"):
            with harness.case(f"InternVL with {kind} {number} {sizes}"):
                internvl(harness, sizes, kind)


def shapes(harness):
    keys = harness.random.choice([1, 2, 4])
    heads = keys * harness.random.choice([1, 2, 3])
    return {
        "hidden_size": heads * 8, "num_attention_heads": heads, "num_key_value_heads": keys,
        "intermediate_size": harness.random.choice([24, 40]), "num_hidden_layers": 2,
        "vocab_size": 33, "tie_word_embeddings": False, "pad_token_id": 0,
        "rms_norm_eps": 1e-6}


# Models

def saved(harness, name, tensors, config):
    folder = harness.fresh(name)
    # Two files, so that projections meet at their seam.
    names = sorted(tensors)
    halves = [names[:len(names) // 2], names[len(names) // 2:]]
    index = {"metadata": {"total_size": 0}, "weight_map": {}}
    for number, half in enumerate(halves):
        file = f"model-{number + 1:05}-of-00002.safetensors"
        save_file({n: tensors[n].contiguous() for n in half}, os.path.join(folder, file),
                  metadata={"format": "pt"})
        index["weight_map"].update({n: file for n in half})
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as stream:
        json.dump(index, stream)
    with open(os.path.join(folder, "config.json"), "w") as stream:
        json.dump(config, stream)
    return folder


def read(folder):
    tensors = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith(".safetensors"):
            tensors.update(load_file(os.path.join(folder, file)))
    return tensors


def remap(harness, folder, name, *presets, options=()):
    out = os.path.join(harness.scratch, name)
    chosen = [word for preset in presets for word in ("--preset", preset)]
    report = harness.json("remap", folder, "-o", out, "--force", *chosen, *options)
    return out, report


def same(harness, found, expected, what):
    if not harness.equal(sorted(found), sorted(expected), f"the names {what}"):
        return
    wrong = [n for n in expected if found[n].dtype != expected[n].dtype
             or not torch.equal(found[n], expected[n])]
    harness.equal(wrong, [], f"the tensors {what}")


def phi(harness, sizes):
    config = transformers.Phi3Config(**sizes)
    model = transformers.Phi3ForCausalLM(config).eval()
    tensors = model.state_dict()
    folder = saved(harness, "phi", tensors, config.to_dict())
    split, report = remap(harness, folder, "split", "split-qkv", "split-gate-up")
    harness.equal([c["modules"] for c in report["projections"]], [2, 2], "modules that were split")
    llama = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes)).eval()
    harness.equal(str(llama.load_state_dict(read(split), strict=True)), "<All keys matched successfully>",
                  "what a strict load says")
    words = torch.arange(7)[None]
    with torch.no_grad():
        harness.check(torch.allclose(model(words).logits, llama(words).logits, atol=1e-5),
                      "Llama computes what Phi-3 did")
    back, _ = remap(harness, split, "back", "fuse-qkv", "fuse-gate-up")
    same(harness, read(back), tensors, "after split and fuse")


def interleaved(q, k, v, heads, keys):
    """wqkv: for each head of keys its queries, then the keys, then the values."""
    size = k.shape[0] // keys
    rows = []
    for group in range(keys):
        share = heads // keys * size
        rows += [q[group * share:(group + 1) * share], k[group * size:(group + 1) * size],
                 v[group * size:(group + 1) * size]]
    return torch.cat(rows)


LLAMA_TO_INTERNLM = [
    ("self_attn.o_proj", "attention.wo"), ("mlp.gate_proj", "feed_forward.w1"),
    ("mlp.up_proj", "feed_forward.w3"), ("mlp.down_proj", "feed_forward.w2"),
    ("input_layernorm", "attention_norm"), ("post_attention_layernorm", "ffn_norm"),
    ("embed_tokens", "tok_embeddings"), ("lm_head", "output")]


def as_internlm(tensors, heads, keys):
    result = {}
    for name, tensor in tensors.items():
        if ".self_attn.q_proj." in name:
            parts = [tensors[name.replace("q_proj", f"{word}_proj")] for word in "qkv"]
            result[name.replace("self_attn.q_proj", "attention.wqkv")] = interleaved(
                *parts, heads, keys)
        elif ".self_attn.k_proj." not in name and ".self_attn.v_proj." not in name:
            for old, new in LLAMA_TO_INTERNLM:
                name = name.replace(old, new)
            result[name] = tensor
    return result


def internlm(harness, sizes):
    config = transformers.LlamaConfig(**sizes, attention_bias=harness.random.random() > 0.5)
    llama = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    tensors = llama.state_dict()
    heads, keys = sizes["num_attention_heads"], sizes["num_key_value_heads"]
    own = as_internlm(tensors, heads, keys)
    stated = {**config.to_dict(), "model_type": "internlm2"}
    folder = saved(harness, "internlm", own, stated)
    out, _ = remap(harness, folder, "llama", "internlm2-to-llama")
    same(harness, read(out), tensors, "as Llama")
    harness.equal(str(llama.load_state_dict(read(out), strict=True)), "<All keys matched successfully>",
                  "what a strict load says")
    back, _ = remap(harness, out, "internlm-back", "llama-to-internlm2")
    same(harness, read(back), own, "back as InternLM2")
    # A torch archive without config.json, the heads stated.
    file = os.path.join(harness.scratch, "one.bin")
    torch.save(own, file)
    harness.equal(harness.run("remap", file, "-o", os.path.join(harness.scratch, "x"), "--preset",
                              "split-wqkv").status, 2, "heads that nothing tells")
    out, _ = remap(harness, file, "one.safetensors", "internlm2-to-llama",
                   options=["--attention-heads", heads, "--key-value-heads", keys])
    same(harness, load_file(out), tensors, "from a torch archive")


# Meta's Llama

LLAMA_TO_META = [
    ("model.embed_tokens", "tok_embeddings"), ("model.norm", "norm"), ("lm_head", "output"),
    ("model.layers", "layers"), ("self_attn.q_proj", "attention.wq"),
    ("self_attn.k_proj", "attention.wk"), ("self_attn.v_proj", "attention.wv"),
    ("self_attn.o_proj", "attention.wo"), ("mlp.gate_proj", "feed_forward.w1"),
    ("mlp.up_proj", "feed_forward.w3"), ("mlp.down_proj", "feed_forward.w2"),
    ("input_layernorm", "attention_norm"), ("post_attention_layernorm", "ffn_norm")]


def as_meta(name):
    for old, new in LLAMA_TO_META:
        name = name.replace(old, new)
    return name


def permute(weight, heads):
    """What transformers' script for Meta's checkpoints does to wq and wk."""
    rows, columns = weight.shape
    return weight.view(heads, rows // heads // 2, 2, columns).transpose(1, 2).reshape(rows, columns)


def meta_logits(tensors, sizes, words):
    """What Meta's model computes: its rotary embedding turns neighbours as complex numbers."""
    heads, keys = sizes["num_attention_heads"], sizes["num_key_value_heads"]
    size = sizes["hidden_size"] // heads
    count = len(words)
    angles = torch.outer(torch.arange(count).float(),
                         10000.0 ** -(torch.arange(0, size, 2).float() / size))
    turns = torch.polar(torch.ones_like(angles), angles)[:, None]

    def turned(x):
        pairs = torch.view_as_complex(x.reshape(count, -1, size // 2, 2))
        return torch.view_as_real(pairs * turns).flatten(2)

    def normed(x, weight):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight

    x = tensors["tok_embeddings.weight"][words]
    mask = torch.full((count, count), float("-inf")).triu(1)
    for layer in range(2):
        own = {name.removeprefix(f"layers.{layer}."): t for name, t in tensors.items()
               if name.startswith(f"layers.{layer}.")}
        h = normed(x, own["attention_norm.weight"])
        q = turned((h @ own["attention.wq.weight"].T).view(count, heads, size))
        k = turned((h @ own["attention.wk.weight"].T).view(count, keys, size))
        v = (h @ own["attention.wv.weight"].T).view(count, keys, size)
        k, v = (t.repeat_interleave(heads // keys, dim=1) for t in (k, v))
        scores = torch.einsum("qhd,khd->hqk", q, k) / size ** 0.5 + mask
        h = torch.einsum("hqk,khd->qhd", scores.softmax(-1), v).flatten(1)
        x = x + h @ own["attention.wo.weight"].T
        h = normed(x, own["ffn_norm.weight"])
        gate = torch.nn.functional.silu(h @ own["feed_forward.w1.weight"].T)
        x = x + (gate * (h @ own["feed_forward.w3.weight"].T)) @ own["feed_forward.w2.weight"].T
    return normed(x, tensors["norm.weight"]) @ tensors["output.weight"].T


def meta(harness, sizes):
    heads, keys = sizes["num_attention_heads"], sizes["num_key_value_heads"]
    llama = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes)).eval()
    own = {as_meta(name): torch.randn_like(tensor) * 0.2
           for name, tensor in llama.state_dict().items()}
    folder = harness.fresh("meta")
    torch.save({**own, "rope.freqs": torch.ones(4)}, os.path.join(folder, "consolidated.00.pth"))
    stated = {"dim": sizes["hidden_size"], "n_heads": heads, "n_kv_heads": keys, "n_layers": 2}
    with open(os.path.join(folder, "params.json"), "w") as stream:
        json.dump(stated, stream)
    out, report = remap(harness, folder, "meta-hf", "meta-to-hf")
    harness.equal([c["modules"] for c in report["projections"]], [2, 2], "modules that were reordered")
    expected = {}
    for name in llama.state_dict():
        tensor = own[as_meta(name)]
        if "q_proj" in name or "k_proj" in name:
            tensor = permute(tensor, heads if "q_proj" in name else keys)
        expected[name] = tensor
    same(harness, read(out), expected, "as transformers' script has them")
    llama.load_state_dict(read(out), strict=True)
    words = torch.arange(7)
    with torch.no_grad():
        harness.check(torch.allclose(llama(words[None]).logits[0], meta_logits(own, sizes, words),
                                     rtol=1e-3, atol=1e-3),
                      "transformers computes what Meta's model does")
    back, _ = remap(harness, out, "meta-back.safetensors", "hf-to-meta")
    same(harness, load_file(back), own, "back in Meta's names")

    # Nothing tells the heads of a file alone, and names alone are refused.
    target = harness.fresh("llama")
    llama.save_pretrained(target)
    one = os.path.join(folder, "consolidated.00.pth")
    x = os.path.join(harness.scratch, "x")
    harness.equal(harness.run("remap", one, "-o", x, "--preset", "meta-to-hf").status, 2,
                  "heads that nothing tells")
    harness.equal(harness.run("remap", one, "-o", x, "--to-match", target).status, 2,
                  "a renaming of Meta's names")
    harness.equal(harness.run("remap", target, "-o", x, "--to-match", one).status, 2,
                  "a renaming to Meta's names")
    found, _ = remap(harness, one, "meta-match", "meta-to-hf", options=["--to-match", target])
    same(harness, read(found), expected, "by the heads of the base")

    # What is added to the rows of Meta's order is added in that of transformers.
    rank = 3
    factors = {}
    for name in ("wq", "wk", "wv", "wo"):
        rows, columns = own[f"layers.0.attention.{name}.weight"].shape
        stem = f"base_model.model.layers.0.attention.{name}"
        factors[f"{stem}.lora_A.weight"] = torch.randint(-3, 4, (rank, columns)).float()
        factors[f"{stem}.lora_B.weight"] = torch.randint(-3, 4, (rows, rank)).float()
    adapter = harness.fresh("meta-adapter")
    save_file(factors, os.path.join(adapter, "adapter_model.safetensors"), {"format": "pt"})
    peft.LoraConfig(r=rank, lora_alpha=6, target_modules=["wq", "wk", "wv", "wo"]).save_pretrained(
        adapter)
    out, _ = remap(harness, adapter, "meta-adapter-hf", "meta-to-hf",
                   options=["--attention-heads", heads, "--key-value-heads", keys])
    expected = {}
    for name in ("wq", "wk", "wv", "wo"):
        stem = f"base_model.model.layers.0.attention.{name}"
        delta = factors[f"{stem}.lora_B.weight"] @ factors[f"{stem}.lora_A.weight"]
        if name in ("wq", "wk"):
            delta = permute(delta, heads if name == "wq" else keys)
        expected[f"model.layers.0.self_attn.{name[1]}_proj"] = (delta.double(), 2.0)
    same_updates(harness, deltas(out, None), expected, "of an adapter in Meta's names")
    loads(harness, lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**{**sizes, "num_hidden_layers": 1})), out, "after meta-to-hf")
    harness.equal(harness.run("remap", adapter, "-o", x, "--to-match", target).status, 2,
                  "a renaming of an adapter in Meta's names")


# Adapters

def randomise(model):
    """Small whole numbers, so that products and sums are exact in any order."""
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data = torch.randint(-3, 4, parameter.shape).to(parameter.dtype)


def deltas(folder, out_features):
    """B·A·scale for each module, as PEFT's configuration gives the scale."""
    config = peft.LoraConfig.from_pretrained(folder)
    tensors = load_file(os.path.join(folder, "adapter_model.safetensors"))
    result = {}
    for name, a in tensors.items():
        if not name.endswith(".lora_A.weight"):
            continue
        module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        b = tensors[name.replace("lora_A", "lora_B")]
        rank = config.rank_pattern.get(get_pattern_key(config.rank_pattern, module),
                                       config.r)
        alpha = config.alpha_pattern.get(get_pattern_key(config.alpha_pattern, module),
                                         config.lora_alpha)
        assert rank == a.shape[0], (module, rank, a.shape)
        scale = alpha / (rank ** 0.5 if config.use_rslora else rank)
        result[module] = (b.double() @ a.double(), scale)
    return result


def adapted(harness, model, name, **options):
    wrapped = peft.get_peft_model(model, peft.LoraConfig(**options))
    randomise(wrapped)
    folder = harness.fresh(name)
    wrapped.save_pretrained(folder)
    return folder


def same_updates(harness, found, expected, what):
    if not harness.equal(sorted(found), sorted(expected), f"the modules {what}"):
        return
    wrong = [m for m in expected if found[m][1] != expected[m][1]
             or not torch.equal(found[m][0], expected[m][0])]
    harness.equal(wrong, [], f"the updates {what}")


def loads(harness, build, folder, what):
    """PEFT loads it into the model with nothing missing."""
    import warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        peft.PeftModel.from_pretrained(build(), folder)
    told = [str(w.message) for w in caught if "adapter keys" in str(w.message)]
    harness.equal(told, [], f"what PEFT says {what}")


def neox(sizes):
    config = transformers.GPTNeoXConfig(
        **{name: size for name, size in sizes.items() if name != "num_key_value_heads"})
    model = transformers.GPTNeoXForCausalLM(config)

    def heads(attention, fused):
        # As the forward of its attention has it.
        shape = (*fused.shape[:-1], -1, 3 * attention.head_size)
        return [part for part in fused.view(shape).chunk(3, dim=-1)]
    return model, lambda layer: model.gpt_neox.layers[layer].attention, heads


def bloom(sizes):
    config = transformers.BloomConfig(
        hidden_size=sizes["hidden_size"], n_head=sizes["num_attention_heads"], n_layer=2,
        vocab_size=33)
    model = transformers.BloomForCausalLM(config)

    def heads(attention, fused):
        return [part.transpose(1, 2) for part in attention._reshape(fused)]
    return model, lambda layer: model.transformer.h[layer].self_attention, heads


def falcon(sizes, **options):
    config = transformers.FalconConfig(
        hidden_size=sizes["hidden_size"], num_attention_heads=sizes["num_attention_heads"],
        num_hidden_layers=2, vocab_size=33, **options)
    model = transformers.FalconForCausalLM(config)

    def heads(attention, fused):
        query, key, value = attention._split_heads(fused)
        if config.new_decoder_architecture:
            # It repeats each head of keys for all queries that share it.
            count = config.num_attention_heads // config.num_kv_heads
            key, value = key[:, :, ::count], value[:, :, ::count]
        return [query, key, value]
    return model, lambda layer: model.transformer.h[layer].self_attention, heads


FUSED = {
    "GPT-NeoX": neox, "BLOOM": bloom,
    "Falcon with heads of all": lambda sizes: falcon(sizes, multi_query=False),
    "Falcon with one head of keys": lambda sizes: falcon(sizes, multi_query=True),
    "Falcon with shared heads": lambda sizes: falcon(
        sizes, new_decoder_architecture=True, num_kv_heads=sizes["num_key_value_heads"]),
}


def query_key_value(harness, sizes, kind):
    """The parts compute what the model's own attention takes out of the whole."""
    model, attention_of, heads = FUSED[kind](sizes)
    tensors = {name: tensor for name, tensor in model.state_dict().items()
               if name != "lm_head.weight"}
    folder = saved(harness, "fused", tensors, model.config.to_dict())
    split, report = remap(harness, folder, "split", "split-query-key-value")
    harness.equal([c["modules"] for c in report["projections"]], [2], "modules that were split")
    found = read(split)
    inputs = torch.eye(sizes["hidden_size"])[None]
    for layer in range(2):
        attention = attention_of(layer)
        fused = inputs @ attention.query_key_value.weight.T
        lead = next(name for name in tensors if f".{layer}." in name and "query_key_value" in name)
        lead = lead[:lead.index("query_key_value")]
        for word, part in zip("qkv", heads(attention, fused)):
            expected = part[0].flatten(1).T
            harness.check(torch.equal(found[f"{lead}{word}_proj.weight"], expected),
                          f"{word}_proj of layer {layer}")
    back, _ = remap(harness, split, "fused-back", "fuse-query-key-value")
    same(harness, read(back), tensors, "after split and fuse")


def adapters(harness, sizes):
    heads, keys = sizes["num_attention_heads"], sizes["num_key_value_heads"]
    rows = [heads * 8, keys * 8, keys * 8]
    said = ["--attention-heads", heads, "--key-value-heads", keys]

    def phi_model():
        return transformers.Phi3ForCausalLM(transformers.Phi3Config(**sizes))

    def llama_model():
        return transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))

    # Split: A is shared.
    rank = harness.random.choice([2, 4])
    folder = adapted(
        harness, phi_model(), "whole", r=rank, lora_alpha=6, use_rslora=harness.random.random() > 0.5,
        target_modules=["qkv_proj", "gate_up_proj", "o_proj"],
        rank_pattern={"layers.1.self_attn.qkv_proj": 3}, alpha_pattern={"gate_up_proj": 5})
    out, _ = remap(harness, folder, "parts", "split-qkv", "split-gate-up", options=said)
    whole = deltas(folder, rows)
    expected = {}
    for module, (delta, scale) in whole.items():
        if module.endswith("qkv_proj"):
            pieces = zip("qkv", delta.split(rows))
            expected |= {module.replace("qkv_proj", f"{w}_proj"): (p, scale) for w, p in pieces}
        elif module.endswith("gate_up_proj"):
            pieces = zip(("gate", "up"), delta.chunk(2))
            expected |= {module.replace("gate_up_proj", f"{w}_proj"): (p, scale) for w, p in pieces}
        else:
            expected[module] = (delta, scale)
    same_updates(harness, deltas(out, rows), expected, "after the split")
    loads(harness, llama_model, out, "after the split")
    back, _ = remap(harness, out, "whole-back", "fuse-qkv", "fuse-gate-up", options=said)
    same(harness, load_file(os.path.join(back, "adapter_model.safetensors")),
         load_file(os.path.join(folder, "adapter_model.safetensors")), "after split and fuse")
    same_updates(harness, deltas(back, rows), whole, "after split and fuse")

    # Fuse: the ranks add up and the scale stays.
    targets = harness.random.choice(
        [["q_proj", "v_proj"], ["q_proj", "k_proj", "v_proj", "o_proj"], ["k_proj", "up_proj"],
         ["q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "down_proj"]])
    stabilized = harness.random.random() > 0.5
    scale = 6 / (rank ** 0.5 if stabilized else rank)
    folder = adapted(harness, llama_model(), "parts2", r=rank, lora_alpha=6, target_modules=targets,
                     use_rslora=stabilized)
    presets = ["fuse-qkv"] + (["fuse-gate-up"] if "up_proj" in targets else [])
    out, _ = remap(harness, folder, "whole2", *presets, options=said)
    expected = {}
    parts = deltas(folder, rows)
    for layer in range(2):
        stem = f"model.layers.{layer}."
        for whole, words, heights in (
                ("self_attn.qkv_proj", ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
                 rows),
                ("mlp.gate_up_proj", ["mlp.gate_proj", "mlp.up_proj"],
                 [sizes["intermediate_size"]] * 2)):
            if any(stem + word in parts for word in words):
                width = sizes["hidden_size"]
                expected[stem + whole] = (torch.cat([
                    parts[stem + word][0] if stem + word in parts
                    else torch.zeros(height, width, dtype=torch.float64)
                    for word, height in zip(words, heights)]), scale)
        for word in ("self_attn.o_proj", "mlp.down_proj"):
            if stem + word in parts:
                expected[stem + word] = parts[stem + word]
    same_updates(harness, deltas(out, rows), expected, f"after fusing {targets}")
    loads(harness, phi_model, out, f"after fusing {targets}")

    # Interleaved.
    folder = adapted(harness, llama_model(), "parts3", r=rank, lora_alpha=rank,
                     target_modules=["q_proj", "k_proj", "v_proj"])
    out, _ = remap(harness, folder, "whole3", "llama-to-internlm2", options=said)
    parts = deltas(folder, rows)
    expected = {
        f"model.layers.{n}.attention.wqkv": (interleaved(
            *(parts[f"model.layers.{n}.self_attn.{w}_proj"][0] for w in "qkv"), heads, keys), 1.0)
        for n in range(2)}
    same_updates(harness, deltas(out, rows), expected, "interleaved")
    back, _ = remap(harness, out, "parts3-back", "internlm2-to-llama", options=said)
    same_updates(harness, deltas(back, rows), parts, "back from interleaved")


def chosen_layers(harness, sizes):
    """A rule that renames the list of layers renames it in the configuration too."""
    def llama_model(name="layers"):
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes))
        if name != "layers":
            setattr(model.model, name, model.model.layers)
            del model.model.layers
        return model

    pattern = harness.random.choice(["layers", ["layers"], None])
    folder = adapted(harness, llama_model(), "chosen", r=2, target_modules=["q_proj", "up_proj"],
                     layers_to_transform=harness.random.choice([1, [1]]), layers_pattern=pattern)
    out = os.path.join(harness.scratch, "moved")
    harness.done("remap", folder, "-o", out, "--force", "--rename", r"\.layers\.=.blocks.")
    harness.equal(len(load_file(os.path.join(out, "adapter_model.safetensors"))), 4, "tensors")
    loads(harness, lambda: llama_model("blocks"), out, f"with layers_pattern {pattern}")
    wrapped = peft.PeftModel.from_pretrained(llama_model("blocks"), out)
    found = sum("lora_A" in name for name, _ in wrapped.named_parameters())
    harness.equal(found, 2, f"adapted modules with layers_pattern {pattern}")


# InternVL

VISION = [
    ("embeddings.cls_token", "embeddings.class_embedding"),
    ("embeddings.position_embeddings", "embeddings.position_embedding"),
    ("embeddings.patch_embeddings.projection", "embeddings.patch_embedding"),
    ("encoder.layer.", "encoder.layers."), ("lambda_1", "ls1"), ("lambda_2", "ls2"),
    ("attention.projection_layer", "attn.proj"), ("attention.q_norm", "attn.q_norm"),
    ("attention.k_norm", "attn.k_norm"), ("layernorm_before", "norm1"),
    ("layernorm_after", "norm2")]
PROJECTOR = [("layer_norm", "0"), ("linear_1", "1"), ("linear_2", "3")]


def as_internvl(tensors, kind, heads, keys):
    """The model in the names of InternVL's own code."""
    result, language = {}, {}
    for name, tensor in tensors.items():
        if name.startswith("model.language_model."):
            language["model." + name.removeprefix("model.language_model.")] = tensor
        elif name.startswith("lm_head."):
            language[name] = tensor
        elif name.startswith("model.multi_modal_projector."):
            for new, number in PROJECTOR:
                name = name.replace(f"model.multi_modal_projector.{new}.", f"mlp1.{number}.")
            result[name] = tensor
        elif ".attention.q_proj." in name:
            parts = [tensors[name.replace("q_proj", f"{word}_proj")] for word in "qkv"]
            stem = name.replace("attention.q_proj", "attn.qkv").replace(
                "encoder.layer.", "encoder.layers.")
            result[stem.replace("model.vision_tower", "vision_model")] = torch.cat(parts)
        elif ".attention.k_proj." not in name and ".attention.v_proj." not in name:
            for new, old in VISION:
                name = name.replace(new, old)
            result[name.replace("model.vision_tower", "vision_model")] = tensor
    if kind == "llama":
        language = as_internlm(language, heads, keys)
    return {**result, **{f"language_model.{name}": tensor for name, tensor in language.items()}}


def internvl(harness, sizes, kind):
    config = transformers.InternVLConfig(
        vision_config={
            "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
            "intermediate_size": 48, "image_size": [28, 28], "patch_size": [14, 14],
            "use_qk_norm": harness.random.random() > 0.5, "attention_bias": True},
        text_config={"model_type": kind, **sizes}, tie_word_embeddings=False)
    model = transformers.InternVLForConditionalGeneration(config)
    tensors = model.state_dict()
    heads, keys = sizes["num_attention_heads"], sizes["num_key_value_heads"]
    own = as_internvl(tensors, kind, heads, keys)
    stated = {"model_type": "internvl_chat", "llm_config": sizes, "vision_config": {
        "num_attention_heads": 4, "hidden_size": 32}}
    folder = saved(harness, "internvl", own, stated)
    out, _ = remap(harness, folder, "hf", "internvl-to-hf")
    same(harness, read(out), tensors, "as transformers'")
    harness.equal(str(model.load_state_dict(read(out), strict=True)), "<All keys matched successfully>",
                  "what a strict load says")
    with open(os.path.join(out, "config.json"), "w") as stream:
        json.dump(config.to_dict(), stream)
    presets = ["hf-to-internvl"] + (["llama-to-internlm2"] if kind == "llama" else [])
    back, _ = remap(harness, out, "internvl-back", *presets)
    same(harness, read(back), own, "back in InternVL's names")
