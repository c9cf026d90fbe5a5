/// What a pickled value holds: its tensors by name, and what else there is.
struct TorchContents {
  static let maximumTensors = 1 << 18
  static let maximumOthers = 10_000
  static let maximumFindings = 100
  /// The sizes in all shapes together.
  static let maximumAxes = 1 << 22

  private(set) var records: [TensorRecord] = []
  private(set) var others: [OtherEntry] = []
  private(set) var findings: [Finding] = []
  private(set) var omittedOthers = 0

  private var names: [ExactName: Int] = [:]
  /// How many keys lead to each tensor, and the storage that it lies in.
  private var origins: [(steps: Int, storage: String?)] = []
  private var axes = 0

  /// Where a value is: its name, nil where no key leads to it, and how many do.
  struct Place {
    var name: String?
    var steps = 0

    var quoted: String { (name ?? "").quoted }
  }

  /// The positions of the tensors in each storage, in the order of the file.
  var positionsByStorage: [String: [Int]] {
    var positions: [String: [Int]] = [:]
    for (position, origin) in origins.enumerated() {
      if let key = origin.storage { positions[key, default: []].append(position) }
    }
    return positions
  }

  mutating func add(_ tensor: TorchTensors.Tensor, at place: Place) throws(CheckpointError) {
    let name = ExactName(tensor.record.name)
    if let earlier = names[name] { return choose(between: earlier, and: tensor, at: place) }
    names[name] = records.count
    axes += tensor.record.shape.count
    guard records.count < Self.maximumTensors, axes <= Self.maximumAxes else {
      throw CheckpointError(
        "more than \(Self.maximumTensors) tensors or \(Self.maximumAxes) axes")
    }
    origins.append((place.steps, tensor.storage))
    records.append(tensor.record)
  }

  /// Of two tensors whose names print alike takes the one that fewer keys lead to: a
  /// key `a.b` is more like the name than a key `b` under a key `a`.
  private mutating func choose(
    between earlier: Int, and tensor: TorchTensors.Tensor, at place: Place
  ) {
    let record = tensor.record
    let steps = origins[earlier].steps
    report(
      .error, record.name,
      "two keys print as \(record.name.quoted); the tensor "
        + (place.steps == steps ? "of the first is taken" : "that fewer keys lead to is taken"))
    guard place.steps < steps else { return note(place, record) }
    note(place, records[earlier])
    origins[earlier] = (place.steps, tensor.storage)
    records[earlier] = record
  }

  /// Tells of something in the names, as long as there is room.
  mutating func report(_ severity: Finding.Severity, _ name: String, _ message: String) {
    guard findings.count < Self.maximumFindings else { return }
    findings.append(Finding(severity, .duplicateKey, tensors: [name], message))
  }

  /// Lists a tensor that is none of those by name.
  mutating func note(_ place: Place, _ record: TensorRecord) {
    note(place, "\(record.type.name) \(record.shape)")
  }

  /// Lists something else, or counts it where there are too many.
  mutating func note(_ place: Place, _ description: @autoclosure () -> String) {
    guard others.count < Self.maximumOthers else {
      omittedOthers += 1
      return
    }
    others.append(OtherEntry(path: place.name ?? OtherEntry.top, description: description()))
  }
}
