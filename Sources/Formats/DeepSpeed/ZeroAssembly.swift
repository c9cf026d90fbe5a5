import Compute

/// Puts the parameters together from the partitions of all ranks.
///
/// A parameter becomes a record whose extents are its fragments, so that nothing
/// is copied and nothing but the pickles is read.
struct ZeroAssembly {
  /// The fragments of all parameters together, in about 200 MB.
  static let maximumFragments = 1 << 23

  private(set) var records: [TensorRecord] = []
  private var fragmentCount = 0

  /// ZeRO 1 and 2: a group is one row of elements that is cut into a partition for
  /// each rank; the parameters lie in it one after the other.
  mutating func add(group: [ZeroParameter], row: ZeroRow, ranks: Int, paddings: [Int]?)
    throws(CheckpointError)
  {
    if let paddings, paddings.count != group.count {
      throw CheckpointError(
        "param_alignment_paddings: \(group.count) numbers expected for the parameters of a group, "
          + "but found \(paddings.count)")
    }
    var position = 0
    for (index, parameter) in group.enumerated() {
      guard parameter.count <= row.count - position else {
        throw CheckpointError(
          tensor: parameter.name,
          "needs \(parameter.count) elements from element \(position) on, but the partitions of "
            + "its group have \(row.count)")
      }
      var extents: [Extent] = []
      row.append(position..<position + parameter.count, to: &extents)
      try add(parameter, extents, of: row)
      position += parameter.count
      guard let padding = paddings?[index] else { continue }
      guard padding <= row.count - position else {
        throw CheckpointError(
          tensor: parameter.name,
          "has \(padding) elements of padding behind it, but the partitions of its group end "
            + "after \(row.count - position)")
      }
      position += padding
    }
    // DeepSpeed pads a group to twice the ranks, before or behind the cut, so
    // that only the number of such blocks is certain.
    let (block, overflow) = ranks.multipliedReportingOverflow(by: 2)
    let isEqual =
      !overflow && (position + block - 1) / block == (row.count + block - 1) / block
    guard isEqual else {
      throw CheckpointError(
        "the \(group.count) parameters of a group take \(position) elements, but its partitions "
          + "have \(row.count); expected at most padding to a multiple of \(block)")
    }
  }

  /// ZeRO 3: each parameter is cut into a part for each rank, and a rank has its
  /// parts of all parameters one after the other.
  mutating func add(parameters: [ZeroParameter], rows: [ZeroRow]) throws(CheckpointError) {
    try rows.checkTypes()
    var position = 0
    for parameter in parameters {
      let part = Self.part(of: parameter.count, ranks: rows.count)
      var rest = parameter.count
      var extents: [Extent] = []
      for (rank, row) in rows.enumerated() {
        guard part <= row.count - position else {
          throw CheckpointError(
            tensor: parameter.name,
            "needs \(part) elements from element \(position) on of rank \(rank), which has "
              + "\(row.count)")
        }
        let taken = min(part, rest)
        row.append(position..<position + taken, to: &extents)
        rest -= taken
      }
      try add(parameter, extents, of: rows[0])
      position += part
    }
    for (rank, row) in rows.enumerated() where row.count != position {
      throw CheckpointError(
        "the \(parameters.count) parameters take \(position) elements of each rank, but rank "
          + "\(rank) has \(row.count)")
    }
  }

  /// A parameter that each rank has a part of under its name.
  mutating func add(_ parameter: ZeroParameter, fragments row: ZeroRow) throws(CheckpointError) {
    guard parameter.count <= row.count else {
      throw CheckpointError(
        tensor: parameter.name,
        "has \(parameter.count) elements, but the fragments of all ranks have \(row.count)")
    }
    var extents: [Extent] = []
    row.append(0..<parameter.count, to: &extents)
    try add(parameter, extents, of: row)
  }

  /// The elements of a parameter that each rank has, the last ones with padding.
  private static func part(of count: Int, ranks: Int) -> Int {
    count / ranks + (count % ranks == 0 ? 0 : 1)
  }

  private mutating func add(_ parameter: ZeroParameter, _ extents: [Extent], of row: ZeroRow)
    throws(CheckpointError)
  {
    fragmentCount += extents.count
    guard fragmentCount <= Self.maximumFragments else {
      throw CheckpointError(
        "its parameters lie in more than \(Self.maximumFragments) fragments")
    }
    guard records.count < TorchContents.maximumTensors else {
      throw CheckpointError("more than \(TorchContents.maximumTensors) tensors")
    }
    records.append(
      TensorRecord(
        name: parameter.name, type: row.type ?? .element(.f32), shape: parameter.shape,
        bytes: TensorBytes(extents: extents, transforms: row.transforms)))
  }
}

extension [ZeroRow] {
  /// Checks that the partitions of all ranks are of one type.
  fileprivate func checkTypes() throws(CheckpointError) {
    for (rank, row) in enumerated() where row.type != self[0].type {
      throw CheckpointError(
        "the partitions of rank 0 are \(self[0].type?.name ?? "none"), but those of rank \(rank) "
          + "\(row.type?.name ?? "none")")
    }
    for (rank, row) in enumerated() where row.transforms != self[0].transforms {
      throw CheckpointError(
        "the partitions of rank \(rank) are of another byte order than those of rank 0")
    }
  }
}
