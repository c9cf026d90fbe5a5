extension TensorData {
  /// Fills `buffer` with whole elements in row-major order, picked out of
  /// `storage` by strides; `offset` is the first byte in that order.
  func gather(
    _ view: StridedView, from storage: [UInt8], into buffer: inout MutableRawSpan, at offset: Int
  ) {
    switch elementWidth {
    case 1: gather(UInt8.self, view, from: storage, into: &buffer, at: offset)
    case 2: gather(UInt16.self, view, from: storage, into: &buffer, at: offset)
    case 4: gather(UInt32.self, view, from: storage, into: &buffer, at: offset)
    case 8: gather(UInt64.self, view, from: storage, into: &buffer, at: offset)
    default: gather(UInt128.self, view, from: storage, into: &buffer, at: offset)
    }
  }

  private func gather<Element: FixedWidthInteger & BitwiseCopyable>(
    _: Element.Type, _ view: StridedView, from storage: [UInt8],
    into buffer: inout MutableRawSpan, at offset: Int
  ) {
    let width = MemoryLayout<Element>.size
    let source = unsafe storage.span.bytes
    var walk = IndexWalk(shape: record.shape, view: view, from: offset / width)
    var done = 0
    while done < buffer.byteCount {
      let run = min(walk.runLength, (buffer.byteCount - done) / width)
      var place = walk.place * width
      for _ in 0..<run {
        // Bounds-checked; every bit pattern is an integer.
        let element = unsafe source.unsafeLoadUnaligned(fromByteOffset: place, as: Element.self)
        buffer.storeBytes(of: element, toByteOffset: done, as: Element.self)
        place += walk.runStride * width
        done += width
      }
      walk.advance(by: run)
    }
  }
}

/// A walk through the elements of a strided tensor in row-major order, in runs
/// along the innermost axis.
private struct IndexWalk {
  private let shape: [Int]
  private let strides: [Int]
  private var index: [Int]
  /// The storage element at which the walk stands.
  private(set) var place: Int

  /// A walk that begins at row-major element `first` of a tensor that has it.
  init(shape: [Int], view: StridedView, from first: Int) {
    // A scalar walks like a vector of one element.
    self.shape = shape.isEmpty ? [1] : shape
    strides = view.strides.isEmpty ? [1] : view.strides
    index = Array(repeating: 0, count: self.shape.count)
    place = view.offset
    var rest = first
    for axis in self.shape.indices.reversed() where self.shape[axis] > 0 {
      index[axis] = rest % self.shape[axis]
      rest /= self.shape[axis]
      place += index[axis] * strides[axis]
    }
  }

  /// The elements that are left on the innermost axis.
  var runLength: Int { shape[shape.count - 1] - index[shape.count - 1] }
  /// The step between them in the storage.
  var runStride: Int { strides[shape.count - 1] }

  /// Moves on by `count` elements, at most `runLength`.
  mutating func advance(by count: Int) {
    var axis = shape.count - 1
    index[axis] += count
    place += count * strides[axis]
    while index[axis] == shape[axis], axis > 0 {
      place -= index[axis] * strides[axis]
      index[axis] = 0
      axis -= 1
      index[axis] += 1
      place += strides[axis]
    }
  }
}
