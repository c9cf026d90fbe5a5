import Compute
import Formats
import Inspect

/// What a module of an adapter does to its weight and its bias, as steps.
struct ModuleSteps {
  let module: AdapterModule
  /// The tensor of the base.
  let base: TensorRecord
  /// The base holds the weight as `[in, out]`.
  var isTransposed = false
  /// The rows that the module stands for where the base fuses several; nil for all.
  var rows: Range<Int>?
  let adapter: Adapter
  let weight: Double
  let numerics: Numerics

  /// The steps for the weight.
  func weightSteps() throws(CheckpointError) -> [UpdateStep] {
    guard let factors = module.factors else {
      throw refusal("its factors are not complete, or of a kind that tenon does not know")
    }
    var steps = try steps(of: factors)
    if let magnitude = module.magnitude {
      steps.append(step(.normalise(try normalisation(magnitude))))
    }
    guard steps.contains(where: { !$0.isSum }) else { return steps }
    try refuseWeight()
    guard rows == nil || steps.allSatisfy({ $0.isSum || $0.isNormalisation }) else {
      throw refusal("multiplies rows of a tensor in which the base fuses several")
    }
    return steps
  }

  /// The steps for the bias beside the weight, and whether it has to be there.
  func biasSteps() throws(CheckpointError) -> (steps: [UpdateStep], isRequired: Bool) {
    if case .ia3(let vector, _, _)? = module.factors, try !isOnInput(vector) {
      return ([step(.multiply(by: vector, along: .rows))], false)
    }
    return (try biasSums(), true)
  }

  private func biasSums() throws(CheckpointError) -> [UpdateStep] {
    if let bias = module.tensor(.outputBias) {
      return [step(.add(Delta(.full(Factor(bias)), scale: try scale() * weight)))]
    }
    if let bias = module.tensor(.biasDifference) {
      return [step(.add(Delta(.full(Factor(bias)), scale: weight)))]
    }
    return []
  }

  func step(_ action: UpdateStep.Action) -> UpdateStep {
    UpdateStep(action, adapter: adapter.path)
  }

  func scale() throws(CheckpointError) -> Double {
    try module.knownScale(path: adapter.path)
  }

  /// The sum, with a rounding of its own in PEFT's numerics, unless a magnitude follows.
  func roundedFirst(_ sum: UpdateStep) -> UpdateStep {
    guard case .add(var delta) = sum.action, numerics == .peft, module.magnitude == nil,
      base.type.bitWidth < 32
    else { return sum }
    delta.isRoundedFirst = true
    return step(.add(delta))
  }

  /// What multiplies a weight has no part to be weighed, and nothing to be taken back.
  private func refuseWeight() throws(CheckpointError) {
    guard weight != 1 else { return }
    guard weight < 0 else {
      throw refusal(
        "multiplies the weight (\(adapter.family)), so that no part of it can be added; "
          + "expected --weight 1")
    }
    var error = refusal(
      "multiplies the weight (\(adapter.family)) instead of adding to it, so that it cannot be "
        + "subtracted")
    error.fix = "keep the base: such a merge cannot be taken back"
    throw error
  }

  func refusal(_ message: String) -> CheckpointError {
    CheckpointError(
      path: adapter.path, tensor: module.tensors.first?.record.name,
      "module \(module.target.quoted): \(message)")
  }
}

extension AdapterModule {
  /// What the update is multiplied with, which has to be known; `path` is the adapter's.
  func knownScale(path: String) throws(CheckpointError) -> Double {
    guard let scale else {
      throw CheckpointError(
        path: path, tensor: tensors.first?.record.name,
        "no file says lora_alpha, and a guess would scale every update wrongly",
        fix: "add --alpha with the lora_alpha of the training")
    }
    return scale
  }
}
