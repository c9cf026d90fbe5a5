import Compute
import Formats

/// Tensors that go out as they came in or converted, piece by piece.
extension TensorTask {
  /// Has the kernel copy bytes that nobody has to look at; tells whether it did.
  func copyUnseen(_ range: Range<Int>, of record: TensorRecord) throws(CheckpointError) -> Bool {
    guard case .copy = tensor.operation, !isLookedAt, let extent = record.plainExtent else {
      return false
    }
    let part = Extent(
      file: extent.file, offset: extent.offset + range.lowerBound, count: range.count)
    guard try output.copy(part, at: range.lowerBound) else { return false }
    output.startWriteback(behind: range)
    return true
  }

  /// Copies or converts units whose data can be read in any order.
  func pass(_ units: Range<Int>, of record: TensorRecord, scratch: inout WorkerScratch)
    throws(CheckpointError) -> BlockResult
  {
    let data = try data(of: record)
    return try pass(units, of: record, scratch: &scratch) {
      (bytes, start) throws(CheckpointError) in
      try data.read(into: &bytes, at: start)
    }
  }

  /// Copies or converts all of a tensor in the only order in which its data can be read;
  /// other workers do other tensors meanwhile.
  func stream(_ record: TensorRecord, scratch: inout WorkerScratch) throws(CheckpointError)
    -> BlockResult
  {
    var source = try TensorStream(record)
    return try pass(0..<unitCount, of: record, scratch: &scratch) {
      (bytes, _) throws(CheckpointError) in
      try Interruption.check()
      try source.read(into: &bytes)
    }
  }

  /// `read` fills a buffer with the bytes of the input from a place on.
  private func pass(
    _ units: Range<Int>, of record: TensorRecord, scratch: inout WorkerScratch,
    read: (inout MutableRawSpan, Int) throws(CheckpointError) -> Void
  ) throws(CheckpointError) -> BlockResult {
    var result = BlockResult()
    // Also a tensor without elements has checksums, and losses: none.
    if tensor.checksum != nil { result.read = RunningChecksum() }
    if isChecksumWritten { result.written = RunningChecksum() }
    let conversion = conversion(of: record)
    if conversion != nil { result.losses = ConversionLosses() }
    let width = conversion?.from.byteWidth ?? 1
    for start in stride(from: units.lowerBound, to: units.upperBound, by: pieceLength) {
      let count = min(pieceLength, units.upperBound - start)
      var piece = BlockResult()
      try scratch.input.withMutablePrefix(count * width) { (bytes) throws(CheckpointError) in
        try read(&bytes, start * width)
        if tensor.checksum != nil { piece.read = RunningChecksum(bytes.bytes) }
      }
      if let (from, to) = conversion {
        piece.losses = scratch.convert(count * width, of: from, to: to)
      }
      try checkFinite(count * width, at: start * width, of: record, in: scratch)
      piece.written =
        if let width = conversion?.to.byteWidth {
          try write(count * width, at: start * width, from: scratch.output)
        } else {
          try write(count, at: start, from: scratch.input)
        }
      result.combine(piece)
    }
    return result
  }

  /// The types between which the values are converted; nil for a copy.
  private func conversion(of record: TensorRecord) -> (from: ElementType, to: ElementType)? {
    guard case .cast = tensor.operation else { return nil }
    guard let from = record.type.element, from.byteWidth != nil,
      let to = tensor.type.element, to.byteWidth != nil
    else { preconditionFailure("the plan casts only between whole-byte types") }
    return (from, to)
  }
}
