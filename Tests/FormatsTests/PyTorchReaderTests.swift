import Testing

@testable import Formats

@Suite struct PyTorchReaderTests {
  func read(_ name: String, root: [String]? = nil) throws -> TensorFile {
    try PyTorchReader.read(PyTorchFixtures.file(name), root: root)
  }

  @Test(arguments: [
    ("plain", FileFormat.pytorchZip), ("deflated", .pytorchZip), ("legacy", .pytorchLegacy),
    ("legacy-protocol-4", .pytorchLegacy), ("tar", .pytorchTar), ("torchscript", .torchscript),
  ])
  func `tells the format by content`(name: String, format: FileFormat) throws {
    #expect(try read(name).format == format)
  }

  @Test func `another container is taken when asked for`() throws {
    let ema = try read("params-ema", root: ["params"])
    #expect(ema.rootPath == ["params"])
    #expect(ema.records.map(\.name) == ["w", "b"])
    #expect(ema.others.map(\.path) == ["params_ema.w", "params_ema.b"])
    let first = try read("trainer-checkpoint", root: ["optimizer_state_dict", "state", "[0]"])
    #expect(first.records.map(\.name) == ["step", "exp_avg"])
    #expect(try read("list", root: ["[1]"]).records.map(\.name) == ["tensor"])
  }

  @Test func `a root that is not there is told with those that are`() throws {
    let error = #expect(throws: CheckpointError.self) {
      try read("trainer-checkpoint", root: ["model"])
    }
    #expect(
      error?.message == """
        no key "model" in the top of the file, which has "epoch", "model_state_dict", \
        "optimizer_state_dict", "loss"
        """)
  }

  @Test(arguments: [
    (["a", "b"], ["tensor"]), (["a.b"], ["tensor"]), (["optimizer_state_dict", "state", "0"], nil),
    (["[1]"], nil),
  ])
  func `a root may hold dots, and be one number of many`(root: [String], names: [String]?) throws {
    if let names {
      let read = try read("dotted-key", root: root)
      #expect(read.rootPath == ["a.b"])
      #expect(read.records.map(\.name) == names && read.records[0].shape == [3])
    } else if root == ["[1]"] {
      #expect(try read("list", root: ["1"]).rootPath == root)
    } else {
      let read = try read("trainer-checkpoint", root: root)
      #expect(read.rootPath == ["optimizer_state_dict", "state", "[0]"])
      #expect(read.records.map(\.name) == ["step", "exp_avg"])
    }
  }

  @Test(arguments: [
    ("optimizer_state_dict.state.1", "[0]", "optimizer_state_dict.state.[0]"),
    ("optimizer_state_dict.params", #""state", "param_groups""#, "optimizer_state_dict.state"),
  ])
  func `a root that ends too far on is told where`(root: String, keys: String, fix: String) throws {
    let error = #expect(throws: CheckpointError.self) {
      try read("trainer-checkpoint", root: [root])
    }
    let last = root.split(separator: ".").last.map(String.init) ?? ""
    let place = root.dropLast(last.count + 1)
    #expect(error?.message == "no key \"\(last)\" in \"\(place)\", which has \(keys)")
    #expect(error?.fix == "use --root \(shellQuoted(fix))")
  }

  @Test func `bytes behind a legacy stream are told`() throws {
    var bytes = try PyTorchFixtures.bytes("legacy")
    bytes += [1, 2, 3]
    try withFile(holding: bytes) { file in
      let found = try PyTorchReader.read(file).findings.filter { $0.severity > .note }
      #expect(found.map(\.code) == [.trailingData])
      #expect(found.map(\.message) == ["3 bytes follow the data of the last storage"])
    }
  }

  @Test func `of an object the attributes are listed that mean something`() throws {
    #expect(
      try read("module").others.map(\.path) == [
        "0.in_features", "0.out_features", "1.num_features", "1.eps", "1.momentum", "1.affine",
        "1.track_running_stats",
      ])
    #expect(try read("torchscript").others.map(\.path).filter { $0 == OtherEntry.top } == [])
  }

  @Test func `a frozen module has its constants as tensors`() throws {
    let found = try read("frozen-torchscript").findings
    #expect(found.map(\.code) == [.frozenModule])
    #expect(
      found.first?.message == "the module is frozen: its weights are constants without names, "
        + "listed by their position as constants[0] and so on")
  }

  @Test func `what lies beside the state dict is listed`() throws {
    #expect(
      try read("trainer-checkpoint").others.map { "\($0.path): \($0.description)" } == [
        "epoch: 3", "optimizer_state_dict.state[0].step: F32 []",
        "optimizer_state_dict.state[0].exp_avg: F32 [2, 3]",
        "optimizer_state_dict.param_groups: list of 1", "loss: F32 []",
      ])
  }

  @Test func `values of unknown classes are opaque`() throws {
    #expect(
      try read("opaque").others.map { "\($0.path): \($0.description)" } == [
        "args: an object of argparse.Namespace", "bytes: an object of _codecs.encode",
        "set: an object of __builtin__.set", "complex: an object of __builtin__.complex",
        "numpy: an object of numpy._core.multiarray.scalar",
        "array: an object of numpy._core.multiarray._reconstruct",
        "dtype: the global torch.float16", "size: an object of torch.Size",
        "big: an integer of 11 bytes", "device: an object of torch.device",
        "counter: dictionary of 2", "path: an object of pathlib.PurePosixPath",
      ])
    #expect(try read("opaque").globals.allSatisfy { $0.hazard == .harmless })
  }

  @Test(arguments: [
    ("shared-storage", #"a = b = c"#), ("views", ""), ("plain", "tail = whole"),
    ("legacy", "whole = rows = transposed"), ("deflated", "tail = whole"),
  ])
  func `tensors that share bytes are noted`(name: String, expected: String) throws {
    let notes = try read(name).findings.filter { $0.code == .sharedStorage }
    guard name != "views" else {
      #expect(notes.count == 1)
      return
    }
    let names = expected.split(separator: " = ").map { #""\#($0)""# }.joined(separator: " = ")
    #expect(
      notes.map(\.message) == ["a group of tensors shares bytes of one storage: \(names)"])
  }

  @Test(arguments: PyTorchFixtures.names)
  func `nothing is said against what torch wrote`(name: String) throws {
    let told = try read(name).findings.filter { $0.severity > .note }.map(\.message)
    let expected: [String: [String]] = [
      "big-endian-untyped": [
        "the file is big-endian, but these tensors are of untyped storages, whose byte order "
          + "torch leaves as it is: u16"
      ],
      "same-printed-key": [#"two keys print as "[3]"; the tensor of the first is taken"#],
      "surrogate-key": [
        "a text of the pickle holds surrogates, which UTF-8 has no bytes for; "
          + #"they are shown as \udc80 and the like"#
      ],
      "dotted-key": [#"two keys print as "a.b"; the tensor that fewer keys lead to is taken"#],
    ]
    if name == "module" || name == "legacy-module" {
      // A whole module names its classes, which are code.
      #expect(told.count <= 1)
    } else {
      #expect(told == expected[name, default: []])
    }
  }

  @Test func `checksums are compared when asked for`() throws {
    #expect(try PyTorchReader.checksumFindings(PyTorchFixtures.file("plain")).isEmpty)
    #expect(try PyTorchReader.checksumFindings(PyTorchFixtures.file("deflated")).isEmpty)
    #expect(try PyTorchReader.checksumFindings(PyTorchFixtures.file("legacy")).isEmpty)
    let wrong = try PyTorchReader.checksumFindings(PyTorchFixtures.file("wrong-crc"))
    try #require(wrong.map(\.code) == [.checksumMismatch])
    #expect(
      wrong[0].message.hasPrefix(#"the checksum of one zip entry is wrong: "plain/data/0" has"#))
  }

  @Test func `a dense tensor is one plain extent, also inside a larger storage`() throws {
    let records = try read("views").records
    let plain = records.filter { $0.plainExtent != nil }.map(\.name)
    #expect(plain == ["whole", "rows", "element", "reshaped-one"])
    #expect(
      records.filter { $0.plainExtent != nil }.allSatisfy { $0.plainExtent?.count == $0.byteCount })
  }

  @Test func `a view that is larger than the limit is refused before it takes memory`() throws {
    let file = try PyTorchFixtures.file("hostile/tensor-expanded-to-8-gb")
    let record = try #require(try PyTorchReader.read(file).records.first)
    let error = #expect(throws: CheckpointError.self) { try TensorData(record, limit: 1 << 20) }
    #expect(
      error?.message
        == "takes 8000000000 bytes when gathered in memory; at most 1048576 are allowed")
  }
}
