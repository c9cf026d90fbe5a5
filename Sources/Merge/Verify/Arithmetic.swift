import Compute
import Formats

/// A way to compute an updated tensor that a merged model may have come from.
enum Arithmetic: Sendable, Hashable, CaseIterable {
  /// One rounding, to the type of the merged model.
  case exact
  /// PEFT's roundings, to the type of the base, which is then converted.
  case peft
  /// PEFT's roundings on a base that was loaded in the type of the merged model.
  case peftOnConvertedBase

  /// What `merge` calls it.
  var numerics: Numerics { self == .exact ? .exact : .peft }

  /// `update` as this arithmetic has it in a model of `type`; nil where that is
  /// another of the cases.
  func update(_ update: TensorUpdate, type: ElementType) -> TensorUpdate? {
    guard self == .peftOnConvertedBase else { return update }
    guard update.modelType != .element(type), !update.isReplacement, update.scales == nil
    else { return nil }
    var converted = update
    converted.modelType = .element(type)
    let adapter = update.steps.first?.adapter ?? ""
    converted.steps.insert(UpdateStep(.round, adapter: adapter), at: 0)
    return converted
  }
}

extension TensorUpdate {
  /// Whether the roundings of PEFT are those of one sum that is rounded to `type`.
  func isPlain(for type: ElementType) -> Bool {
    modelType == .element(type) && onlySums?.count == 1
  }
}
