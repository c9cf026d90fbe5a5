/// The tensors that were not trained, and the second names of parameters.
extension ZeroReader {
  mutating func frozen(
    _ states: ZeroModelStates, stage: Int, _ file: inout ZeroFile, ranks: Int
  ) throws(CheckpointError) -> [TensorRecord] {
    guard !states.frozen.isEmpty else { return [] }
    guard stage == 3 else {
      let fragments = try ZeroModelStates.fragments(&file)
      var records: [TensorRecord] = []
      for parameter in states.frozen {
        guard let record = fragments[ExactName(parameter.name)] else {
          throw missingFragment(parameter, in: file)
        }
        guard record.shape == parameter.shape else {
          throw file.fault(
            "frozen_param_shapes gives it \(parameter.shape), but it has \(record.shape)",
            tensor: parameter.name)
        }
        records.append(record)
      }
      return records
    }
    return try gathered(states.frozen, ranks: ranks)
  }

  /// Frozen parameters of ZeRO 3, of which each rank has a part in its own file of
  /// model states.
  private mutating func gathered(_ parameters: [ZeroParameter], ranks: Int)
    throws(CheckpointError) -> [TensorRecord]
  {
    let files = try directory.files(ZeroFileName.modelSuffix)
    guard files.map(\.rank) == Array(0..<ranks) else {
      let found = Set(files.map(\.rank))
      let missing = (0..<ranks).filter { !found.contains($0) }.map(String.init)
      throw CheckpointError(
        "expected \(ranks) of '*\(ZeroFileName.modelSuffix)' with the parts of frozen parameters, "
          + "but found \(files.count)"
          + (missing.isEmpty ? "" : "; missing \(Self.ranks(missing))"),
        fix: Self.allRanks(in: directory))
    }
    var rows = [ZeroRow](repeating: ZeroRow(), count: parameters.count)
    for (_, name) in files {
      var file = try open(name)
      let fragments = try ZeroModelStates.fragments(&file)
      for (index, parameter) in parameters.enumerated() {
        guard let fragment = fragments[ExactName(parameter.name)] else {
          throw missingFragment(parameter, in: file)
        }
        do throws(CheckpointError) {
          try rows[index].append(fragment)
        } catch {
          throw error.with(path: file.file.path, tensor: parameter.name)
        }
      }
    }
    var assembly = ZeroAssembly()
    for (parameter, row) in zip(parameters, rows) { try assembly.add(parameter, fragments: row) }
    return assembly.records
  }

  private func missingFragment(_ parameter: ZeroParameter, in file: ZeroFile) -> CheckpointError {
    file.fault(
      "is in frozen_param_shapes, but not in frozen_param_fragments", tensor: parameter.name)
  }

  /// The parameters of the module that no list names: ZeRO 1 keeps those that are
  /// frozen there alone. A tensor of shape [0] only holds a place.
  mutating func addRest(of states: ZeroModelStates, without groups: [[ZeroParameter]])
    throws(CheckpointError)
  {
    var listed = trained
    for pair in states.shared { listed.insert(ExactName(pair.alias)) }
    try add(
      states.module.filter {
        let name = ExactName($0.name)
        return $0.shape != [0] && !names.contains(name) && !listed.contains(name)
      })
  }

  /// Lists the second names of parameters, which share the bytes of the first.
  mutating func addShared(_ pairs: [(alias: String, name: String)]) {
    guard !pairs.isEmpty else { return }
    let positions = NameTable(records)
    var listed: [(alias: String, name: String)] = []
    for (alias, name) in pairs {
      guard let position = positions[name], names.insert(ExactName(alias)).inserted else {
        continue
      }
      var record = records[position]
      record.name = alias
      records.append(record)
      if trained.contains(ExactName(name)) { trained.insert(ExactName(alias)) }
      listed.append((alias, name))
    }
    guard !listed.isEmpty else { return }
    let texts = listed.map { "\($0.alias.quoted) = \($0.name.quoted)" }
    findings.append(
      Finding(
        .note, .sharedStorage, tensors: listed.flatMap { [$0.alias, $0.name] },
        (listed.count == 1 ? "a parameter has a second name: " : "parameters have second names: ")
          + TorchFindings.shortList(texts)))
  }
}
