public import Formats

/// What torch's strict `load_state_dict` would say of a checkpoint: three lists, in
/// which it names keys of the model that are missing, keys of the checkpoint that the
/// model does not have, and those of other shapes.
public struct StrictLoad: Sendable, Hashable {
  /// A tensor of another shape than the model's.
  public struct Mismatch: Sendable, Hashable {
    public let name: String
    public let expected: [Int]
    public let found: [Int]

    public init(_ name: String, expected: [Int], found: [Int]) {
      self.name = name
      self.expected = expected
      self.found = found
    }
  }

  /// In the order of the model.
  public var missing: [String] = []
  /// In the order of the checkpoint.
  public var unexpected: [String] = []
  /// In the order of the model.
  public var mismatched: [Mismatch] = []

  public init() {}

  public init(missing: [String], unexpected: [String], mismatched: [Mismatch]) {
    self.missing = missing
    self.unexpected = unexpected
    self.mismatched = mismatched
  }

  /// Loads the tensors of `checkpoint` into a model that wants `expected`.
  public init(_ checkpoint: Checkpoint, into expected: KeyList) {
    self.init(
      checkpoint.records, into: expected,
      isVersioned: ![.safetensors, .hdf5].contains(checkpoint.format))
  }

  /// Loads `records` into a model that wants `expected`; a state dict that torch pickled says
  /// which version of each module it holds.
  public init(_ records: [TensorRecord], into expected: KeyList, isVersioned: Bool = true) {
    let names = Self.loadedNames(records, into: expected)
    var shapes: [ExactName: [Int]] = [:]
    for (name, record) in zip(names, records) { shapes[ExactName(name)] = record.shape }
    var wanted: Set<ExactName> = []
    for entry in expected.entries {
      let name = ExactName(entry.name)
      guard wanted.insert(name).inserted else { continue }
      guard let found = shapes[name] else {
        if !isVersioned, Self.isCount(entry.name) { continue }
        missing.append(entry.name)
        continue
      }
      if let shape = entry.shape, !Self.fits(found, into: shape) {
        mismatched.append(Mismatch(entry.name, expected: shape, found: found))
      }
    }
    unexpected = zip(names, records).filter { !wanted.contains(ExactName($0.0)) }
      .map(\.1.name)
  }

  /// Whether it is the count that batch normalisation got with its second version: torch fills
  /// it in for a state dict that says no version.
  private static func isCount(_ name: String) -> Bool {
    name.dottedSegments.last == "num_batches_tracked"
  }

  /// The names as torch takes them: its weight norm, a parametrization today, knows those of
  /// both its tensors from when it was none.
  private static func loadedNames(_ records: [TensorRecord], into expected: KeyList) -> [String] {
    let names = records.map(\.name)
    let held = Set(names.map(ExactName.init))
    let parts = [("_g", "original0"), ("_v", "original1")]
    var loaded: [ExactName: String] = [:]
    for entry in expected.entries where entry.name.hasSuffix(".original0") {
      let path = entry.name.dottedSegments.dropLast()
      guard path.count > 1, path[path.endIndex - 2] == "parametrizations" else { continue }
      let module = path.dropLast(2).map { "\($0)." }.joined()
      let tensor = module + (path.last ?? "")
      guard parts.allSatisfy({ held.contains(ExactName(tensor + $0.0)) }) else { continue }
      for (ending, part) in parts {
        loaded[ExactName(tensor + ending)] = (path + [Substring(part)]).joined(separator: ".")
      }
    }
    return loaded.isEmpty ? names : names.map { loaded[ExactName($0)] ?? $0 }
  }

  /// Whether torch copies the one shape into the other: a vector of one element
  /// also into a scalar, as checkpoints of torch 0.3 need it.
  private static func fits(_ found: [Int], into expected: [Int]) -> Bool {
    found == expected || (expected.isEmpty && found == [1])
  }

  /// Whether the load succeeds.
  public var isClean: Bool { missing.isEmpty && unexpected.isEmpty && mismatched.isEmpty }
}
