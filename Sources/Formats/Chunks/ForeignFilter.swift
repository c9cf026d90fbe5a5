/// A filter of chunks that is not undone here.
struct ForeignFilter: Sendable, Hashable {
  /// The number that HDF5 has registered for it.
  let identifier: UInt32
  /// What a file calls it.
  let name: String

  /// Names by number, as files often state more than a name; those with which h5py itself
  /// comes, and those that its users get from hdf5plugin.
  private static let own: [UInt32: String] = [
    4: "szip", 5: "nbit", 6: "scaleoffset", 32000: "lzf",
  ]
  private static let plugins: [UInt32: String] = [
    307: "bzip2", 32001: "blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP", 32017: "SZ",
    32018: "FCIDECOMP", 32024: "SZ3", 32026: "blosc2", 32028: "SPERR",
  ]

  /// The error for a chunk that it encodes in the file at `path`.
  func error(in path: String) -> CheckpointError {
    let isOwn = Self.own[identifier] != nil
    let known = Self.own[identifier] ?? Self.plugins[identifier]
    let shown = known ?? (name.isEmpty ? "filter \(identifier)" : name)
    let libraries = known == nil ? nil : isOwn ? ["h5py"] : ["h5py", "hdf5plugin"]
    return CheckpointError(
      path: path,
      "a chunk is encoded by \(shown.quoted), which tenon does not decode"
        + (libraries.map { "; \($0.joined(separator: " with ")) for Python does" } ?? ""),
      fix: libraries.map { Self.command(importing: $0, path) }
        ?? "have the program that wrote the file write it without this filter")
  }

  /// What writes a copy with everything as it was, but without filters. h5repack is no
  /// help: where it lacks a filter, some versions succeed without the data.
  private static func command(importing libraries: [String], _ path: String) -> String {
    let script = "import sys, shutil, numpy, \(libraries.joined(separator: ", ")); \(unpacking)"
    let stem = path.hasSuffix(".h5") ? String(path.dropLast(3)) : path
    return "python -c \(shellWord(script)) \(shellQuoted(path)) \(shellQuoted(stem))-unpacked.h5"
  }

  /// Copies the file and puts a dataset that is contiguous in the place of each that is in
  /// chunks: the same bytes of the same type, with its attributes, under all its names.
  private static let unpacking = [
    "open(sys.argv[2], \"x\")",
    "shutil.copyfile(*sys.argv[1:])",
    "f = h5py.File(sys.argv[2], \"r+\")",
    "names, done, a = [], {}, h5py.h5s.ALL",
    "f.visititems_links(lambda n, l: names.append(n) if isinstance(l, h5py.HardLink) "
      + "and getattr(f[n], \"chunks\", None) else None)",
    "new = lambda o, t: h5py.Dataset(h5py.h5d.create(f.id, None, t, "
      + "h5py.h5s.create_simple(o.shape)))",
    "fill = lambda o, d, t, v: (o.id.read(a, a, v, t), d.id.write(a, a, v, t), "
      + "d.attrs.update(o.attrs), d)[3]",
    "plain = lambda o, t: fill(o, new(o, t), t, numpy.empty(o.shape, (\"V\", t.get_size())))",
    "[f.__setitem__(n, done.get(o) or done.setdefault(o, plain(o, o.id.get_type()))) "
      + "for n in names for o in [f.pop(n)]]",
  ].joined(separator: "; ")
}
