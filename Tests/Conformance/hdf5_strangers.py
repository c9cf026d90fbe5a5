"""HDF5 files of others: filters that tenon does not decode, attributes, opaque data, names of
types, files within the file that lead elsewhere."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys

import h5py
import ml_dtypes
import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file


def run(harness):
    for title, case in (("filters", filters), ("attributes", attributes), ("opaque data", opaque),
                        ("names of types", type_names), ("files within", files),
                        ("a directory", directory), ("a file that is not closed", unclosed),
                        ("one name for two", one_name), ("what is left out", left_out)):
        with harness.case(title):
            case(harness)


def paths(harness, *names):
    folder = harness.fresh("it's a folder")
    return [os.path.join(folder, name) for name in names]


def filters(harness):
    """What is advised where a filter is not known writes a copy that has everything."""
    import hdf5plugin
    ways = {"lzf": {"compression": "lzf"}, "scaleoffset": {"scaleoffset": 0},
            "blosc": dict(hdf5plugin.Blosc()), "blosc2": dict(hdf5plugin.Blosc2()),
            "bitshuffle": dict(hdf5plugin.Bitshuffle()), "LZ4": dict(hdf5plugin.LZ4())}
    draw = np.random.default_rng(harness.random.randrange(1 << 32))
    for name, options in ways.items():
        source, target = paths(harness, "a b.h5", "a.safetensors")
        array = draw.integers(0, 100, (60, 50)).astype("<i4")
        brain = draw.normal(size=(60, 50)).astype(ml_dtypes.bfloat16)
        with h5py.File(source, "w", libver=draw.choice(["earliest", "v110"])) as file:
            file.attrs["note"] = "größe"
            file.create_dataset("g/w", data=array, chunks=(20, 50), **options)
            file["g/w"].attrs["unit"] = "m"
            file["tied"] = file["g/w"]
            file["plain"] = array
            file.create_dataset("grows", data=array, chunks=(7, 50), maxshape=(None, 50), **options)
            if name != "scaleoffset":
                file.create_dataset("brain", data=brain.view("V2"), dtype="V2", chunks=(60, 10),
                                    **options)
                file["brain"].attrs["dtype"] = "bfloat16"
        for command in (("convert", source, "-o", target), ("inspect", source, "--hash")):
            result = harness.run(*command, "--json")
            harness.equal(result.status, 2, f"{name}: {command[0]} fails")
            error = result.json()["error"]
            harness.check(error["tensor"] in ("g.w", "tied", "grows", "brain"), f"{name}: the tensor",
                          f"{error}")
        words = shlex.split(error["fix"])
        harness.equal(words[0], "python", f"{name}: the advice is a command")
        unpacked = words[-1]
        subprocess.run([sys.executable, *words[1:]], check=True)
        again = subprocess.run([sys.executable, *words[1:]], capture_output=True)
        harness.check(again.returncode != 0, f"{name}: nothing is overwritten")
        harness.done("convert", unpacked, "-o", target)
        with safe_open(target, "pt") as file:
            found = {key: file.get_tensor(key) for key in file.keys()}
            metadata = file.metadata()
        harness.equal(metadata.get("note"), "größe", f"{name}: attributes of the file")
        harness.equal(metadata.get("g.w@unit"), "m", f"{name}: attributes of a dataset")
        for key in ("g.w", "plain", "grows"):
            harness.check(np.array_equal(found[key].numpy(), array), f"{name}: {key}")
        with h5py.File(unpacked) as file:
            harness.check(file["tied"] == file["g/w"], f"{name}: two names of one")
        if name != "scaleoffset":
            bits = found["brain"].view(__import__("torch").int16).numpy()
            harness.check(np.array_equal(bits, brain.view("<i2")), f"{name}: bfloat16")


def attributes(harness):
    """What h5py writes into attributes is found in the metadata."""
    draw = np.random.default_rng(harness.random.randrange(1 << 32))
    source, target = paths(harness, "a.h5", "a.safetensors")
    values = {"text": "größe", "true": np.True_, "empty": ""}
    for number, kind in enumerate(("<i1", ">i2", "<i4", ">i8", "<u1", ">u4", "<u8", "<f2", ">f4",
                                   "<f8", "?", "<c8", ">c16", "V3")):
        for rank in range(3):
            shape = tuple(draw.integers(0 if rank == 2 else 1, 4, rank))
            bits = draw.integers(0, 256, int(np.prod(shape)) * np.dtype(kind).itemsize, "u1")
            array = (bits % 2).astype("?") if kind == "?" else bits.view(kind)
            values[f"{number}.{kind}.{rank}"] = array.reshape(shape)[()]
    with h5py.File(source, "w") as file:
        file["w"] = np.zeros(2, "<f4")
        for key, value in values.items():
            file.attrs[key] = value
        file["w"].attrs["of it"] = [True, False]
    harness.done("convert", source, "-o", target)
    with safe_open(target, "np") as file:
        metadata = file.metadata()
    harness.equal(set(metadata) - {"format"}, set(values) | {"w@of it"}, "the names")
    harness.equal(metadata["w@of it"], "[true,false]", "an attribute of a dataset")
    for key, value in values.items():
        harness.check(same(metadata[key], value), key, f"{metadata[key]!r} for {value!r}")


def same(text, value):
    """Whether a text of the metadata stands for an attribute's value."""
    if isinstance(value, str):
        return text == value
    if isinstance(value, np.void):
        return text == bytes(value).hex()
    value = np.asarray(value)
    found = json.loads(text)
    if value.size == 0:
        return found == []
    if value.dtype.kind == "V":
        return np.array_equal(found, [[item.tobytes().hex() for item in row] for row in value]
                              if value.ndim == 2 else [item.tobytes().hex() for item in value])
    if value.dtype.kind == "c":
        parts = np.vectorize(lambda item: (item["r"], item["i"]), otypes=(float, float))(found)
        return all(np.array_equal(part, wanted, equal_nan=True)
                   for part, wanted in zip(parts, (value.real.astype(float),
                                                   value.imag.astype(float))))
    if np.shape(found) != value.shape or (value.dtype.kind == "b") != (
            np.asarray(found).dtype.kind == "b"):
        return False
    if value.dtype.kind == "f":
        return np.array_equal(np.asarray(found, float), value.astype(float), equal_nan=True)
    return np.asarray(found, object).tolist() == value.tolist()


def opaque(harness):
    """Opaque data of every width in one go."""
    source, target = paths(harness, "a.h5", "a.safetensors")
    kinds = {1: ("F8_E4M3", "i1"), 2: ("BF16", "<i2"), 4: ("F32", "<f4"), 8: ("C64", "<c8")}
    made = {}
    with h5py.File(source, "w") as file:
        for width, (_, kind) in kinds.items():
            made[f"w{width}"] = np.arange(6).reshape(2, 3).astype(kind)
            file[f"w{width}"] = made[f"w{width}"].view(f"V{width}")
    options = [word for dtype, _ in kinds.values() for word in ("--assume", dtype)]
    harness.equal(harness.run("convert", source, "-o", target, *options[:-2]).status, 2,
                  "one width is missing")
    harness.done("convert", source, "-o", target, *options)
    with safe_open(target, "pt") as file:
        for width, (dtype, _) in kinds.items():
            harness.equal(file.get_slice(f"w{width}").get_dtype(), dtype, f"{width} bytes")
            found = file.get_tensor(f"w{width}").contiguous().view(__import__("torch").uint8)
            harness.equal(found.numpy().tobytes(), made[f"w{width}"].tobytes(), f"{width} bytes")
    wrong = harness.run("convert", source, "-o", target, "--force", "--assume", "F32",
                        "--assume", "I32")
    harness.equal(wrong.status, 64, "two types of one width")


def type_names(harness):
    """The names of NumPy and torch say what bytes are."""
    source, target = paths(harness, "a.h5", "a.safetensors")
    made = {}
    with h5py.File(source, "w") as file:
        for kind in ("f2", "f4", "f8", "i2", "i8", "u4", "c8", "?"):
            array = (np.arange(6) % 2).astype(kind)
            width = array.itemsize
            for form in (f"<u{width}", f"V{width}"):
                for lead in ("", "torch."):
                    name = f"{array.dtype.name} {form} {lead}".replace(".", " ")
                    file[name] = array.view(form)
                    file[name].attrs["dtype"] = lead + array.dtype.name
                    made[name] = array
    harness.done("convert", source, "-o", target)
    found = load_file(target)
    for name, array in made.items():
        harness.check(found[name].dtype == array.dtype and np.array_equal(found[name], array), name)


def files(harness):
    """Only files under plain names come out of a file."""
    source, target = paths(harness, "a.h5", "out")
    good = {"config.json", "größe.txt", "additional_chat_templates%2Frag.jinja"}
    bad = {"..%2F..%2Fevil", "%2Ftmp%2Fevil", "a%2Fb", "model.safetensors.index.json", ".bashrc",
           "MODEL.safetensors", "pytorch_model.bin", "x\\y", "x\x1b[1m", "a" * 300, "confi%67.json"}
    with h5py.File(source, "w") as file:
        file.attrs["tenon_hdf5"] = np.int64(1)
        file["w"] = np.zeros(2, "<f4")
        for name in good | bad:
            file.create_group("__files__", track_order=False) if "__files__" not in file else None
            file["__files__"][name] = np.bytes_(b"{}")
    result = harness.done("convert", source, "-o", target)
    harness.check(f"carries {len(bad)} files under names" in result.err, "it is told", result.err)
    found = {os.path.relpath(os.path.join(folder, name), target)
             for folder, _, names in os.walk(target) for name in names}
    harness.equal(found, {name.replace("%2F", "/") for name in good} | {"model.safetensors"},
                  "the files")
    harness.equal(sorted(os.listdir(os.path.dirname(target))), ["a.h5", "out"], "nothing beside")


def directory(harness):
    """A directory of Keras' or TensorFlow's has no other weights."""
    for name in ("tf_model.h5", "model.weights.h5", "weights.hdf5"):
        folder, target = paths(harness, "in", "a.safetensors")
        os.makedirs(folder)
        with h5py.File(os.path.join(folder, name), "w") as file:
            file["w"] = np.arange(3, dtype="<f4")
        with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as out:
            out.write("{}")
        harness.done("convert", folder, "-o", target)
        harness.equal(load_file(target)["w"].tolist(), [0, 1, 2], name)


def unclosed(harness):
    """What is advised for a file whose writer was killed makes it readable."""
    source, target = paths(harness, "a b.h5", "a.safetensors")
    subprocess.run([sys.executable, "-c", f"""
import os, h5py
f = h5py.File({source!r}, "w", libver=("v110", "v110"))
f.create_dataset("w", (4,), "f4", maxshape=(None,), chunks=(2,))
f.swmr_mode = True
f["w"][:] = 1
f["w"].flush()
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""], check=False)
    result = harness.run("convert", source, "-o", target, "--json")
    harness.equal(result.status, 2, "it is refused")
    error = result.json()["error"]
    harness.check(error["message"].endswith("a program that writes it has not closed it"),
                  "the reason", error["message"])
    words = shlex.split(error["fix"])
    harness.equal(words, ["h5clear", "-s", "--increment=0", source], "the command")
    if shutil.which("h5clear") is None:
        print("hdf5: without h5clear")
        return
    subprocess.run(words, check=True)
    harness.done("convert", source, "-o", target)
    harness.equal(load_file(target)["w"].tolist(), [1, 1, 1, 1], "the data")


def one_name(harness):
    """A separator is advised where it helps, and only there."""
    made = {
        "separator": (["a.b", "a/b"], {}, True),
        "the layers of Keras": (["dense/dense/k", "dense/k"], {"layer_names": [b"dense"]}, False),
        "no UTF-8": ([b"x\xff", b"x\xfe"], {}, False),
        "two ways to write a name": (["a%41b", "aAb"], {"tenon_hdf5": np.int64(1)}, False),
    }
    for title, (names, attributes, helps) in made.items():
        source, = paths(harness, "a.h5")
        with h5py.File(source, "w") as file:
            for key, value in attributes.items():
                file.attrs[key] = value
            for name in names:
                file[name] = np.zeros(2, "<f4")
        result = harness.run("inspect", source)
        harness.equal(result.status, 2, f"{title}: refused")
        harness.equal("--hdf5-separator" in result.err, helps, f"{title}: the advice")
        harness.equal(harness.run("inspect", source, "--hdf5-separator", "/").status,
                      0 if helps else 2, f"{title}: the separator")


def left_out(harness):
    """What is left out is named so that nobody takes it for the model."""
    source, target = paths(harness, "a.h5", "a.safetensors")
    with h5py.File(source, "w") as file:
        file["model/layers/0/weight"] = np.zeros(2, "<f4")
        file["model/layers/0/extra/words"] = "text"
        for number in range(3):
            file[f"model/tables/{number}/words"] = "text"
        file["notes"] = "text"
    result = harness.done("convert", source, "-o", target)
    rows = [line.split(None, 2)[2] for line in result.out.splitlines()
            if line.startswith("left out")]
    harness.equal(rows, ["model.layers.0.extra.words, model.tables (3 entries), notes"], "the row")
