/// What a file of model states says: the names and shapes of the parameters in
/// the order in which the flat partitions hold them, and what is not partitioned.
struct ZeroModelStates {
  /// The trained parameters, group by group; nil where nothing is partitioned.
  let groups: [[ZeroParameter]]?
  /// The parameters that were not trained.
  let frozen: [ZeroParameter]
  /// Pairs of names for one parameter: the one that holds no data and the other.
  let shared: [(alias: String, name: String)]
  /// The tensors of the state dict as the module has them: buffers, and for ZeRO 1
  /// and 2 the parameters in the precision of training.
  let module: [TensorRecord]
  let bufferNames: Set<ExactName>
  /// Facts for listing.
  let others: [OtherEntry]

  private static let listedKeys = [
    "ds_version", "global_steps", "global_samples", "dp_world_size", "mp_world_size",
  ]
  /// Marks of experts that are partitioned in a way of their own.
  private static let expertKeys = ["ds_autoep_layers", "autoep_layers"]

  init(_ file: inout ZeroFile) throws(CheckpointError) {
    let root = file.root
    guard file.pickle.entries(root) != nil, file.pickle.value("module", in: root) != nil else {
      throw file.fault("is no file of model states: it has no \"module\"")
    }
    for key in Self.expertKeys where file.value(key, in: root) != nil {
      throw file.fault("holds experts with partitions of their own (\(key)); not supported")
    }
    groups = try Self.groups(file)
    frozen =
      try file.value("frozen_param_shapes", in: root)
      .map { (node) throws(CheckpointError) in
        try Self.parameters(file, node, "frozen_param_shapes")
      } ?? []
    shared = try Self.shared(file)
    bufferNames = try Self.bufferNames(file)
    module = try Self.module(&file)
    others = Self.listedKeys.compactMap { key in
      file.value(key, in: root).map {
        OtherEntry(path: key, description: file.pickle.described($0))
      }
    }
  }

  private static func groups(_ file: ZeroFile) throws(CheckpointError) -> [[ZeroParameter]]? {
    guard let node = file.value("param_shapes", in: file.root) else { return nil }
    // Old versions have one group and no list around it.
    if file.pickle.entries(node) != nil { return [try parameters(file, node, "param_shapes")] }
    var groups: [[ZeroParameter]] = []
    for group in try file.items(node, "param_shapes") {
      groups.append(try parameters(file, group, "param_shapes"))
    }
    return groups
  }

  private static func parameters(_ file: ZeroFile, _ node: Pickle.Node, _ what: String)
    throws(CheckpointError) -> [ZeroParameter]
  {
    var parameters: [ZeroParameter] = []
    let pickle = file.pickle
    for (name, value) in try file.namedEntries(node, what) {
      do throws(CheckpointError) {
        let shape = try pickle.sizes(value, "shape")
        parameters.append(try ZeroParameter(name: name, shape: shape))
      } catch {
        throw error.with(path: file.file.path, tensor: name)
      }
    }
    return parameters
  }

  private static func shared(_ file: ZeroFile) throws(CheckpointError)
    -> [(alias: String, name: String)]
  {
    guard let node = file.value("shared_params", in: file.root) else { return [] }
    var pairs: [(alias: String, name: String)] = []
    for (alias, value) in try file.namedEntries(node, "shared_params") {
      guard let name = file.pickle.text(value) else {
        throw file.fault(
          "shared_params: the name of a parameter expected, but found "
            + file.pickle.described(value), tensor: alias)
      }
      pairs.append((alias, name))
    }
    return pairs
  }

  private static func bufferNames(_ file: ZeroFile) throws(CheckpointError) -> Set<ExactName> {
    guard let node = file.value("buffer_names", in: file.root) else { return [] }
    var names: Set<ExactName> = []
    for item in try file.items(node, "buffer_names") {
      guard let name = file.pickle.text(item) else {
        throw file.fault(
          "buffer_names: a name expected, but found \(file.pickle.described(item))")
      }
      names.insert(ExactName(name))
    }
    return names
  }

  private static func module(_ file: inout ZeroFile) throws(CheckpointError) -> [TensorRecord] {
    guard let node = file.value("module", in: file.root) else { return [] }
    var records: [TensorRecord] = []
    for (name, value) in try file.namedEntries(node, "module") {
      // What a module saves of its own accord need not be a tensor.
      if let record = try file.tensor(value, name: name) { records.append(record) }
    }
    return records
  }

  /// The tensors of `frozen_param_fragments`, which rank 0 has whole before ZeRO 3
  /// and each rank has its part of from there on.
  static func fragments(_ file: inout ZeroFile) throws(CheckpointError)
    -> [ExactName: TensorRecord]
  {
    let what = "frozen_param_fragments"
    let node = try file.required(what, in: file.root, of: "the file of model states")
    var fragments: [ExactName: TensorRecord] = [:]
    for (name, value) in try file.namedEntries(node, what) {
      fragments[ExactName(name)] = try file.requiredTensor(value, name: name, what)
    }
    return fragments
  }
}

/// The name and the whole shape of a parameter.
struct ZeroParameter {
  let name: String
  let shape: [Int]
  /// The number of its elements.
  let count: Int

  /// Fails where the elements cannot be counted.
  init(name: String, shape: [Int]) throws(CheckpointError) {
    self.name = name
    self.shape = shape
    count = try TorchLayout(type: .byte, shape: shape, strides: [], offset: 0).elementCount()
  }
}
