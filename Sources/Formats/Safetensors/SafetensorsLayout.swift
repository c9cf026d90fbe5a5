import Compute
public import OrderedCollections

/// Lays out a safetensors file, byte for byte as the reference writer does:
/// widest types first, then by name, keys in its order, padded to 8 bytes.
///
/// The reference writes several metadata entries in the order of a hash table; here
/// they keep the order in which they are given, so that a file comes back as it was.
public enum SafetensorsLayout {
  /// The name in the header that is no tensor's.
  private static let metadataKey = "__metadata__"

  /// The layout for `tensors`, whose names are unique.
  public static func layout(
    _ tensors: [OutputTensor], metadata: OrderedDictionary<String, String>
  ) throws(CheckpointError) -> OutputLayout {
    let order = try sortedPositions(of: tensors)
    var offsets = [Int](repeating: 0, count: tensors.count)
    var end = 0
    for position in order {
      offsets[position] = end
      let (next, overflow) = end.addingReportingOverflow(tensors[position].byteCount)
      guard !overflow else {
        throw CheckpointError("the tensors take more bytes than a file can hold")
      }
      end = next
    }
    let header = try header(tensors, order: order, offsets: offsets, metadata: metadata)
    return OutputLayout(
      fixed: [(0, header)], offsets: offsets.map { $0 + header.count },
      byteCount: header.count + end)
  }

  private static func sortedPositions(of tensors: [OutputTensor]) throws(CheckpointError) -> [Int] {
    var keys: [(type: ElementType, name: String)] = []
    keys.reserveCapacity(tensors.count)
    for tensor in tensors {
      guard tensor.name != metadataKey else {
        throw CheckpointError(
          tensor: tensor.name,
          "safetensors keeps this name for its metadata, so no tensor can have it",
          fix: "leave the tensor out with --exclude, or choose another name with tenon remap")
      }
      guard let type = tensor.type.element else {
        throw CheckpointError(
          tensor: tensor.name, "safetensors has no type for \(tensor.type.name)",
          fix: "leave the tensor out with --exclude")
      }
      keys.append((type, tensor.name))
    }
    return tensors.indices.sorted { a, b in
      if keys[a].type != keys[b].type { return keys[a].type > keys[b].type }
      return keys[a].name.utf8.lexicographicallyPrecedes(keys[b].name.utf8)
    }
  }

  /// The length, the JSON text and its padding.
  private static func header(
    _ tensors: [OutputTensor], order: [Int], offsets: [Int],
    metadata: OrderedDictionary<String, String>
  ) throws(CheckpointError) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      if !metadata.isEmpty {
        writer.key(named: metadataKey)
        writer.object { writer in
          for (key, value) in metadata { writer.string(named: key, value) }
        }
      }
      for position in order {
        let tensor = tensors[position]
        writer.key(named: tensor.name)
        writer.object { writer in
          writer.string("dtype", tensor.type.name)
          writer.integers("shape", tensor.shape)
          writer.integers(
            "data_offsets", [offsets[position], offsets[position] + tensor.byteCount])
        }
      }
    }
    var text = writer.bytes
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    guard text.count <= SafetensorsReader.maximumHeaderByteCount else {
      throw CheckpointError(
        "the header takes \(text.count) bytes; safetensors allows \(SafetensorsReader.maximumHeaderByteCount)",
        fix: "write several files with --max-shard-size")
    }
    let length = UInt64(text.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + text
  }
}
