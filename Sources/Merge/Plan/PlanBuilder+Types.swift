import Compute
import Formats
import Inspect

/// What a tensor of a type may become, and what refuses to.
extension PlanBuilder {
  /// The format that can hold what the chosen one cannot.
  func otherFormat(for type: TensorType, shape: [Int]) -> String? {
    if let assumption = type.assumption { return assumption }
    let other = OutputFormat.allCases.first { $0.refusal(type, shape: shape) == nil }
    return other.map { format in
      // Only a conversion, which can leave tensors out, is told the format as well.
      options.isSingleFile || !canExclude
        ? "name an output that ends in \(format.fileSuffixes[0]), which holds \(type.name)"
        : "--format \(format.rawValue), which holds \(type.name)"
    }
  }

  /// A view can repeat a few bytes to any size, and so can chunks that were never written;
  /// that is a trap, unless it is small.
  func checkGrowth(_ record: TensorRecord) throws(TensorRefusal) {
    if case .chunked(let storage) = record.bytes?.codec, let doubt = storage.doubt {
      throw TensorRefusal(message: doubt)
    }
    guard let bytes = record.bytes, bytes.view != nil,
      record.byteCount > max(bytes.storageByteCount, options.maximumMemory)
    else { return }
    throw TensorRefusal(
      message: "takes \(record.byteCount) bytes when written out, but its storage has "
        + "\(bytes.storageByteCount); --max-memory allows \(options.maximumMemory)",
      advice: "raise --max-memory")
  }

  /// `--dtype` concerns float tensors only; indices and masks stay what they are.
  func outputType(of type: TensorType) throws(TensorRefusal) -> TensorType {
    guard let wanted = options.type, let own = type.element, own.kind == .float, own != wanted
    else { return type }
    guard Conversion.isConvertible(own), Conversion.isConvertible(wanted) else {
      throw TensorRefusal(
        message: "\(own.name) cannot be converted to \(wanted.name)", advice: "leave out --dtype")
    }
    return .element(wanted)
  }

  /// Values without their scales, or scales of another type, would be another model.
  func checkScales(of record: TensorRecord) throws(TensorRefusal) {
    guard let positions, let type = record.type.element,
      WeightScales.weightTypes.contains(type),
      let scales = WeightScales.suffixes.map({ record.name + $0 }).first(where: {
        positions[$0] != nil
      })
    else { return }
    throw TensorRefusal(
      message: "is \(type.name) and counts only together with \(scales), which --dtype would "
        + "change as well",
      advice: "leave out --dtype")
  }
}
