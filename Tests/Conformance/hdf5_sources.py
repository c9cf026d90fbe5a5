"""HDF5 among the other formats: every command reads it, a directory survives in it, and
what is long or many has its place."""

import json
import os
import shutil
import subprocess

import h5py
import ml_dtypes
import numpy as np
import torch
from safetensors.torch import load_file, save_file

from harness import fixture, hashes

BASE, ADAPTER = (fixture("peft", "llama-bf16", name) for name in ("base", "adapter-plain"))


def run(harness, every=False):
    with harness.case("every command reads what h5py wrote"):
        sources(harness)
    with harness.case("a directory survives in one file"):
        directory(harness)
    with harness.case("long lists and old libraries"):
        long_lists(harness)
    with harness.case("many chunks"):
        for _ in range(20 if every else 4):
            chunks(harness)
        many_chunks(harness)


def write_opaque(source, target, join):
    """The tensors of a file in groups, bfloat16 as opaque data that does not tell it."""
    with h5py.File(target, "w") as file:
        for name, tensor in load_file(source).items():
            if tensor.dtype == torch.bfloat16:
                array = tensor.view(torch.uint16).numpy().view(ml_dtypes.bfloat16)
            else:
                array = tensor.numpy()
            file[name.replace(".", join)] = array


def sources(harness):
    """Base, adapter and result of a merge as opaque data in groups: with --assume and
    --hdf5-separator all commands say and write what they do of the original."""
    folder = harness.fresh()
    for name in ("base", "adapter", "merged"):
        os.makedirs(os.path.join(folder, name))
    base, adapter, merged = (os.path.join(folder, name) for name in ("base", "adapter", "merged"))
    expected = os.path.join(folder, "expected")
    harness.done("merge", BASE, ADAPTER, "-o", expected)
    write_opaque(os.path.join(BASE, "model.safetensors"), os.path.join(base, "model.h5"), "/")
    write_opaque(os.path.join(expected, "model.safetensors"), os.path.join(merged, "model.h5"), "/")
    write_opaque(os.path.join(ADAPTER, "adapter_model.safetensors"),
                 os.path.join(adapter, "adapter_model.h5"), "/")
    shutil.copy(os.path.join(BASE, "config.json"), base)
    shutil.copy(os.path.join(ADAPTER, "adapter_config.json"), adapter)
    options = ["--assume", "BF16", "--hdf5-separator", "."]
    refused = harness.run("merge", base, adapter, "-o", os.path.join(folder, "refused"))
    harness.equal(refused.status, 2, "opaque data is not merged")
    harness.check("--assume" in refused.err, "the advice names --assume", refused.err)
    out = os.path.join(folder, "out")
    harness.done("merge", base, adapter, "-o", out, *options)
    same = harness.run("diff", out, expected)
    harness.equal(same.status, 0, "the merge is that of the original")
    harness.done("verify", base, adapter, "--merged", merged, *options)
    harness.equal(harness.run("diff", merged, expected, *options).status, 0, "diff reads it")
    harness.equal(harness.run("check", adapter, "--base", base, *options).status, 0,
                  "check finds nothing")
    renamed = os.path.join(folder, "renamed.safetensors")
    harness.done("remap", base, "--rename", r"^model\.=m.", "-o", renamed, *options)
    result = harness.run("diff", BASE, renamed, "--rename", r"^model\.=m.")
    harness.equal(result.status, 0, "remap writes the original under other names")
    slashes = harness.done("inspect", base, "--keys", "--hdf5-separator", "/").out.split()
    wanted = {name.replace(".", "/") for name in load_file(os.path.join(BASE, "model.safetensors"))}
    harness.equal(set(slashes), wanted, "the names with slashes")


def directory(harness):
    """Through tenon and through h5repack, which compresses what it can."""
    folder = harness.fresh()
    source = os.path.join(folder, "model")
    shutil.copytree(BASE, source)
    draw = harness.random
    files = {"tokenizer.model": draw.randbytes(50_000) + b"\0", "empty.txt": b"",
             "tokenizer.json": json.dumps({"größe": "x" * 100_000}).encode(), "own.py": b"x = 1\n",
             os.path.join("additional_chat_templates", "tool.jinja"): b"{{ x }}"}
    os.makedirs(os.path.join(source, "additional_chat_templates"))
    for name, data in files.items():
        with open(os.path.join(source, name), "wb") as file:
            file.write(data)
    whole, back = (os.path.join(folder, name) for name in ("whole.h5", "back"))
    harness.done("convert", source, "-o", whole)
    with h5py.File(whole) as file:
        for name, data in files.items():
            found = file["__files__"][name.replace("/", "%2F")][()]
            found = found.tobytes() if isinstance(found, np.ndarray) else bytes(found)
            harness.check(found == data, f"h5py finds the bytes of {name}")
    harness.done("convert", whole, "-o", back)
    harness.equal(hashes(back), hashes(source), "the directory is what it was")
    if shutil.which("h5repack") is None:
        print("hdf5: without h5repack")
        return
    # It cannot compress a dataset without elements, whoever wrote it.
    os.remove(os.path.join(source, "empty.txt"))
    harness.done("convert", source, "-o", whole, "--force")
    packed = os.path.join(folder, "packed.h5")
    subprocess.run(["h5repack", "-f", "SHUF", "-f", "GZIP=1", whole, packed], check=True)
    again = os.path.join(folder, "again")
    harness.done("convert", packed, "-o", again)
    harness.equal(hashes(again), hashes(source), "the directory is what it was, repacked")


def long_lists(harness):
    """No attribute grows with what is told, and every structure is one of HDF5 1.8."""
    source, target, back = harness.places("a.safetensors", "a.h5", "b.safetensors")
    metadata = {f"key.{i}": "ü" * harness.random.randint(0, 300) for i in range(2000)}
    made = {f"model.layers.{i}.weight": torch.full((2,), i, dtype=torch.bfloat16)
            for i in range(3000)}
    save_file(made, source, metadata=metadata)
    for way in ("none", "gzip"):
        harness.done("convert", source, "-o", target, "--compress", way, "--force")
        with h5py.File(target) as file:
            text = bytes(file["__metadata__"][()])
            harness.check(len(text) > 1 << 17, "the metadata is long", str(len(text)))
            harness.equal(json.loads(text), metadata, "the metadata")
            versions = file.id.get_create_plist().get_version()
            harness.equal(versions, (0, 0, 0, 0), "the versions of superblock and tables")
            for name in ["/", *file]:
                thing = file[name]
                harness.equal(h5py.h5o.get_info(thing.id).hdr.version, 1, f"the header of {name}")
                size = sum(thing.attrs.get_id(key).get_storage_size() for key in thing.attrs)
                harness.check(size < 1 << 10, "attributes are short", f"{name}: {size}")
        if shutil.which("h5dump"):
            done = subprocess.run(["h5dump", "-H", target], capture_output=True)
            harness.equal((done.returncode, done.stderr), (0, b""), "h5dump reads it")
        harness.done("convert", target, "-o", back, "--force")
        with open(source, "rb") as a, open(back, "rb") as b:
            harness.check(a.read() == b.read(), "there and back the same bytes")


def chunks(harness):
    """Grids of every kind of index, dense and sparse, with and without user block."""
    draw = harness.random
    source, target = harness.places("a.h5", "a.safetensors")
    made = {}
    options = draw.choice([{}, {"libver": ("v110", "v110")}, {"libver": ("v108", "v108")}])
    with h5py.File(source, "w", userblock_size=draw.choice([0, 512, 2048]), **options) as file:
        for number in range(12):
            shape = tuple(draw.randint(1, 16) for _ in range(draw.randint(1, 3)))
            sizes = tuple(draw.randint(1, min(3, size)) for size in shape)
            limits = draw.choice([None, tuple(draw.choice([None, size, size + 5])
                                              for size in shape)])
            filters = draw.choice([{}, {"compression": "gzip"}, {"shuffle": True},
                                   {"fletcher32": True}])
            dataset = file.create_dataset(f"w{number}", shape, "<i4", chunks=sizes,
                                          maxshape=limits, fillvalue=7, **filters)
            array = np.full(shape, 7, "<i4")
            if draw.random() < 0.6:
                array[...] = np.arange(array.size).reshape(shape)
                dataset[...] = array
            else:
                for _ in range(draw.randint(0, 40)):
                    place = tuple(draw.randrange(size) for size in shape)
                    array[place] = dataset[place] = draw.randrange(1000)
            made[f"w{number}"] = array
    harness.done("convert", source, "-o", target)
    found = load_file(target)
    for name, array in made.items():
        harness.check(np.array_equal(found[name].numpy(), array), f"{name} {array.shape}")


def many_chunks(harness):
    """As many chunks as there can be elements in a poor choice of their size."""
    source, target = harness.places("a.h5", "a.safetensors")
    numbers = np.arange(400_000, dtype="<f4")
    for options in ({}, {"libver": ("v110", "v110")}):
        with h5py.File(source, "w", **options) as file:
            file.create_dataset("row", data=numbers, chunks=(2,))
            file.create_dataset("grid", data=numbers.reshape(1000, 400), chunks=(1, 2),
                                maxshape=(1000, None))
        harness.done("convert", source, "-o", target, "--force")
        for name, tensor in load_file(target).items():
            harness.check(np.array_equal(tensor.numpy().ravel(), numbers),
                          f"{name}: 200,000 chunks {options}")
