/// One of the PyTorch files of a DeepSpeed checkpoint, its pickle run and its
/// storages found.
struct ZeroFile {
  let file: InputFile
  private(set) var tensors: TorchTensors
  let globals: [TorchGlobal]
  /// That its local headers say something else than its central directory.
  private(set) var disagreement: Finding?

  var pickle: Pickle { tensors.pickle }
  var root: Pickle.Node { pickle.root }

  init(path: String) throws(CheckpointError) {
    let file = try InputFile(path: path)
    self.file = file
    do throws(CheckpointError) {
      switch try PyTorchReader.form(of: file) {
      case .zip:
        let archive = try TorchArchive(ZipArchive(file))
        tensors = TorchTensors(pickle: try archive.run(), storages: try archive.storages())
        globals = tensors.pickle.globals + archive.hiddenGlobals(tensors.pickle)
        disagreement = archive.archive.disagreement
      case .legacy:
        let legacy = try TorchLegacy(file)
        tensors = TorchTensors(pickle: legacy.pickle, storages: legacy.storages)
        globals = legacy.globals
      case .tar, .pickle, nil:
        throw CheckpointError("is not a PyTorch file; expected one that DeepSpeed has written")
      }
    } catch {
      throw GlobalSurvey.completed(error, of: file).with(path: path)
    }
  }

  /// The value of a key, or nil where there is none or it is None.
  func value(_ key: String, in node: Pickle.Node) -> Pickle.Node? {
    guard let value = pickle.value(key, in: node) else { return nil }
    if case .none = pickle[value] { return nil }
    return value
  }

  /// The value of a key, which must be there.
  func required(_ key: String, in node: Pickle.Node, of what: String) throws(CheckpointError)
    -> Pickle.Node
  {
    guard let value = value(key, in: node) else {
      let found = pickle.entries(node) == nil ? "; it is \(pickle.kind(node))" : ""
      throw fault("\(what) has no \(key.quoted)\(found)")
    }
    return value
  }

  func fault(_ message: String, tensor: String? = nil) -> CheckpointError {
    CheckpointError(path: file.path, tensor: tensor, message)
  }

  /// The entries of a dictionary whose keys are the names of parameters; of a name
  /// that is set twice, the last value at the place of the first, as in Python.
  func namedEntries(_ node: Pickle.Node, _ what: String) throws(CheckpointError)
    -> [(name: String, value: Pickle.Node)]
  {
    // Held here: each use of the property would retain all of its tables.
    let pickle = self.pickle
    guard let entries = pickle.entries(node) else {
      throw fault("\(what): a dictionary expected, but found \(pickle.kind(node))")
    }
    guard entries.count / 2 <= TorchContents.maximumTensors else {
      throw fault(
        "\(what): \(entries.count / 2) names; at most \(TorchContents.maximumTensors) are read")
    }
    var result: [(name: String, value: Pickle.Node)] = []
    result.reserveCapacity(entries.count / 2)
    var places: [ExactName: Int] = [:]
    for position in stride(from: 0, to: entries.count - 1, by: 2) {
      guard let name = pickle.text(entries[position]) else {
        throw fault(
          "\(what): the name of a parameter expected, but found "
            + pickle.described(entries[position]))
      }
      if let place = places[ExactName(name)] {
        result[place].value = entries[position + 1]
      } else {
        places[ExactName(name)] = result.count
        result.append((name, entries[position + 1]))
      }
    }
    return result
  }

  /// The items of a tuple or list.
  func items(_ node: Pickle.Node, _ what: String) throws(CheckpointError)
    -> ArraySlice<Pickle.Node>
  {
    guard let items = pickle.items(node) else {
      throw fault("\(what): a list expected, but found \(pickle.kind(node))")
    }
    return items
  }

  /// A number from 0 on, also one that an enumeration stands for.
  func count(_ node: Pickle.Node, _ what: String) throws(CheckpointError) -> Int {
    guard let value = pickle.integer(node) ?? ZeroStage.value(of: node, in: pickle), value >= 0
    else {
      throw fault("\(what): a number from 0 on expected, but found \(pickle.described(node))")
    }
    return value
  }

  /// The tensor that a node makes, or nil where it makes none.
  mutating func tensor(_ node: Pickle.Node, name: String) throws(CheckpointError)
    -> TensorRecord?
  {
    guard let rebuild = tensors.rebuild(node) else { return nil }
    do throws(CheckpointError) {
      return try tensors.tensor(rebuild, name: name).record
    } catch {
      throw error.with(path: file.path)
    }
  }

  /// The tensor that a node makes, which must make one.
  mutating func requiredTensor(_ node: Pickle.Node, name: String, _ what: String)
    throws(CheckpointError) -> TensorRecord
  {
    guard let record = try tensor(node, name: name) else {
      throw fault("\(what): a tensor expected, but found \(pickle.described(node))", tensor: name)
    }
    return record
  }
}

/// DeepSpeed's enumeration of the stages of ZeRO, as pickles hold it.
enum ZeroStage {
  static let className = "deepspeed.runtime.zero.config.ZeroStageEnum"
  private static let members = [
    "disabled": 0, "optimizer_states": 1, "gradients": 2, "weights": 3, "max_stage": 3,
  ]

  /// The number of a member: Python writes the class with the number, and some of
  /// its versions the lookup of the member's name.
  static func value(of node: Pickle.Node, in pickle: Pickle) -> Int? {
    guard let call = pickle.call(node) else { return nil }
    if call.global.name == className, call.arguments.count == 1 {
      return call.arguments.first.flatMap { pickle.integer($0) }
    }
    return isLookup(node, in: pickle)
      ? call.arguments.last.flatMap { pickle.text($0) }.flatMap { members[$0] } : nil
  }

  /// Whether a node is `getattr(ZeroStageEnum, name)`.
  private static func isLookup(_ node: Pickle.Node, in pickle: Pickle) -> Bool {
    guard let call = pickle.call(node), call.global.attribute == "getattr",
      call.arguments.count == 2, let owner = call.arguments.first
    else { return false }
    return pickle.global(owner)?.name == className
  }

  /// Whether every call of `getattr` in a pickle only looks up a stage.
  static func areAllLookups(in pickle: Pickle) -> Bool {
    for node in pickle.values.indices {
      let node = Pickle.Node(node)
      guard case .call(let callable, _) = pickle[node],
        pickle.global(callable)?.attribute == "getattr"
      else { continue }
      if !isLookup(node, in: pickle) { return false }
    }
    return true
  }
}
