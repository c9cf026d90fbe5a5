import Compute
import Formats
import OrderedCollections

/// A LoRA module with what decides its scale.
struct ScaledModule {
  let path: String
  let rank: Int
  /// The alpha for which the scale is alpha/rank.
  let alpha: Double
}

extension RenamingDraft {
  /// Takes the scalars that hold alpha out of the tensors; gives them by what stands
  /// before `.alpha`.
  mutating func takeAlphas() throws(CheckpointError) -> [String: Double] {
    var alphas: [String: Double] = [:]
    for tensor in tensors where tensor.record.name.hasSuffix(".alpha") {
      let value: Double
      do throws(CheckpointError) {
        value = try AlphaScalar.value(of: tensor.record)
      } catch {
        throw error.with(path: path, tensor: tensor.record.name)
      }
      // kohya's scripts read a missing alpha and one of 0 alike.
      if value != 0 { alphas[String(tensor.record.name.dropLast(".alpha".count))] = value }
      dropped.append((tensor.record.name, "its value goes to the configuration"))
    }
    tensors.removeAll { $0.record.name.hasSuffix(".alpha") }
    return alphas
  }

  /// Adds a scalar that holds alpha for each stem.
  mutating func addAlphas(_ alphas: [(stem: String, alpha: Double)]) throws(CheckpointError) {
    var bytes: [UInt8] = []
    for (stem, alpha) in alphas {
      let value = Float(alpha)
      guard Double(value) == alpha else {
        throw CheckpointError(
          path: path, tensor: stem,
          "needs an alpha of \(alpha), which no F32 scalar holds exactly, so the scale would change"
        )
      }
      let bits = value.bitPattern
      bytes += (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }
    let file = try InputFile(holding: bytes, name: "alpha")
    for (position, alpha) in alphas.enumerated() {
      let extent = Extent(file: file, offset: 4 * position, count: 4)
      tensors.append(
        Tensor(
          origin: nil,
          record: TensorRecord(
            name: "\(alpha.stem).alpha", type: .element(.f32), shape: [],
            bytes: TensorBytes(extents: [extent]))))
    }
  }

  /// Refuses tensors for which there is no name on the other side.
  func refuseAllBut(_ leaves: Set<String>, for other: String) throws(CheckpointError) {
    let others = names.filter { name in
      guard case .leaf(let leaf, _) = AdapterKey(peft: name).content else { return true }
      return !leaves.contains(leaf.name)
    }
    guard let first = others.first else { return }
    throw CheckpointError(
      path: path, tensor: others.count == 1 ? first : nil,
      "\(others.count) of the \(names.count) tensors \(others.count == 1 ? "is" : "are") neither "
        + "lora_A nor lora_B, and \(other) \(other.hasSuffix("s") ? "have" : "has") no exact form "
        + "for \(others.count == 1 ? "it" : "them")",
      details: FoldedKeys.lines(others))
  }

  /// The modules of a LoRA adapter in PEFT's or diffusers' names, in the order of
  /// the file, with the alpha that gives each its scale.
  func modules() throws(CheckpointError) -> [ScaledModule] {
    var ranks: [String: Int] = [:]
    var order: [String] = []
    for record in tensors.map(\.record) {
      let key = AdapterKey(peft: record.name)
      guard case .leaf(let leaf, _) = key.content, leaf.role == .a || leaf.role == .w1b,
        let rank = record.shape.first
      else { continue }
      if ranks.updateValue(rank, forKey: key.target) == nil { order.append(key.target) }
    }
    var scales: [Substring: ConfiguredScales] = [:]
    if let configuration {
      scales[""] = try ConfiguredScales(
        AdapterConfiguration(configuration, path: AdapterSurvey.configurationName))
    } else {
      scales = try PackedConfigurations(metadata[PackedConfigurations.key], path: path)
        .scales(path: path)
    }
    let isDiffusers = names.allSatisfy { !$0.hasPrefix("base_model.") }
    var modules: [ScaledModule] = []
    for path in order {
      let rank = ranks[path] ?? 0
      let component = scales[""] == nil ? path.prefix { $0 != "." } : ""
      let inner = component.isEmpty ? path : String(path.dropFirst(component.count + 1))
      let own = scales[component]
      // Without a configuration diffusers takes alpha to be the rank.
      guard let alpha = own.map({ $0.alpha(of: inner) }) ?? (isDiffusers ? Double(rank) : nil)
      else {
        throw CheckpointError(
          path: self.path, tensor: path,
          "no file says its alpha; expected adapter_config.json beside the tensors")
      }
      let factor = own?.configuration.isRankStabilized == true ? Double(rank).squareRoot() : 1
      modules.append(ScaledModule(path: path, rank: rank, alpha: alpha * factor))
    }
    return modules
  }

  /// Where kohya's scripts put each module.
  func kohyaPlaces(of modules: [ScaledModule]) throws(CheckpointError) -> [KohyaPlace] {
    let isPEFT = names.contains { $0.hasPrefix("base_model.model.") }
    if isPEFT {
      let component = try component(for: "peft-to-kohya")
      return modules.map {
        KohyaPlace(
          lead: "base_model.model.", path: $0.path, component: component, hasSecondEncoder: false)
      }
    }
    let hasSecond = modules.contains { $0.path.hasPrefix("text_encoder_2.") }
    var places: [KohyaPlace] = []
    for module in modules {
      guard
        let component = PipelineComponent.table.first(where: {
          module.path.hasPrefix($0.diffusers + ".")
        })
      else {
        throw CheckpointError(
          path: path, tensor: module.path, "begins with no part of a pipeline",
          fix: "add --preset diffusers-to-peft before it")
      }
      places.append(
        KohyaPlace(
          lead: "\(component.diffusers).",
          path: String(module.path.dropFirst(component.diffusers.count + 1)),
          component: component, hasSecondEncoder: hasSecond))
    }
    return places
  }
}

/// A module on its way to the names of kohya's scripts.
struct KohyaPlace {
  /// What stands before the path in the keys.
  let lead: String
  var path: String
  var component: PipelineComponent
  /// Whether the adapter is for more than one text encoder: they are numbered then.
  var hasSecondEncoder: Bool
  /// What the model's original calls the module, where that is something else.
  var original: String?

  /// The path as kohya's scripts know it: they name the modules as CLIP had them before
  /// transformers 5.
  var originalPath: String {
    if let original { return original }
    let isBare =
      component.layout == .textEncoder
      && PipelineComponent.textBeginnings.contains { path.hasPrefix($0) }
    return isBare ? "text_model.\(path)" : path
  }

  /// What stands before the flattened path.
  var prefix: String {
    component.diffusers == "text_encoder" && !hasSecondEncoder ? "lora_te" : component.kohya[0]
  }
}
