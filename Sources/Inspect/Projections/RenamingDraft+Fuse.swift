import Formats

/// The parts of one whole.
struct ProjectionParts {
  let step: ProjectionStep
  /// What stands before the parts' own words, with its dot.
  let prefix: String
  /// By what follows the words, in the order of the file: the position of each part.
  private(set) var members: [(suffix: String, role: ProjectionTensor.Role, positions: [Int?])] = []

  init(_ step: ProjectionStep, prefix: String) {
    self.step = step
    self.prefix = prefix
  }

  mutating func add(_ tensor: ProjectionTensor, part: Int) {
    guard let role = tensor.role else { return }
    if let index = members.firstIndex(where: { $0.suffix == tensor.suffix }) {
      members[index].positions[part] = tensor.position
    } else {
      var positions: [Int?] = step.parts.map { _ in nil }
      positions[part] = tensor.position
      members.append((tensor.suffix, role, positions))
    }
  }

  /// The path of a part, or of the whole.
  func path(_ part: Int? = nil) -> String {
    "\(prefix)\(part.map { step.parts[$0] } ?? step.fused)"
  }
}

extension RenamingDraft {
  /// Fuses the parts of `step` wherever there are any; returns the number of wholes.
  mutating func fuse(_ step: ProjectionStep, as source: Source) throws(CheckpointError) -> Int {
    var places: [String: Int] = [:]
    var wholes: [ProjectionParts] = []
    for part in step.parts.indices {
      for module in try projections(step.parts[part], to: step.fused) {
        let place = places[module.prefix] ?? wholes.count
        if place == wholes.count {
          places[module.prefix] = place
          wholes.append(ProjectionParts(step, prefix: module.prefix))
        }
        for tensor in module.tensors { wholes[place].add(tensor, part: part) }
      }
    }
    guard !wholes.isEmpty else { return 0 }
    var fusion = try ProjectionFusion(self)
    for whole in wholes {
      do throws(CheckpointError) {
        try fusion.add(whole)
      } catch {
        throw error.with(path: path, tensor: whole.path())
      }
    }
    try apply(fusion.recuts)
    try setScales(fusion.scales)
    projections.append(
      ProjectionChange(
        source: source, from: step.parts, to: [step.fused], moduleCount: wholes.count))
    return wholes.count
  }
}
