import Formats
import OrderedCollections

extension RenamingDraft {
  /// Puts the modules together that the original of Flux has as one, which is how kohya's
  /// scripts name them; gives the modules as they are then, and their places. Others than
  /// Flux's stay as they are.
  mutating func fuseFlux(_ modules: [ScaledModule], _ places: [KohyaPlace], _ base: KeyList?)
    throws(CheckpointError) -> (modules: [ScaledModule], places: [KohyaPlace])
  {
    let own = places.filter { $0.component.layout == .transformer }
    guard !own.isEmpty else { return (modules, places) }
    let isFlux = FluxNames.isShown(by: own.map(\.path), base: base)
    guard isFlux != false else { return (modules, places) }
    try refuseUnlikeFlux(own, isFlux)
    var known: [String: (module: ScaledModule, place: KohyaPlace)] = [:]
    for (module, place) in zip(modules, places) { known[module.path] = (module, place.inFlux) }
    let made = try fuse(known.mapValues(\.place), FusionScales(modules))
    for (part, whole, place) in made.wholes {
      guard let module = known[part]?.module else { continue }
      known[whole] = (ScaledModule(path: whole, rank: module.rank, alpha: module.alpha), place)
    }
    for module in made.grown { known[module.path]?.module = module }
    let present = KohyaNames.unique(names.map { AdapterKey(peft: $0).target }).compactMap {
      known[$0]
    }
    return (present.map(\.module), present.map(\.place))
  }

  private func refuseUnlikeFlux(_ places: [KohyaPlace], _ isFlux: Bool?) throws(CheckpointError) {
    guard isFlux == true else {
      throw CheckpointError(
        path: path,
        "its modules could be those of Flux or of Stable Diffusion 3, of which kohya's scripts put "
          + "together others",
        fix: "add --to-match with the base")
    }
    guard let place = places.first(where: { FluxNames.exchanged.contains($0.path) }) else { return }
    throw CheckpointError(
      path: path, tensor: place.lead + place.path,
      "has its halves the other way round in the original of Flux, whose names kohya's scripts use",
      fix: "leave it out with --exclude '**.norm_out.**'")
  }

  /// What was put together: each whole with one of its parts, and those whose rank grew.
  private struct Fused {
    var wholes: [(part: String, whole: String, place: KohyaPlace)] = []
    var grown: [ScaledModule] = []
  }

  private mutating func fuse(_ places: [String: KohyaPlace], _ scales: FusionScales)
    throws(CheckpointError) -> Fused
  {
    var wholes: OrderedDictionary<String, ProjectionParts> = [:]
    var fused = Fused()
    for (position, tensor) in tensors.enumerated() {
      let target = AdapterKey(peft: tensor.record.name).target
      guard let place = places[target], let module = place.flux, module.parts.count > 1,
        let part = module.parts.firstIndex(of: place.path),
        let found = ProjectionTensor(
          tensor.record.name, words: place.path.dottedSegments, position: position)
      else { continue }
      try checkSize(tensor)
      let whole = "\(target.dropLast(place.path.count))\(module.original)"
      if wholes[whole] == nil {
        let step = ProjectionStep(
          parts: module.parts, fused: module.original, layout: .proportional(module.proportions))
        wholes[whole] = ProjectionParts(step, prefix: found.prefix)
        fused.wholes.append((target, whole, place.with(path: module.original)))
      }
      wholes[whole]?.add(found, part: part)
    }
    var fusion = try ProjectionFusion(self, scales)
    for whole in wholes.values {
      do throws(CheckpointError) {
        try fusion.add(whole)
      } catch {
        throw error.with(path: path, tensor: whole.path())
      }
    }
    fused.grown = fusion.scales
    try apply(fusion.recuts)
    note(wholes.values.map(\.step))
    return fused
  }

  /// Tells of the modules that were put together, those of all blocks as one.
  private mutating func note(_ steps: [ProjectionStep]) {
    var counts: OrderedDictionary<[[String]], Int> = [:]
    for step in steps {
      counts[[step.parts, [step.fused]].map { $0.map(FluxNames.inBlock) }, default: 0] += 1
    }
    projections += counts.map { kind, count in
      ProjectionChange(
        source: .preset("peft-to-kohya"), from: kind[0], to: kind[1], moduleCount: count)
    }
  }
}

extension KohyaPlace {
  /// The module of Flux's original that holds this one; nil outside of its transformer.
  fileprivate var flux: FluxNames.Module? {
    component.layout == .transformer ? FluxNames.module(holding: path) : nil
  }

  /// The place as the scripts for Flux have it: the first of its text encoders is CLIP's and
  /// the second, T5, their third.
  fileprivate var inFlux: KohyaPlace {
    var place = self
    place.hasSecondEncoder = true
    if let flux { place.original = flux.original }
    let third = PipelineComponent.table.first { $0.diffusers == "text_encoder_3" }
    if component.diffusers == "text_encoder_2", let third { place.component = third }
    return place
  }

  fileprivate func with(path: String) -> KohyaPlace {
    var place = self
    place.path = path
    return place
  }
}
