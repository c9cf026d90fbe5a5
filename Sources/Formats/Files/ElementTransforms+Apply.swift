import Compute

extension ElementTransforms {
  /// Checks that these transforms mean something for the type of `record`.
  func check(_ record: TensorRecord) throws(CheckpointError) {
    let isFloat = Self.floatHalves(of: record.type) != nil
    if !isDisjoint(with: [.conjugate, .negate]), !isFloat {
      throw CheckpointError(
        path: record.bytes?.extents.first?.file.path, tensor: record.name,
        "elements of type \(record.type.name) cannot be negated or conjugated")
    }
  }

  /// Transforms whole elements in place.
  func apply(to buffer: inout MutableRawSpan, type: TensorType) {
    let width = type.bitWidth / 8
    let halves = Self.isComplex(type) ? 2 : 1
    let part = width / halves
    if contains(.swapBytes), part > 1 { swap(&buffer, part) }
    if contains(.truth) { makeTruthValues(&buffer) }
    if contains(.negate) { flipSigns(&buffer, width: part, every: part, from: 0) }
    if contains(.conjugate), halves == 2 {
      flipSigns(&buffer, width: part, every: width, from: part)
    }
  }

  private func swap(_ buffer: inout MutableRawSpan, _ width: Int) {
    for start in stride(from: 0, to: buffer.byteCount, by: width) {
      for i in 0..<width / 2 {
        let low = unsafe buffer.bytes.unsafeLoad(fromByteOffset: start + i, as: UInt8.self)
        let high = unsafe buffer.bytes.unsafeLoad(
          fromByteOffset: start + width - 1 - i, as: UInt8.self)
        buffer.storeBytes(of: high, toByteOffset: start + i, as: UInt8.self)
        buffer.storeBytes(of: low, toByteOffset: start + width - 1 - i, as: UInt8.self)
      }
    }
  }

  private func makeTruthValues(_ buffer: inout MutableRawSpan) {
    for offset in 0..<buffer.byteCount {
      let byte = unsafe buffer.bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
      buffer.storeBytes(of: byte == 0 ? 0 : 1, toByteOffset: offset, as: UInt8.self)
    }
  }

  /// Flips the sign bit of little-endian floats of `width` bytes.
  private func flipSigns(
    _ buffer: inout MutableRawSpan, width: Int, every step: Int, from first: Int
  ) {
    for start in stride(from: first, to: buffer.byteCount, by: step) {
      let top = start + width - 1
      let byte = unsafe buffer.bytes.unsafeLoad(fromByteOffset: top, as: UInt8.self)
      buffer.storeBytes(of: byte ^ 0x80, toByteOffset: top, as: UInt8.self)
    }
  }

  private static func isComplex(_ type: TensorType) -> Bool {
    switch type {
    case .element(let element): element.kind == .complex
    case .foreign(let name, _): name == "complex32" || name == "complex128"
    }
  }

  /// 1 for a float with a sign bit, 2 for a complex type, nil for the others.
  private static func floatHalves(of type: TensorType) -> Int? {
    if isComplex(type) { return 2 }
    guard let element = type.element, element.kind == .float, element.bitWidth >= 16 else {
      return nil
    }
    return 1
  }
}
