import Formats

extension MergePlan {
  /// Moves the data of large safetensors files by less than a block, so that most of it
  /// lies in its block as it does in the input.
  ///
  /// The kernel copies such data quicker, and a file system that can share blocks copies
  /// nothing at all. The header ends in spaces, which its format allows.
  mutating func alignToInputs() {
    for index in files.indices { files[index].alignToInputs() }
  }
}

extension PlannedFile {
  /// The least data for which a longer header is worth it.
  static let minimumAlignedByteCount = 16 << 20

  fileprivate mutating func alignToInputs() {
    guard let shift = commonShift, shift > 0, shift % 8 == 0, layout.fixed.count == 1 else {
      return
    }
    let header = layout.fixed[0].bytes
    let length = header.count - 8 + shift
    guard layout.fixed[0].offset == 0, length <= SafetensorsReader.maximumHeaderByteCount else {
      return
    }
    let prefix = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    layout.fixed[0].bytes =
      prefix + header[8...] + [UInt8](repeating: UInt8(ascii: " "), count: shift)
    layout.offsets = layout.offsets.map { $0 + shift }
    layout.byteCount += shift
  }

  /// By how much most of the data would have to move; nil where there is little.
  private var commonShift: Int? {
    var bytes: [Int: Int] = [:]
    for (tensor, offset) in zip(tensors, layout.offsets) {
      guard case .copy(let record) = tensor.operation, let extent = record.plainExtent else {
        continue
      }
      let shift = (extent.offset - offset) % OutputFile.blockSize
      bytes[shift < 0 ? shift + OutputFile.blockSize : shift, default: 0] += extent.count
    }
    let most = bytes.max { ($0.value, $1.key) < ($1.value, $0.key) }
    guard let most, most.value >= Self.minimumAlignedByteCount else { return nil }
    return most.key
  }
}
