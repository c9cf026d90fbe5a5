"""kohya's and LyCORIS's files merged, against sd-scripts' formula and the `lycoris` package."""

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from harness import combinations, covering
from kinds import like_doubles
from models import DTYPES
from parts import SIZES, filled

try:
    from lycoris.modules.full import FullModule
    from lycoris.modules.locon import LoConModule
    from lycoris.modules.loha import LohaModule
    from lycoris.modules.lokr import LokrModule
    from lycoris.modules.norms import NormModule
except ImportError:  # optional, as scripts/peers.sh says
    LoConModule = None

AXES = {"base": list(DTYPES), "adapter": list(DTYPES), "binary": [False, True]}


def run(harness, every):
    cases = combinations(AXES) if every else covering(AXES, harness.random.shuffle)
    for case in cases:
        with harness.case("sd-scripts " + " ".join(f"{k}={v}" for k, v in case.items())):
            scripts(harness, case)
    if LoConModule is None:
        print("lycoris: without the lycoris package, so its kinds are not judged")
        return
    for kind in KINDS:
        for case in cases:
            with harness.case(f"{kind} " + " ".join(f"{k}={v}" for k, v in case.items())):
                library(harness, kind, case)


# The base: what a UNet's names and layers look like.

ATTENTION = "down_blocks.0.attentions.1.transformer_blocks.0"
LINEAR = [f"{ATTENTION}.attn1.to_q", f"{ATTENTION}.attn2.to_out.0", f"{ATTENTION}.ff.net.0.proj"]
KERNEL, POINT = "down_blocks.0.resnets.0.conv1", "down_blocks.0.attentions.1.proj_in"
NORMS = [f"{ATTENTION}.norm1", "down_blocks.0.resnets.0.norm1"]


def unet(random):
    """A few layers under the names that SD's UNet gives them."""
    size = [random.choice(SIZES) for _ in range(4)]
    layers = {
        LINEAR[0]: nn.Linear(size[0], size[1], bias=False), LINEAR[1]: nn.Linear(size[1], size[0]),
        LINEAR[2]: nn.Linear(size[0], 2 * size[2]), KERNEL: nn.Conv2d(size[3], size[0], 3),
        POINT: nn.Conv2d(size[0], size[1], 1), NORMS[0]: nn.LayerNorm(size[0]),
        NORMS[1]: nn.GroupNorm(1, size[3]),
    }
    return {path: filled(layer) for path, layer in layers.items()}


def state_of(layers, dtype=None):
    return {f"{path}.{name}": tensor.detach().clone().to(dtype or tensor.dtype)
            for path, layer in layers.items() for name, tensor in layer.state_dict().items()}


def flattened(path):
    return "lora_unet_" + path.replace(".", "_")


def merge(harness, case, base, adapter, *options):
    """The state that the tool makes of base and adapter."""
    paths = harness.places("base.safetensors", "adapter", "out")
    save_file(base, paths[0])
    if case["binary"]:
        paths[1] += ".pt"
        torch.save(adapter, paths[1])
    else:
        paths[1] += ".safetensors"
        save_file(adapter, paths[1], {"ss_network_module": "networks.lora"})
    paths[2] += ".safetensors"
    harness.json("merge", *paths[:2], "-o", paths[2], *options)
    return load_file(paths[2])


# sd-scripts: W + multiplier · (up @ down) · alpha / rank

# The stored alpha; None is none. A missing one and 0 stand for the rank.
ALPHAS = [None, 0.0, 0.5, 1.0, 3.0]


def scripts(harness, case):
    random, dtype = harness.random, DTYPES[case["adapter"]]
    base = state_of(unet(random), DTYPES[case["base"]])
    multiplier = random.choice([1, -1, 0.75])
    adapter, expected = {}, {name: tensor.double() for name, tensor in base.items()}
    for path in [*LINEAR, KERNEL, POINT]:
        weight = expected[f"{path}.weight"]
        rank, alpha = random.choice([1, 3, 4]), random.choice(ALPHAS)
        down = (torch.randn(rank, *weight.shape[1:]) * 0.3).to(dtype)
        up = (torch.randn(weight.shape[0], rank) * 0.3).to(dtype)
        scale = (alpha or rank) / rank
        delta = (up.double() @ down.double().flatten(1)).reshape(weight.shape)
        expected[f"{path}.weight"] = weight + multiplier * delta * scale
        # Of a 1x1 kernel either form occurs, whatever the base has.
        four = weight.dim() == 4 if path == KERNEL else random.choice([False, True])
        if path != KERNEL:
            down = down.flatten(1)
        if four:
            up = up[..., None, None]
            down = down if down.dim() == 4 else down[..., None, None]
        stem = flattened(path)
        adapter |= {f"{stem}.lora_down.weight": down.contiguous(),
                    f"{stem}.lora_up.weight": up.contiguous()}
        if alpha is not None:
            adapter[f"{stem}.alpha"] = torch.tensor(alpha).to(dtype)
    found = merge(harness, case, base, adapter, f"--weight={multiplier}")
    like_doubles(harness, base, expected, found)


# LyCORIS

def module(kind, **options):
    return lambda name, layer, random: kind(
        name, layer, lora_dim=random.choice([2, 3, 4]), alpha=random.choice([0, 1, 3]), **options)


# What a kind is, and the layers that it is made for.
KINDS = {} if LoConModule is None else {
    "LoCon": (module(LoConModule), [*LINEAR, KERNEL, POINT]),
    "LoCon with a core": (module(LoConModule, use_tucker=True), [LINEAR[0], KERNEL, POINT]),
    "LoCon rsLoRA": (module(LoConModule, rs_lora=True), [LINEAR[0], KERNEL]),
    "LoCon DoRA": (module(LoConModule, weight_decompose=True), [*LINEAR, KERNEL, POINT]),
    "LoCon DoRA of inputs": (
        module(LoConModule, weight_decompose=True, wd_on_out=False), [*LINEAR, KERNEL, POINT]),
    "LoHa": (module(LohaModule), [*LINEAR, KERNEL, POINT]),
    "LoHa with cores": (module(LohaModule, use_tucker=True), [LINEAR[0], KERNEL]),
    "LoHa DoRA": (module(LohaModule, weight_decompose=True), [LINEAR[0], KERNEL]),
    "LoKr": (module(LokrModule), [*LINEAR, KERNEL, POINT]),
    "LoKr whole": (module(LokrModule, full_matrix=True), [*LINEAR, KERNEL]),
    "LoKr decompose_both": (module(LokrModule, decompose_both=True, factor=4), [*LINEAR, KERNEL]),
    "LoKr with a core": (module(LokrModule, use_tucker=True), [LINEAR[0], KERNEL]),
    "LoKr DoRA": (module(LokrModule, weight_decompose=True), [LINEAR[0], KERNEL]),
    "full": (lambda name, layer, random: FullModule(name, layer), [LINEAR[1], KERNEL]),
    "norm": (lambda name, layer, random: NormModule(name, layer), NORMS),
}


def library(harness, kind, case):
    make, paths = KINDS[kind]
    layers = unet(harness.random)
    for layer in layers.values():  # in double, with the values that the base file has
        layer.to(DTYPES[case["base"]]).double()
    base = state_of(layers, DTYPES[case["base"]])
    expected = state_of(layers)
    adapter = {}
    for path in paths:
        made = make(flattened(path), layers[path], harness.random)
        train(made, DTYPES[case["adapter"]])
        stored = {leaf: tensor.detach().clone().to(DTYPES[case["adapter"]]).contiguous()
                  for leaf, tensor in leaves(made).items() if "tensor" not in leaf}
        if "alpha" in stored:  # as whoever loads the file computes it
            made.scale = float(stored["alpha"]) / made.lora_dim
        adapter |= {f"{flattened(path)}.{leaf}": tensor for leaf, tensor in stored.items()}
        weight, bias = merged(made.double(), layers[path])
        expected[f"{path}.weight"] = weight.detach()
        if bias is not None and f"{path}.bias" in expected:
            expected[f"{path}.bias"] = bias.detach()
    found = merge(harness, case, base, adapter)
    like_doubles(harness, base, expected, found)
    if kind in RENAMED:
        renamed(harness, base, adapter, found)


# What PEFT computes alike.
RENAMED = ["LoCon", "LoCon DoRA", "LoHa", "LoHa with cores", "LoKr", "LoKr whole"]


def renamed(harness, base, adapter, expected):
    """As an adapter of PEFT it merges to the same, but for what LyCORIS adds to DoRA's lengths."""
    paths = harness.places("base.safetensors", "kohya.safetensors", "peft", "merged.safetensors")
    save_file(base, paths[0])
    save_file(adapter, paths[1])
    harness.done("remap", paths[1], "-o", paths[2], "--preset", "kohya-to-peft",
                 "--to-match", paths[0])
    harness.json("merge", paths[0], paths[2], "-o", paths[3])
    found = load_file(paths[3])
    harness.equal(sorted(found), sorted(expected), "the names of the merge of the PEFT adapter")
    different = [
        name for name, tensor in expected.items()
        if not torch.allclose(found[name].double(), tensor.double(), atol=1e-6,
                              rtol=2 * torch.finfo(tensor.dtype).eps)]
    harness.equal(different, [], "what differs in the merge of the PEFT adapter")


def leaves(made):
    if not isinstance(made, FullModule):
        return made.state_dict()
    # Its `state_dict` is for a module that has taken the place of its layer.
    return {leaf: tensor for leaf, tensor in zip(made.weight_list, (made.weight, made.bias))
            if tensor is not None}


def train(made, dtype):
    """Draws every parameter, from the values that the file's type has."""
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            noise = torch.randn(parameter.shape) * 0.3
            parameter.copy_((parameter * (1 + noise / 3) if "dora" in name else noise).to(dtype))


def merged(made, layer):
    """The weight that the module computes with: what its `forward` uses, as the merge of release
    4.1.3 multiplies LoHa and LoKr by their scale twice."""
    if isinstance(made, NormModule):
        return made.make_weight()
    if isinstance(made, FullModule):
        return layer.weight + made.weight, None if made.bias is None else layer.bias + made.bias
    delta = made.make_weight() * made.scale if isinstance(made, LoConModule) else made.get_weight(
        made.shape)
    weight = layer.weight + delta.reshape(layer.weight.shape)
    return (decomposed(made, weight) if made.wd else weight), None


def decomposed(made, weight):
    """The library adds the epsilon of the type that it computes in, double here, float32 there."""
    axes = [axis for axis in range(weight.dim()) if axis != (0 if made.wd_on_out else 1)]
    norm = weight.square().sum(dim=axes, keepdim=True).sqrt()
    return made.apply_weight_decompose(weight) * norm / (norm + torch.finfo(torch.float32).eps)
