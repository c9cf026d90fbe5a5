"""`tenon convert` against torch, safetensors, zipfile, unzip and PEFT."""

import json
import os
import subprocess
import zipfile

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file, save_model
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoModelForCausalLM

from harness import fixture, hashes
from models import base_model, save_base
from tensors import NAMES, bits, header, load_directory, random_state, random_values, save_sorted

try:
    from picklescan.scanner import scan_file_path
except ImportError:
    scan_file_path = None

FILES = 8  # random files a run
PT = {"format": "pt"}
METADATA = [None, PT, {"zoë": "1", "format": "pt", "author": "a \"b\"\\\n"}, {"": "", "z": "1"}]
FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn,
          torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]


def run(harness, every):
    for number in range(FILES):
        for metadata in METADATA:
            with harness.case(f"there and back {number}, metadata {metadata}"):
                there_and_back(harness, metadata)
        with harness.case(f"--dtype {number}"):
            types(harness)
        with harness.case(f"shards {number}"):
            shards(harness)
    for form in (True, False):
        for title, make in LAYOUTS.items():
            with harness.case(f"{title}, {'zip' if form else 'legacy'}"):
                layout(harness, make, form)
    with harness.case("tied weights"):
        tied(harness)
    with harness.case("an adapter"):
        adapter(harness)
    with harness.case("a model"):
        model(harness)


def same(harness, found, expected, what):
    """Names, types, shapes and bits."""
    harness.equal(sorted(found), sorted(expected), f"{what}: names")
    for name, tensor in expected.items():
        other = found.get(name)
        if other is None:
            continue
        harness.equal((other.dtype, other.shape), (tensor.dtype, tensor.shape),
                      f"{what}: type and shape of {name}")
        harness.check(torch.equal(bits(flat(other)), bits(flat(tensor))), f"{what}: bits of {name}")


def flat(tensor):
    tensor = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return torch.view_as_real(tensor).reshape(-1) if tensor.is_complex() else tensor


def good_archive(harness, path, expected):
    """A file that every reader takes, whichever way it is asked to read."""
    same(harness, torch.load(path, weights_only=True), expected, "torch.load")
    same(harness, torch.load(path, weights_only=True, mmap=True), expected, "mmap")
    shapes = {name: (tensor.dtype, tensor.shape) for name, tensor in expected.items()}
    meta = torch.load(path, weights_only=True, map_location="meta")
    harness.equal({name: (t.dtype, t.shape) for name, t in meta.items()}, shapes, "meta")
    for calculated in (False, True):
        torch.utils.serialization.config.load.calculate_storage_offsets = calculated
        try:
            with FakeTensorMode():
                fake = torch.load(path, weights_only=True)
            harness.equal({name: (t.dtype, t.shape) for name, t in fake.items()}, shapes,
                          f"fake tensors, offsets calculated: {calculated}")
        finally:
            torch.utils.serialization.config.load.calculate_storage_offsets = False
    with zipfile.ZipFile(path) as archive:
        harness.equal(archive.testzip(), None, "zipfile")
    unzip = subprocess.run(["unzip", "-tq", path], capture_output=True, check=False)
    harness.equal(unzip.returncode, 0, "unzip -t")
    if scan_file_path is not None:
        scan = scan_file_path(path)
        harness.equal((scan.issues_count, scan.infected_files, scan.scan_err), (0, 0, False),
                      "picklescan")


def there_and_back(harness, metadata):
    place = harness.fresh()
    start, middle, end = (os.path.join(place, name)
                          for name in ("a.safetensors", "b.bin", "c.safetensors"))
    state = random_state(harness.random, harness.random.randint(1, 30))
    save_sorted(state, start, metadata) if metadata else save_file(state, start)
    report = harness.json("convert", start, "-o", middle)
    harness.equal((report["tensors"], report["converted"], report["lost"]), (len(state), 0, []),
                  "the report")
    good_archive(harness, middle, state)
    harness.done("convert", middle, "-o", end, "--threads", harness.random.randint(1, 5))
    harness.equal(hashes(place)["c.safetensors"], hashes(place)["a.safetensors"], "the same bytes")


def types(harness):
    """Every value is what torch makes of it, and the losses are those that torch's values show."""
    place = harness.fresh()
    state = {}
    for number, dtype in enumerate(FLOATS):
        wide = torch.randn(40, 11, dtype=torch.float64) * 10.0 ** harness.random.randint(-9, 9)
        state[f"{number}.normal"] = wide.to(dtype)
        state[f"{number}.bits"] = random_values([300], dtype)
    state["index"] = torch.arange(5)
    path = os.path.join(place, "in.safetensors")
    save_file(state, path)
    wanted = harness.random.choice(FLOATS)
    out = os.path.join(place, "out" + harness.random.choice([".safetensors", ".pt"]))
    report = harness.json("convert", path, "-o", out, "--dtype", NAMES[wanted].lower())
    found = load_file(out) if out.endswith(".safetensors") else torch.load(out, weights_only=True)
    lost = {row["name"]: row for row in report["lost"]}
    for name, tensor in state.items():
        if not tensor.is_floating_point() or tensor.dtype == wanted:
            same(harness, {name: found[name]}, {name: tensor}, "untouched")
            continue
        harness.equal(found[name].dtype, wanted, f"the type of {name}")
        exact, result = tensor.double(), found[name].double()
        # torch rounds a float64 twice on its way to a narrow type.
        if tensor.dtype != torch.float64 or wanted == torch.float32:
            expected = tensor.to(wanted).double()
            harness.check(torch.equal(result.nan_to_num(7e300), expected.nan_to_num(7e300)),
                          f"{name}: {tensor.dtype} to {wanted}")
        changed = (result != exact) & ~exact.isnan()
        largest = torch.finfo(wanted).max
        overflow = exact.isfinite() & (~result.isfinite() | (
            (result.abs() == largest) & (exact.abs() > largest + 16) & (largest == 448)))
        counts = {"overflow": overflow, "underflow": (result == 0) & (exact != 0),
                  "changed": changed}
        row = lost.get(name, {"overflow": 0, "underflow": 0, "changed": 0})
        harness.equal({key: row[key] for key in counts},
                      {key: int(value.sum()) for key, value in counts.items()},
                      f"{name}: what {tensor.dtype} lost as {wanted}")


def shards(harness):
    place = harness.fresh()
    state = random_state(harness.random, 40)
    path = os.path.join(place, "in.pt")
    torch.save(state, path)
    size = harness.random.randint(200, 3000)
    out, back = os.path.join(place, "out"), os.path.join(place, "back")
    report = harness.json("convert", path, "-o", out, "--format", "pytorch",
                          "--max-shard-size", size)
    whole = {}
    homes = {}
    for file in report["files"]:
        part = torch.load(os.path.join(out, file), weights_only=True)
        held = sum(t.numel() * t.element_size() for t in part.values())
        large = sum(t.numel() > 0 for t in part.values())
        harness.check(held <= size or large == 1, f"{file} holds {held} bytes")
        whole |= part
        homes |= {name: file for name in part}
    same(harness, whole, state, "all shards")
    if len(report["files"]) > 1:
        with open(os.path.join(out, "pytorch_model.bin.index.json"), encoding="utf-8") as file:
            index = json.load(file)
        harness.equal(index["weight_map"], homes, "the index")
        harness.equal(index["metadata"]["total_size"],
                      sum(t.numel() * t.element_size() for t in state.values()), "total_size")
    harness.done("convert", out, "-o", back, "--max-shard-size", size)
    same(harness, load_directory(back), state, "back")


# How tensors lie in storages. Each gives a state and what it has to become.
def strided(make):
    return lambda: {f"{NAMES[dtype]}": make(random_values([6, 8], dtype)) for dtype in NAMES}


LAYOUTS = {
    "contiguous": strided(lambda tensor: tensor),
    "transposed": strided(lambda tensor: tensor.t()),
    "a view": strided(lambda tensor: tensor[2:5, 1:7]),
    "every other": strided(lambda tensor: tensor[::2, ::3]),
    "expanded": strided(lambda tensor: tensor[:1].expand(5, 8)),
    "a scalar": strided(lambda tensor: tensor[3, 4]),
    "empty": strided(lambda tensor: tensor[:0]),
    "a parameter": strided(lambda tensor: torch.nn.Parameter(tensor, requires_grad=False)),
    "conjugated": lambda: {"c": random_finite().conj(), "i": random_finite().conj().imag},
    "parts of one": lambda: dict(enumerated(torch.randn(9, 4))),
}


def random_finite():
    return torch.complex(torch.randn(3, 4), torch.randn(3, 4))


def enumerated(whole):
    return [("upper", whole[:5]), ("lower", whole[4:]), ("first", whole[0]), ("all", whole)]


def layout(harness, make, form):
    place = harness.fresh()
    state = make()
    if not form:
        # The old form can be written with the new types, but not read again.
        state = {name: t for name, t in state.items()
                 if t.dtype.itemsize > 1 or not t.is_floating_point()}
        state = {name: t for name, t in state.items()
                 if t.dtype not in (torch.uint16, torch.uint32, torch.uint64)}
    path = os.path.join(place, "in.pt")
    torch.save(state, path, _use_new_zipfile_serialization=form)
    harness.done("convert", path, "-o", os.path.join(place, "out.bin"))
    good_archive(harness, os.path.join(place, "out.bin"), state)
    harness.done("convert", path, "-o", os.path.join(place, "out.safetensors"))
    same(harness, load_file(os.path.join(place, "out.safetensors")), state, "safetensors")


def tied(harness):
    """Two names of one tensor, as the reference library drops and notes them."""
    place = harness.fresh()
    module = torch.nn.ModuleDict({"b": torch.nn.Linear(4, 6), "a": torch.nn.Linear(4, 6),
                                  "c": torch.nn.Linear(4, 6)})
    module["a"].weight = module["b"].weight
    module["c"].weight = module["b"].weight
    path, out = os.path.join(place, "in.pt"), os.path.join(place, "out.safetensors")
    torch.save(module.state_dict(), path)
    save_model(module, os.path.join(place, "expected.safetensors"), metadata=PT)
    harness.done("convert", path, "-o", out)
    harness.equal(header(out), header(os.path.join(place, "expected.safetensors")),
                  "the header that save_model writes")
    for source in (path, out):
        again = os.path.join(place, "again.bin")
        harness.done("convert", source, "-o", again, "--force")
        good_archive(harness, again, module.state_dict())
        state = torch.load(again, weights_only=True)
        places = {state[f"{name}.weight"].untyped_storage().data_ptr() for name in "abc"}
        harness.equal(len(places), 1, "the three names share a storage")
    harness.done("convert", path, "-o", out, "--keep-shared", "--force")
    same(harness, load_file(out), module.state_dict(), "--keep-shared")


def adapter(harness):
    """PEFT loads what was converted, and it is the adapter that it was."""
    place = harness.fresh()
    source = fixture("peft", "llama-bf16", "adapter-plain")
    base = fixture("peft", "llama-bf16", "base")
    expected = load_file(os.path.join(source, "adapter_model.safetensors"))
    out = os.path.join(place, "out")
    harness.done("convert", source, "-o", out, "--format", "pytorch")
    harness.equal(sorted(os.listdir(out)), ["adapter_config.json", "adapter_model.bin"], "files")
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), out)
    loaded = {name.replace(".default", ""): tensor for name, tensor in model.state_dict().items()
              if "lora_" in name}
    same(harness, {name: loaded[name].to(expected[name].dtype) for name in loaded}, expected,
         "as PEFT loads it")


def model(harness):
    """transformers loads what was converted."""
    place = harness.fresh()
    source = os.path.join(place, "base")
    made = base_model("llama", "F32")
    save_base(made, source, shard_size="12KB")
    expected = load_directory(source)
    for form, size in (("pytorch", "20KB"), ("safetensors", "5GB")):
        out = os.path.join(place, form)
        harness.done("convert", source, "-o", out, "--format", form, "--max-shard-size", size)
        loaded = AutoModelForCausalLM.from_pretrained(out, use_safetensors=form == "safetensors")
        same(harness, loaded.state_dict(), expected, f"as transformers loads {form}")
