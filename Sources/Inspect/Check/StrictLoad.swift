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

  /// Loads `records` into a model that wants `expected`.
  public init(_ records: [TensorRecord], into expected: KeyList) {
    var shapes: [ExactName: [Int]] = [:]
    for record in records { shapes[ExactName(record.name)] = record.shape }
    var wanted: Set<ExactName> = []
    for entry in expected.entries {
      let name = ExactName(entry.name)
      guard wanted.insert(name).inserted else { continue }
      guard let found = shapes[name] else {
        missing.append(entry.name)
        continue
      }
      if let shape = entry.shape, !Self.fits(found, into: shape) {
        mismatched.append(Mismatch(entry.name, expected: shape, found: found))
      }
    }
    unexpected = records.map(\.name).filter { !wanted.contains(ExactName($0)) }
  }

  /// Whether torch copies the one shape into the other: a vector of one element
  /// also into a scalar, as checkpoints of torch 0.3 need it.
  private static func fits(_ found: [Int], into expected: [Int]) -> Bool {
    found == expected || (expected.isEmpty && found == [1])
  }

  /// Whether the load succeeds.
  public var isClean: Bool { missing.isEmpty && unexpected.isEmpty && mismatched.isEmpty }
}
