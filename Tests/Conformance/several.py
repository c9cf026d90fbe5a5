"""`tenon merge` of several adapters, with weights, and what undoes it."""

import itertools
import os
import shlex

import torch
from peft import PeftModel
from safetensors.torch import save_file

from harness import hashes
from kinds import Shares, judged, like_doubles, like_peft
from models import DTYPES, save_adapter
from parts import CONVOLUTIONS, KINDS, LINEAR, adapted, again, lora, parts, save_state, train
from tensors import load_directory

# What can be merged with others: what only adds.
SUMS = {
    "linear": lora(LINEAR), "convolution": lora(CONVOLUTIONS), "embedding": lora(["emb", "q"]),
    "rsLoRA": lora(LINEAR, use_rslora=True), "lora_bias": lora(["q"], lora_bias=True),
    "LoHa": KINDS["LoHa linear"], "LoKr": KINDS["LoKr linear"], "AdaLoRA": KINDS["AdaLoRA"],
}
SAVED = {"q saved": lora(["c_attn"], modules_to_save=["q"])}
WEIGHTS = [1, 0.5, -1, -0.25, 2]


def run(harness, every):
    shares = Shares()
    for dtype in DTYPES:
        for number in range(4):
            with harness.case(f"{dtype} {number}"):
                several(harness, shares, dtype)
        for kind in SUMS:
            with harness.case(f"{dtype} {kind} there and back"):
                there_and_back(harness, dtype, kind)
    for dtype in DTYPES:
        for kind in ("linear", "LoHa linear", "DoRA linear", "IA3"):
            with harness.case(f"{dtype} {kind}, then a replacement"):
                replaced(harness, dtype, kind)
    for pair in ORDERED:
        with harness.case(f"{pair[0]}, then {pair[1]}"):
            ordered(harness, shares, pair)
    with harness.case("two adapters in one file"):
        taken_apart(harness)
    with harness.case("what multiplies"):
        refused(harness)
    shares.report()


def prepared(harness, dtype, kinds):
    """A base and an adapter of each kind."""
    place = harness.fresh()
    model = parts(harness.random, DTYPES[dtype])
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    base = os.path.join(place, "base")
    save_state(state, base, "safetensors")
    paths = []
    for number, kind in enumerate(kinds):
        fresh = again(model)
        fresh.load_state_dict(state)
        paths.append(os.path.join(place, f"adapter-{number}"))
        save_adapter(adapted(fresh, {**KINDS, **SUMS, **SAVED}[kind](harness.random)), paths[-1])
    return model, state, base, paths, os.path.join(place, "out")


def several(harness, shares, dtype):
    random = harness.random
    # AdaLoRA and the LyCORIS methods of PEFT ignore or replace their scale when it is set anew.
    kinds = random.sample(["linear", "convolution", "embedding", "rsLoRA"], 3)
    model, state, base, paths, out = prepared(harness, dtype, kinds)
    weighted = [(path, random.choice(WEIGHTS)) for path in paths]
    found = together(harness, base, weighted, out, "peft")
    # PEFT rounds after each adapter, so that their order is the user's.
    like_peft(harness, shares, "several", state, judged(model, state, *weighted), found)
    found = together(harness, base, weighted, out, "exact")
    like_doubles(harness, state, judged(model.double(), state, *weighted), found)
    expected = hashes(out)
    for order in itertools.permutations(weighted):
        together(harness, base, order, out, "exact")
        harness.equal(hashes(out), expected, "the same bytes in every order")


def together(harness, base, weighted, out, numerics):
    weights = [f"--weight={weight}" for _, weight in weighted]
    harness.done("merge", base, *[path for path, _ in weighted], *weights, "-o", out, "--force",
                 "--numerics", numerics)
    return load_directory(out)


def there_and_back(harness, dtype, kind):
    """Merging and `--unmerge` give back the base to within the roundings of both."""
    _, state, base, (adapter,), out = prepared(harness, dtype, [kind])
    harness.done("merge", base, adapter, "-o", out)
    middle = load_directory(out)
    harness.done("merge", out, adapter, "-o", out + "-back", "--unmerge")
    back = load_directory(out + "-back")
    wrong = {}
    for name, tensor in state.items():
        steps = torch.maximum(tensor.abs(), middle[name].abs()).double()
        error = (back[name].double() - tensor.double()).abs()
        allowed = 1.5 * torch.finfo(tensor.dtype).eps * steps + torch.finfo(tensor.dtype).tiny
        if not bool((error <= allowed).all()):
            wrong[name] = float((error / allowed).max())
    harness.equal(wrong, {}, "the base again")
    changed = [name for name in state if not torch.equal(state[name], middle[name])]
    harness.check(changed, "the merge changed something")
    harness.done("merge", base, adapter, "-o", out, "--force", "--weight=-1")
    negative = load_directory(out)
    harness.done("merge", base, adapter, "-o", out, "--force", "--unmerge")
    undone = load_directory(out)
    harness.check(all(torch.equal(negative[name], undone[name]) for name in state),
                  "--unmerge is the weight -1")


def taken_apart(harness):
    """A file of all that a model with two adapters has, and the command for the first."""
    model, _, base, _, out = prepared(harness, "F32", [])
    wrapped = adapted(model, SUMS["linear"](harness.random))
    wrapped.add_adapter("other", SUMS["embedding"](harness.random))
    train(wrapped)
    both = os.path.join(os.path.dirname(base), "both.safetensors")
    save_file({name: tensor.contiguous() for name, tensor in wrapped.state_dict().items()
               if "lora_" in name}, both)
    refusal = harness.run("merge", base, both, "-o", out, "--alpha", "4", "--json")
    harness.equal(refusal.status, 2, "two at once are refused")
    command = shlex.split(refusal.json()["error"]["fix"])
    harness.done(*command[1:])
    first = command[command.index("-o") + 1]
    alpha = wrapped.peft_config["default"].lora_alpha
    harness.done("merge", base, first, "-o", out, "--alpha", str(alpha))
    expected = wrapped.merge_and_unload(adapter_names=["default"]).state_dict()
    found = load_directory(out)
    for name, tensor in expected.items():
        harness.check(torch.allclose(found[name], tensor, rtol=1e-5, atol=1e-6),
                      f"{name} with the first adapter alone")


def replaced(harness, dtype, kind):
    """What comes last counts for PEFT; `exact` has no order and says so."""
    model, state, base, pair, out = prepared(harness, dtype, [kind, "q saved"])
    judge = again(model)
    judge.load_state_dict(state)
    for path in pair:
        judge = PeftModel.from_pretrained(judge, path).merge_and_unload()
    found = together(harness, base, [(path, 1) for path in pair], out, "peft")
    harness.check(torch.equal(found["q.weight"], judge.state_dict()["q.weight"]),
                  "the copy that came last")
    for order in (pair, pair[::-1]):
        result = harness.run("merge", base, *order, "-o", out + "-exact")
        harness.check(result.status == 2 and "their order counts" in result.err, "exact", result)
        harness.check(not os.path.exists(out + "-exact"), "nothing is written")


# Pairs whose order counts.
ORDERED = [
    ("tokens, a list", "embedding"), ("embedding", "tokens, a list"),
    ("tokens, a list", "tokens, a list"), ("q saved", "q saved"), ("linear", "IA3"),
    ("IA3", "linear")]


def ordered(harness, shares, kinds):
    """PEFT merges one after the other; `exact` refuses what would depend on it."""
    dtype = harness.random.choice(list(DTYPES))
    model, state, base, paths, out = prepared(harness, dtype, kinds)
    pair = [(path, 1) for path in paths]
    found = together(harness, base, pair, out, "peft")
    like_peft(harness, shares, "several", state, judged(model, state, *pair), found)
    if kinds[0] != "tokens, a list" or kinds[1] != kinds[0]:
        result = harness.run("merge", base, *paths, "-o", out + "-exact")
        words = "--numerics peft in the order given" in result.err
        harness.check(result.status == 2 and words, "exact", result)
        harness.check(not os.path.exists(out + "-exact"), "nothing is written")


# Kinds of which no part can be added and none subtracted, with words of the latter refusal.
REFUSALS = {"DoRA linear": "cannot be subtracted", "IA3": "cannot be subtracted",
            "modules_to_save": "cannot be taken back"}


def refused(harness):
    for kind, words in REFUSALS.items():
        _, _, base, (adapter,), out = prepared(harness, "F32", [kind])
        for option, word in {"--weight=0.5": "--weight 1", "--unmerge": words}.items():
            result = harness.run("merge", base, adapter, "-o", out, option)
            harness.check(result.status == 2 and word in result.err, f"{kind} {option}", result)
            harness.check(not os.path.exists(out), "nothing is written")
