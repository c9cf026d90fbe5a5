"""DeepSpeed checkpoints against DeepSpeed's own script, where that package is
installed, and always against the tensors they were made of."""

import contextlib
import importlib.util
import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

from harness import combinations, covering, fixture
from models import write_json
from tensors import NAMES, bits, load_directory

sys.path.append(fixture("deepspeed"))
import zero_layout  # noqa: E402

AXES = {
    "stage": [1, 2, 3],
    "ranks": [1, 2, 3, 8, 11],
    "precision": [torch.float32, torch.bfloat16, torch.float16],
    "prefix": ["", "bf16_"],
    "alignment": [1, 4],
    "says_paddings": [True, False],
    "bf16_optimizer": [False, True],
    "saves_frozen": [True, False],
    "stage_by_name": [False, True],
    "cuts": [0, 3],
}


def run(harness, every):
    script = official_script()
    if script is None:
        print("zero: deepspeed is not installed; its script is not asked", flush=True)
    cases = combinations(AXES) if every else covering(AXES, harness.random.shuffle)
    for number, case in enumerate(map(made_possible, cases)):
        with harness.case(f"checkpoint {number}: {case}"):
            checkpoint(harness, case, script)
    for stage in (2, 3):
        with harness.case(f"an adapter that ZeRO {stage} trained"):
            adapter(harness, stage)
    for name in sorted(os.listdir(fixture("deepspeed"))):
        if name.startswith("engine-") and not name.endswith(".txt"):
            with harness.case(name):
                engine(harness, name)


def made_possible(case):
    """The case, or the nearest one that DeepSpeed could have written."""
    case = dict(case)
    if case["bf16_optimizer"]:
        case |= {"stage": 1, "alignment": 1, "stage_by_name": False}
    if case["stage"] == 3 or not case["says_paddings"]:
        case["alignment"] = 1  # what no file says nobody can know
    return case


def official_script():
    if importlib.util.find_spec("deepspeed") is None:
        return None
    os.environ["DS_ACCELERATOR"] = "cpu"
    with contextlib.redirect_stdout(sys.stderr):
        from deepspeed.utils import zero_to_fp32
    return zero_to_fp32.get_fp32_state_dict_from_zero_checkpoint


def parameters(random, count, dtype=torch.float32, sizes=(1, 2, 3, 5, 8, 17)):
    tensors = {}
    while len(tensors) < count:
        name = f"layers.{random.randrange(30)}.{random.choice(['q', 'k', 'norm'])}.weight"
        shape = [random.choice(sizes) for _ in range(random.randrange(4))]
        if name not in tensors:
            tensors[name] = torch.randn(shape).to(dtype)
    return tensors


def random_run(random, case):
    case = dict(case)
    groups, names = [], []
    for index in range(random.randint(1, 3)):
        group = {f"group{index}.{name}": value
                 for name, value in parameters(random, random.randint(1, 12)).items()}
        groups.append(group)
        names += group
    total = sum(-(-value.numel() // case["ranks"]) for group in groups for value in group.values())
    cuts = sorted(random.randint(0, total) for _ in range(case.pop("cuts")))
    return zero_layout.Run(
        groups=groups, cuts=tuple(cuts),
        # Empty parameters are no part of a partition, so they are among the frozen.
        frozen={f"frozen.{name}": value for name, value
                in parameters(random, 4, case["precision"], sizes=(0, 1, 2, 5, 8)).items()
                if list(value.shape) != [0]},
        buffers={"inv_freq": torch.randn(7).to(case["precision"]), "ids": torch.arange(5)},
        shared={"tied.weight": random.choice(names)}, **case)


def checkpoint(harness, case, script):
    made = random_run(harness.random, case)
    folder = harness.fresh("checkpoint-7")
    step = zero_layout.write(made, folder, "global_step7")
    rows = zero_layout.expected(made)
    if made.stage == 1 and made.saves_frozen:
        # Only the module has them, but they come before the trained ones all the same.
        rows.sort(key=lambda row: row[0] not in made.buffers and row[0] not in made.frozen)
    for path in (folder, step):
        listed = harness.json("inspect", path)
        harness.equal(listed["format"], "deepspeed", "the format")
        harness.equal([(t["name"], t["dtype"], t["shape"]) for t in listed["tensors"]],
                      [(name, NAMES[value.dtype], list(value.shape)) for name, value, _ in rows],
                      "the tensors")
    out = os.path.join(folder, "out.safetensors")
    harness.done("convert", folder, "-o", out, "--keep-shared")
    same(harness, load_file(out), {name: as_float32(value) for name, value, _ in rows})
    out = os.path.join(folder, "trained.safetensors")
    harness.done("convert", folder, "-o", out, "--keep-shared", "--trainable-only")
    same(harness, load_file(out), {name: value for name, value, trained in rows if trained})
    if script:
        ask(harness, script, folder, made, rows)


def ask(harness, script, folder, made, rows):
    """DeepSpeed's script. It takes no files without a stage, takes wrong elements of a
    parameter that lies across two flat tensors (its first offset in the second is
    negative), and before ZeRO 2 leaves out what was not trained."""
    if made.bf16_optimizer or made.cuts:
        return
    with quiet():
        found = script(folder)
    left_out = set(made.frozen) if made.stage == 1 else set()
    wanted = {name: as_float32(value) for name, value, _ in rows if name not in left_out}
    harness.equal(list(found), list(wanted), "the names of DeepSpeed's script")
    same(harness, {name: as_float32(value) for name, value in found.items()}, wanted)


@contextlib.contextmanager
def quiet():
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        with contextlib.redirect_stdout(nothing), contextlib.redirect_stderr(nothing):
            yield


def as_float32(value):
    return value.float() if value.is_floating_point() else value


def same(harness, found, wanted):
    if not harness.equal(sorted(found), sorted(wanted), "the names"):
        return
    wrong = [name for name, value in wanted.items()
             if found[name].dtype != value.dtype or found[name].shape != value.shape
             or not torch.equal(bits(found[name]), bits(value))]
    harness.equal(wrong, [], "tensors that differ")


def adapter(harness, stage):
    """A run that trained an adapter and could save only the places of its tensors:
    what is recovered merges into what the adapter itself would have."""
    group = fixture("peft", "llama-bf16")
    saved = load_file(os.path.join(group, "adapter-rslora", "adapter_model.safetensors"))
    trained = {name.replace(".weight", ".default.weight"): value for name, value in saved.items()}
    base = load_directory(os.path.join(group, "base"))
    targets = {name.rsplit(".lora_", 1)[0] for name in saved}
    frozen = {}
    for name, value in base.items():
        module, _, leaf = f"base_model.model.{name}".rpartition(".")
        frozen[f"{module}.base_layer.{leaf}" if module in targets else f"{module}.{leaf}"] = value
    made = zero_layout.Run(stage, 3, [trained], frozen, precision=torch.bfloat16, prefix="bf16_")
    folder = harness.fresh("checkpoint-500")
    zero_layout.write(made, folder, "global_step500")
    shutil.copy(os.path.join(group, "adapter-rslora", "adapter_config.json"), folder)
    save_file({name: torch.zeros(0) for name in saved},
              os.path.join(folder, "adapter_model.safetensors"), metadata={"format": "pt"})
    write_json(os.path.join(folder, "trainer_state.json"), {})

    out = os.path.join(harness.fresh("recovered"), "adapter")
    harness.done("convert", folder, "-o", out, "--trainable-only")
    harness.equal(sorted(os.listdir(out)), ["adapter_config.json", "adapter_model.safetensors"],
                  "the files of the adapter")
    same(harness, load_file(os.path.join(out, "adapter_model.safetensors")), saved)
    with open(os.path.join(out, "adapter_config.json"), encoding="utf-8") as file:
        config = json.load(file)
    harness.equal(config["use_rslora"], True, "the configuration is the one beside")
    for name, source in (("merged", out), ("merged-at-once", folder)):
        merged = os.path.join(harness.scratch, "recovered", name)
        harness.done("merge", os.path.join(group, "base"), source, "-o", merged)
        same(harness, load_directory(merged), load_directory(os.path.join(group, "merged-rslora")))


def engine(harness, name):
    """What DeepSpeed's engine saved: DeepSpeed's script made the listing, the values
    are compared by the tests; here they have to survive the conversion."""
    with open(fixture("deepspeed", f"{name}.txt"), encoding="utf-8") as file:
        wanted = [line.split(" | ")[0] for line in file.read().splitlines()]
    listed = harness.json("inspect", fixture("deepspeed", name))
    harness.equal([tensor["name"] for tensor in listed["tensors"]], wanted, "the names")
    out = os.path.join(harness.fresh(), "out.safetensors")
    harness.done("convert", fixture("deepspeed", name), "-o", out, "--keep-shared")
    found = load_file(out)
    harness.equal(sorted(found), sorted(wanted), "the names that are written")
    script = official_script()
    if script and "bf16-optimizer" not in name:
        with quiet():
            official = script(fixture("deepspeed", name))
        same(harness, {key: found[key] for key in official},
             {key: as_float32(value) for key, value in official.items()})
