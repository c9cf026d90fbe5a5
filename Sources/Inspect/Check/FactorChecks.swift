import Compute
import Formats

/// What the values of an adapter's factors show. An adapter is small: they are always
/// read.
struct FactorChecks {
  let adapter: Adapter

  func findings() throws(CheckpointError) -> [Finding] {
    var zero: [AdapterModule] = []
    var factored = 0
    var notFinite: [String] = []
    var nan = 0
    var infinite = 0
    for module in adapter.modules {
      var isZero = false
      for tensor in module.tensors {
        guard let statistics = try ValueChecks.statistics(tensor.record) else { continue }
        if statistics.nan + statistics.infinite > 0 {
          notFinite.append(tensor.record.name)
          nan += statistics.nan
          infinite += statistics.infinite
        }
        if Self.factors.contains(tensor.leaf.role),
          statistics.zeros == tensor.record.elementCount
        {
          isZero = true
        }
      }
      guard module.a != nil, module.b != nil else { continue }
      factored += 1
      if isZero { zero.append(module) }
    }
    return ValueChecks.notFinite(notFinite, nan: nan, infinite: infinite)
      + Self.zeroUpdates(zero, of: factored) + unscaled() + types()
  }

  private static let factors: Set<AdapterLeaf.Role> = [.a, .b, .embeddingA, .embeddingB]

  private static func zeroUpdates(_ zero: [AdapterModule], of count: Int) -> [Finding] {
    guard !zero.isEmpty else { return [] }
    let names = zero.flatMap { module in [module.a, module.b].compactMap { $0?.name } }
    let targets = FoldedKeys.summary(of: zero.map(\.target), "module")
    return [
      Finding(
        zero.count == count ? .error : .warning, .zeroUpdate, tensors: names,
        zero.count == count
          ? "every update is zero: a factor of each of \(targets) is zero everywhere, as before "
            + "the first step of training, so that merging changes nothing"
          : "a factor of \(targets) of \(count) is zero everywhere: merging changes nothing there")
    ]
  }

  /// Modules whose update is multiplied with 0.
  private func unscaled() -> [Finding] {
    let modules = adapter.modules.filter { $0.scale == 0 }
    guard !modules.isEmpty else { return [] }
    let isAll = modules.count == adapter.modules.count
    return [
      Finding(
        isAll ? .error : .warning, .zeroUpdate,
        tensors: modules.flatMap { $0.tensors.map(\.record.name) },
        "the scale (alpha/rank) of \(FoldedKeys.summary(of: modules.map(\.target), "module")) is "
          + "0: merging changes nothing" + (isAll ? "" : " there"))
    ]
  }

  /// Types that PEFT converts when it loads, but with which no merge computes.
  private func types() -> [Finding] {
    let wrong = adapter.modules.filter { $0.kind != .other }.flatMap(\.tensors).filter {
      !$0.isOfMergedType
    }.map(\.record)
    guard !wrong.isEmpty else { return [] }
    let names = wrong.map(\.name)
    let types = Set(wrong.map(\.type.name)).sorted().joined(separator: ", ").printable
    return [
      Finding(
        .error, .unmergeable, tensors: names,
        "\(FoldedKeys.summary(of: names, "tensor")) \(Wording.verb(names.count, "is", "are")) "
          + "\(types); a merge needs F32, F16, BF16 or F64")
    ]
  }
}
