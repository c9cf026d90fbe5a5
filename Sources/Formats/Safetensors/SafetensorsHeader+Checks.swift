import Compute

extension SafetensorsHeader {
  /// Checks that the tensors cover the data section, each byte exactly once.
  func checkTiling() throws(CheckpointError) {
    let dataByteCount = file.size - dataStart
    var cursor = 0
    for index in inOffsetOrder() {
      let place = places[index]
      guard place.begin == cursor else {
        throw CheckpointError(
          offset: place.key, tensor: records[index].name,
          place.begin < cursor
            ? "its data begins at \(place.begin), inside another tensor, which ends at \(cursor)"
            : "its data begins at \(place.begin), but the tensor before it ends at \(cursor); no tensor covers the bytes between"
        )
      }
      cursor = place.end
    }
    guard cursor == dataByteCount else {
      throw CheckpointError(
        cursor > dataByteCount
          ? "the tensors need \(cursor) bytes of data, but the file has only \(dataByteCount); it is cut off"
          : "the tensors need \(cursor) bytes of data, but the file has \(dataByteCount); \(dataByteCount - cursor) bytes at its end belong to no tensor"
      )
    }
  }

  private func inOffsetOrder() -> [Int] {
    places.indices.sorted {
      (places[$0].begin, places[$0].end) < (places[$1].begin, places[$1].end)
    }
  }
}

extension SafetensorsHeader.Place {
  /// Checks that shape, type and offsets of the tensor agree.
  func check(_ type: ElementType, _ shape: [Int]) throws(CheckpointError) {
    guard begin <= end else {
      throw CheckpointError(
        offset: key, "data_offsets end before they begin: \(begin) to \(end)")
    }
    guard let elementCount = product(of: shape) else {
      throw CheckpointError(
        offset: key, "the size of shape \(shape) does not fit into 63 bits")
    }
    guard let byteCount = type.byteCount(of: elementCount) else {
      let bits = type.bitWidth
      throw CheckpointError(
        offset: key,
        bits % 8 == 0
          ? "the size of \(type.name) \(shape) does not fit into 63 bits"
          : "\(type.name) \(shape) has \(elementCount) elements of \(bits) bits, which is no whole number of bytes"
      )
    }
    guard byteCount == end - begin else {
      throw CheckpointError(
        offset: key,
        "data_offsets \(begin)..<\(end) hold \(end - begin) bytes, but \(type.name) \(shape) needs \(byteCount)"
      )
    }
  }
}

/// The product of the sizes, or nil where it does not fit into an `Int` when
/// multiplied from left to right, as the reference reader does.
func product(of sizes: [Int]) -> Int? {
  var product = 1
  for size in sizes {
    let (next, overflow) = product.multipliedReportingOverflow(by: size)
    if overflow { return nil }
    product = next
  }
  return product
}
