/// A safetensors file of this header text and data, whatever they say.
public func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
  let length = UInt64(header.utf8.count)
  return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8) + data
}

/// The header of a safetensors file of these tensors; their data begin after it.
public func safetensorsHeader(
  _ tensors: [(name: String, type: String, shape: [Int], byteCount: Int)]
) -> [UInt8] {
  var offset = 0
  let entries = tensors.map { tensor in
    defer { offset += tensor.byteCount }
    return #""\#(tensor.name)":{"dtype":"\#(tensor.type)","shape":\#(tensor.shape),"#
      + #""data_offsets":[\#(offset),\#(offset + tensor.byteCount)]}"#
  }
  let text = "{" + entries.joined(separator: ",") + "}"
  return safetensors(text + String(repeating: " ", count: (8 - text.utf8.count % 8) % 8))
}
