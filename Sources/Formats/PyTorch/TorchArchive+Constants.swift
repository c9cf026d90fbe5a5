extension TorchArchive {
  private static let constants = "constants"

  /// Adds the constants of a TorchScript archive to what was read.
  ///
  /// They are what the code holds beside the attributes, a tuple without names. In a
  /// frozen module they are all the weights that there are, and taken as its tensors;
  /// otherwise they are no part of the state dict and only listed.
  func addConstants(to file: inout TensorFile) {
    do throws(CheckpointError) {
      let records = try constants()
      guard !records.isEmpty else { return }
      guard file.records.isEmpty else {
        file.others += records.map {
          OtherEntry(path: $0.name, description: "\($0.type.name) \($0.shape)")
        }
        return
      }
      file.records = records
      file.findings.append(
        Finding(
          .note, .frozenModule, tensors: records.map(\.name),
          "the module is frozen: its weights are constants without names, listed by their "
            + "position as \(Self.constants)[0] and so on"))
    } catch {
      file.findings.append(
        Finding(.warning, .archiveMismatch, "constants.pkl cannot be read: \(error.message)"))
    }
  }

  /// The tensors of constants.pkl by their position.
  private func constants() throws(CheckpointError) -> [TensorRecord] {
    guard let entry = entry("\(Self.constants).pkl") else { return [] }
    let bytes = try entry.contents(limit: Self.maximumHiddenSize)
    let pickle = try PickleMachine.run(PickleSource(bytes, base: 0))
    let storages = try storages(in: "\(Self.constants)/")
    let tree = TorchTree(TorchTensors(pickle: pickle, storages: storages))
    let walk = try TorchWalk(tree, root: TorchRoot(following: [], in: tree))
    return walk.contents.records.map { record in
      var record = record
      record.name = Self.constants + record.name
      return record
    }
  }
}
