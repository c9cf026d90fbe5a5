"""What must not happen: a wrong output, half an output, a changed input, a wordless refusal."""

import os
import resource
import shutil
import signal
import subprocess
import sys

import torch
from safetensors.torch import load_file, save_file

from harness import PATIENCE, Unexpected, fixture, hashes, wait_until
from models import read_json, write_json

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Benchmarks"))
from large_models import make_adapter, make_base  # noqa: E402

BASE = fixture("peft", "llama-bf16", "base")
ADAPTER = fixture("peft", "llama-bf16", "adapter-plain")
LARGE = {"layers": 2, "hidden": 2048, "intermediate": 5504}  # with the vocabulary, 460 MB


def run(harness, every):
    for group, adapter, words in REFUSED:
        with harness.case(f"{group} with {adapter}"):
            refused_adapter(harness, group, adapter, words)
    for title, (change, words) in BROKEN.items():
        with harness.case(title):
            broken_adapter(harness, change, words)
    with harness.case("an output that exists"):
        existing_output(harness)
    for title, make in REPLACED.items():
        with harness.case(f"--force over {title}"):
            replaced_output(harness, title, make)
    with harness.case("--force over a folder of something else"):
        foreign_folder(harness)
    with harness.case("an output that is an input"):
        output_is_input(harness)
    with harness.case("wrong usage"):
        usage(harness)
    place = harness.fresh("large")
    base, adapter = os.path.join(place, "base"), os.path.join(place, "adapter")
    make_base(base, vocabulary=32000, **LARGE)
    make_adapter(adapter, **LARGE)
    for name in ("SIGINT", "SIGTERM"):
        with harness.case(f"{name} in the middle of a merge"):
            interrupted(harness, base, adapter, getattr(signal, name))
    with harness.case("a write that fails"):
        file_limit(harness, base, adapter)
    with harness.case("a disk that is too small"):
        small_disk(harness, base, adapter)
    shutil.rmtree(place)


# group, adapter, what the refusal has to mention. Rows leave as tenon learns the kind.
REFUSED = [
    ("llama-bf16", "adapter-broken-extra-layer", ["layers.7.self_attn.q_proj"]),
    ("llama-bf16", "adapter-broken-renamed-keys", ["attention.q_proj", "self_attn.q_proj"]),
]


def refuse(harness, words, base, adapter, out, *options):
    """Status 2, words on stderr, a JSON object with --json, nothing new beside the output."""
    place = os.path.dirname(out)
    before = hashes(place)
    result = harness.run("merge", base, adapter, "-o", out, *options)
    harness.equal(result.status, 2, "refused")
    harness.check(result.err.startswith("tenon: "), "the error is tenon's own", result.err)
    for word in words:
        harness.check(word.lower() in result.err.lower(), f"it mentions {word}", result.err)
    again = harness.run("merge", base, adapter, "-o", out, "--json", *options)
    harness.equal(again.status, 2, "refused with --json")
    found = again.json()
    harness.equal(list(found), ["schema", "error"], "the failure object")
    harness.equal(found["schema"], 1, "the schema")
    harness.check({"path", "tensor", "message", "fix"} <= set(found["error"]),
                  "the fields of the error", str(found))
    harness.check(found["error"]["message"], "it says what is wrong", str(found))
    harness.equal(hashes(place), before, "nothing is written, nothing is changed")
    harness.equal(sorted(os.listdir(place)), sorted({p.split(os.sep)[0] for p in before}),
                  "not even an empty folder")


def refused_adapter(harness, group, adapter, words):
    out = os.path.join(harness.fresh(), "out")
    refuse(harness, words, fixture("peft", group, "base"), fixture("peft", group, adapter), out)


PREFIX = "base_model.model.model.layers.0.self_attn.q_proj."


def changed_tensors(change):
    def apply(adapter):
        path = os.path.join(adapter, "adapter_model.safetensors")
        state = load_file(path)
        change(state)
        save_file(state, path)
    return apply


def changed_config(**fields):
    def apply(adapter):
        path = os.path.join(adapter, "adapter_config.json")
        write_json(path, read_json(path) | fields)
    return apply


def without_alpha(adapter):
    os.remove(os.path.join(adapter, "adapter_config.json"))


# title: what is done to adapter-plain, and what the refusal has to mention
BROKEN = {
    "lora_B is missing": (
        changed_tensors(lambda s: s.pop(PREFIX + "lora_B.weight")), ["q_proj", "lora_B"]),
    "lora_A is missing": (
        changed_tensors(lambda s: s.pop(PREFIX + "lora_A.weight")), ["q_proj", "lora_A"]),
    "the ranks of the two factors differ": (
        changed_tensors(lambda s: s.update({PREFIX + "lora_A.weight": torch.ones(3, 32)})),
        ["q_proj", "3", "4"]),
    "the factors have another shape than the base": (
        changed_tensors(lambda s: s.update({PREFIX + "lora_A.weight": torch.ones(4, 31)})),
        ["q_proj", "31", "32"]),
    "an extra tensor": (
        changed_tensors(lambda s: s.update({"base_model.model.extra.thing": torch.ones(2)})),
        ["extra.thing"]),
    "an extra lora_B.bias": (
        changed_tensors(lambda s: s.update({PREFIX + "lora_B.bias": torch.ones(32)})),
        ["bias of model.layers.0.self_attn.q_proj"]),
    "an adapter of no tensors": (changed_tensors(lambda s: s.clear()), ["adapter"]),
    "a tensor of no elements": (
        changed_tensors(lambda s: s.update({PREFIX + "lora_A.weight": torch.ones(0)})), ["q_proj"]),
    "no alpha anywhere": (without_alpha, ["alpha"]),
    "an adapter_config.json that is not JSON": (
        lambda adapter: open(os.path.join(adapter, "adapter_config.json"), "w").write("{"),
        ["adapter_config.json"]),
    "a family that is not LoRA": (changed_config(peft_type="VERA"), ["vera"]),
    "a repeated layer that the base has not": (
        changed_config(layer_replication=[[0, 2], [1, 5]]), ["repeats layer 2"]),
    "an alpha that is not a number": (changed_config(lora_alpha="8"), ["lora_alpha"]),
}


def broken_adapter(harness, change, words):
    place = harness.fresh()
    adapter = os.path.join(place, "adapter")
    shutil.copytree(ADAPTER, adapter)
    change(adapter)
    refuse(harness, words, BASE, adapter, os.path.join(place, "out"))


def copies(harness):
    """A base and an adapter of the case's own, as it tries to harm them."""
    place = harness.fresh()
    shutil.copytree(BASE, os.path.join(place, "base"))
    shutil.copytree(ADAPTER, os.path.join(place, "adapter"))
    return place, os.path.join(place, "base"), os.path.join(place, "adapter")


def existing_output(harness):
    place, base, adapter = copies(harness)
    for name, make in {"folder": os.makedirs, "file": lambda p: open(p, "w").write("mine"),
                       "link": lambda p: os.symlink("nowhere", p)}.items():
        out = os.path.join(place, name)
        make(out)
        refuse_existing(harness, base, adapter, out)


def replaced_output(harness, title, make):
    """With --force the output is the new one, with nothing of the old one in or beside it."""
    place, base, adapter = copies(harness)
    out = os.path.join(place, "out")
    make(base, out)
    result = harness.run("merge", base, adapter, "-o", out, "--force")
    if harness.equal(result.status, 0, f"--force replaces {title}"):
        harness.equal(sorted(os.listdir(out)), sorted(os.listdir(base)), "the new output alone")
    else:
        print(f"     {result}")
    harness.equal(sorted(os.listdir(place)), ["adapter", "base", "out"],
                  "nothing is left beside it")


def stale_model(base, out):
    """An earlier output of two shards, as one shard is to come."""
    os.makedirs(out)
    for name in ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"):
        shutil.copyfile(os.path.join(base, "model.safetensors"), os.path.join(out, name))
    shutil.copyfile(os.path.join(base, "config.json"), os.path.join(out, "config.json"))


def foreign_file(base, out):
    os.makedirs(out)
    with open(os.path.join(out, "old.txt"), "w", encoding="utf-8") as file:
        file.write("old")


def foreign_folder(harness):
    """What holds files that are none of a model is not thrown away, --force or not."""
    place, base, adapter = copies(harness)
    out = os.path.join(place, "out")
    foreign_file(base, out)
    refuse(harness, ["old.txt"], base, adapter, out, "--force")


REPLACED = {
    "an empty folder": lambda base, out: os.makedirs(out),
    "an earlier output": lambda base, out: shutil.copytree(base, out),
    "an earlier output in shards": stale_model,
    "a file": lambda base, out: shutil.copyfile(os.path.join(base, "config.json"), out),
}


def refuse_existing(harness, base, adapter, out):
    place = os.path.dirname(out)
    before, names = hashes(base), sorted(os.listdir(place))
    result = harness.run("merge", base, adapter, "-o", out)
    harness.equal(result.status, 2, f"an existing {os.path.basename(out)} is refused")
    harness.check("--force" in result.err and out in result.err, "it names OUT and --force",
                  result.err)
    harness.equal((hashes(base), sorted(os.listdir(place))), (before, names), "nothing is changed")


def output_is_input(harness):
    """Under its own name, another spelling, through links, and as the folder around it."""
    place, base, adapter = copies(harness)
    link, outer = os.path.join(place, "link"), os.path.join(place, "outer")
    os.symlink("base", link)
    shutil.copytree(base, os.path.join(outer, "base"))
    before = hashes(place)
    for title, arguments in {
        "the base": (base, adapter, base),
        "the base with a slash": (base, adapter, base + "/"),
        "the base by another way": (base, adapter, os.path.join(place, "adapter", "..", "base")),
        "a link to the base": (base, adapter, link),
        "the base, read through a link": (link, adapter, base),
        "the adapter": (base, adapter, adapter),
        "the base's file": (os.path.join(base, "model.safetensors"), adapter,
                            os.path.join(base, "model.safetensors")),
        "the folder around the base": (os.path.join(outer, "base"), adapter, outer),
    }.items():
        *inputs, out = arguments
        for force in ([], ["--force"]):
            result = harness.run("merge", *inputs, "-o", out, *force)
            harness.equal(result.status, 2, f"OUT is {title} {' '.join(force)}: refused")
            if not harness.equal(hashes(place), before, f"OUT is {title}: nothing is changed"):
                raise Unexpected("the inputs were changed; what follows would mislead")
    harness.check(os.path.islink(link), "the link is still a link")


def usage(harness):
    out = os.path.join(harness.fresh(), "out")
    merge = ["merge", BASE, ADAPTER]
    for arguments in (["merge"], merge, [*merge, "-o", out, "--no-such"],
                      [*merge, "-o", out, "--dtype", "F31"], [*merge, "-o", out, "--threads", "0"],
                      [*merge, "-o", out, "--max-shard-size", "5XB"], ["no-such-command"],
                      ["inspect"]):
        result = harness.run(*arguments)
        words = " ".join(word for word in arguments if os.sep not in word)
        harness.equal(result.status, 64, f"{words}: wrong usage")
        harness.check(result.err and not result.out, "told on stderr alone", str(result))
    harness.check(not os.path.exists(out), "nothing is written")


def interrupted(harness, base, adapter, number):
    """The signal comes when the temporary sibling is there; nothing may be left of it."""
    def heed():
        # A shell starts what runs in its background with the signal ignored.
        signal.signal(number, signal.SIG_DFL)

    for _ in range(40):
        place = harness.fresh()
        process = subprocess.Popen(
            [harness.tenon, "merge", base, adapter, "-o", os.path.join(place, "out"),
             "--threads", "1"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed)
        began = wait_until(lambda: os.listdir(place) or process.poll() is not None, PATIENCE)
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
        if process.returncode != 0:
            break
    harness.check(began and process.returncode != 0, "the signal came in time",
                  f"status {process.returncode}")
    harness.check(process.returncode in (2, 128 + number, -number), "it tells that it was stopped",
                  f"status {process.returncode}, {errors.decode()!r}")
    harness.equal(os.listdir(place), [], "nothing is left")


def nothing_left(harness, base, adapter, place, **options):
    result = harness.run("merge", base, adapter, "-o", os.path.join(place, "out"), **options)
    harness.equal(result.status, 2, "the merge fails")
    harness.check(result.err.startswith("tenon: "), "the error is tenon's own", str(result))
    harness.check(place in result.err, "the error names the output", result.err)
    harness.equal(os.listdir(place), [], "nothing is left")


def file_limit(harness, base, adapter):
    """A limit on file sizes, which no look at the free space foresees."""
    def limit():
        # The signal that goes with it is ignored, so that the write fails as on a full disk.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100 << 20, 100 << 20))
    nothing_left(harness, base, adapter, harness.fresh(), preexec_fn=limit, restore_signals=False)


def small_disk(harness, base, adapter):
    """A file system of 64 MiB, where one can be mounted."""
    place = harness.fresh("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        print(f"{harness.title}: left out, as no file system can be mounted here")
        return
    try:
        nothing_left(harness, base, adapter, place)
    finally:
        subprocess.run(["umount", place], check=True)
