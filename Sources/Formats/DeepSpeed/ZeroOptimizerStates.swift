/// What the file of one rank's optimizer states says: which part it is of how
/// many, and where its part of the float32 parameters lies.
struct ZeroOptimizerStates {
  /// The stage of ZeRO.
  let stage: Int
  /// The number of ranks that share the parameters.
  let partitionCount: Int
  /// The flat float32 tensors: one for each group of parameters, from ZeRO 3 on one
  /// for each part of a group.
  let partitions: [TensorRecord]
  /// For each group, the elements that are left out behind each parameter; nil
  /// where the version of DeepSpeed leaves out none.
  let alignmentPaddings: [[Int]]?

  init(_ file: inout ZeroFile) throws(CheckpointError) {
    let what = "optimizer_state_dict"
    let state = try file.required(what, in: file.root, of: "the file of optimizer states")
    guard file.pickle.entries(state) != nil else {
      throw file.fault("\(what): a dictionary expected, but found \(file.pickle.kind(state))")
    }
    stage = try Self.stage(file, state)
    if file.value("ds_zero_partition_groups", in: state) != nil {
      throw file.fault("holds experts with partitions of their own; not supported")
    }
    let count = try file.required("partition_count", in: state, of: what)
    if let items = file.pickle.items(count) {
      var greatest = 0
      for item in items { greatest = max(greatest, try file.count(item, "partition_count")) }
      partitionCount = greatest
    } else {
      partitionCount = try file.count(count, "partition_count")
    }
    let key = stage == 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups"
    let groups = try file.required(key, in: state, of: what)
    var partitions: [TensorRecord] = []
    for (index, item) in try file.items(groups, key).enumerated() {
      partitions.append(try file.requiredTensor(item, name: "\(key)[\(index)]", key))
    }
    self.partitions = partitions
    alignmentPaddings = try Self.paddings(file, state)
  }

  private static func stage(_ file: ZeroFile, _ state: Pickle.Node) throws(CheckpointError) -> Int {
    guard let node = file.value("zero_stage", in: state) else {
      // The optimizer for bfloat16 does not say it; it partitions as ZeRO 1 does.
      guard file.value("single_partition_of_fp32_groups", in: state) != nil else {
        throw file.fault(
          "is no file of ZeRO: optimizer_state_dict has neither \"zero_stage\" nor "
            + "\"single_partition_of_fp32_groups\"")
      }
      return 1
    }
    let stage = try file.count(node, "zero_stage")
    guard (1...3).contains(stage) else {
      throw file.fault("zero_stage is \(stage); expected 1, 2 or 3")
    }
    return stage
  }

  private static func paddings(_ file: ZeroFile, _ state: Pickle.Node) throws(CheckpointError)
    -> [[Int]]?
  {
    let key = "param_alignment_paddings"
    guard let node = file.value(key, in: state) else { return nil }
    var groups: [[Int]] = []
    for group in try file.items(node, key) {
      var paddings: [Int] = []
      for item in try file.items(group, key) { paddings.append(try file.count(item, key)) }
      groups.append(paddings)
    }
    return groups
  }
}
