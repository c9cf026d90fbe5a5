import Compute
import Formats

/// What stops a merge that puts no number in the place of one.
extension TensorTask {
  /// Throws where an adapter's tensor is not finite while the base's is, in the type of the
  /// output; `count` bytes of it, from the byte `start`, are in `scratch.input`.
  func checkFinite(
    _ count: Int, at start: Int, of record: TensorRecord, in scratch: borrowing WorkerScratch
  ) throws(CheckpointError) {
    guard let replacement = tensor.replacement, let original, let from = record.type.element,
      let to = tensor.type.element, let width = from.byteWidth, Conversion.isConvertible(from),
      Conversion.isConvertible(to)
    else { return }
    let elements = 0..<count / width
    guard scratch.holdsNoNumber(elements.count, of: to, isConverted: from != to) else { return }
    let values =
      from == to
      ? NotFinite.floats(elements, of: to, in: scratch.input)
      : NotFinite.floats(elements, of: to, in: scratch.output)
    let first = start / width
    let before = try original.floats(first..<first + elements.count)
    guard let found = NotFinite(values, at: first, before: before, shape: tensor.shape)
    else { return }
    let index = found.position - first
    let own = NotFinite.floats(index..<index + 1, of: from, in: scratch.input)[0]
    throw own.isFinite
      ? found.error(of: own, in: to, numerics: .exact)
      : found.error(adapters: [replacement.adapter])
  }
}

extension WorkerScratch {
  /// Whether any of the first `count` elements of the output, or of an input that is none
  /// other, is not finite.
  fileprivate borrowing func holdsNoNumber(_ count: Int, of type: ElementType, isConverted: Bool)
    -> Bool
  {
    var statistics = ValueStatistics()
    let byteCount = count * (type.byteWidth ?? 0)
    if isConverted {
      output.withPrefix(byteCount) { statistics.add($0, of: type) }
    } else {
      input.withPrefix(byteCount) { statistics.add($0, of: type) }
    }
    return statistics.nan + statistics.infinite > 0
  }
}
