/// The modules of a base under all names that adapters of image pipelines may have for
/// them.
///
/// Flattened names (`lora_unet_down_blocks_0_…`) cannot be undone by themselves, and
/// the parts of a pipeline have several layouts: so all names of what is there are
/// made, and looked up.
struct PipelineModules: Sendable {
  /// How a family writes the path of a module.
  enum Style: Sendable {
    /// Prefix and path with `_` for each dot, as kohya's scripts and LyCORIS do.
    case flattened
    /// Component and path with dots, as diffusers does.
    case dotted
  }

  private let style: Style
  private var places: [String: Set<BasePlace>] = [:]

  init(_ tensors: [String], style: Style) {
    self.style = style
    let leads = PipelineComponent.table.map { component in
      (component: component, leads: component.inPipeline.map { "\($0)." })
    }
    var bare: [String] = []
    for tensor in tensors where Self.isWeight(tensor) {
      var isPart = false
      for (component, leads) in leads {
        for lead in leads where tensor.hasPrefix(lead) {
          isPart = true
          add(String(tensor.dropFirst(lead.count)), of: component, after: lead)
        }
      }
      if !isPart { bare.append(tensor) }
    }
    // Beside the parts of a pipeline there are only its schedules and the like.
    guard places.isEmpty else { return }
    for component in PipelineComponent.possible(for: bare) {
      for tensor in bare { add(tensor, of: component, after: "") }
    }
  }

  /// The places that a module's name stands for: one, none, or several alike.
  ///
  /// SimpleTuner flattened the dot behind the path as well.
  subscript(name: String) -> Set<BasePlace> {
    places[name] ?? (style == .flattened ? places[KohyaNames.withoutDot(name)] : nil) ?? []
  }

  /// The names that end most like this one, shapes aside.
  func nearest(to name: String, limit: Int) -> [String] {
    let bytes = Array(name.utf8.reversed())
    var best: [String] = []
    var bestCount = 8
    for (form, found) in places {
      let count = zip(bytes, form.utf8.reversed()).prefix { $0 == $1 }.count
      guard count >= bestCount else { continue }
      if count > bestCount { best = [] }
      bestCount = count
      best += found.flatMap(\.tensors)
    }
    return Array(NaturalOrder.sorted(Set(best)).prefix(limit))
  }

  private static func isWeight(_ tensor: String) -> Bool {
    tensor.hasSuffix(".weight") || tensor.hasSuffix(".in_proj_weight")
      || OpenCLIPNames.isParameter(tensor)
  }

  private mutating func add(_ tensor: String, of component: PipelineComponent, after lead: String) {
    for (path, place) in Self.paths(of: tensor, in: component.layout) {
      let place = place.prefixed(by: lead)
      switch style {
      case .flattened:
        let flat = path.replacing(".", with: "_")
        for prefix in component.kohya { places["\(prefix)_\(flat)", default: []].insert(place) }
      case .dotted:
        for prefix in [component.diffusers] + component.otherPrefixes {
          places["\(prefix).\(path)", default: []].insert(place)
        }
        // Before there were components, diffusers had adapters for the UNet alone.
        if component.layout == .unet { places[path, default: []].insert(place) }
      }
    }
  }

  /// The paths that the module of a tensor has in the layouts of its model.
  private static func paths(of tensor: String, in layout: PipelineComponent.Layout)
    -> [(path: String, place: BasePlace)]
  {
    var paths: [(path: String, place: BasePlace)] = []
    if layout == .textEncoder {
      paths = OpenCLIPNames.transformers(tensor)
      paths += paths.flatMap { module in textPath(module.path).map { ($0, module.place) } }
    }
    guard tensor.hasSuffix(".weight") else { return paths }
    let path = String(tensor.dropLast(".weight".count))
    paths.append((path, .whole(tensor)))
    if layout == .textEncoder { paths += textPath(path).map { ($0, .whole(tensor)) } }
    if layout == .unet {
      let others = UNetNames.diffusers(path).map { [$0] } ?? UNetNames.originals(path)
      paths += others.map { ($0, .whole(tensor)) }
    }
    if layout == .transformer, let original = FluxNames.original(path) { paths.append(original) }
    return paths
  }

  /// The path of a text encoder's module with and without the segment that
  /// transformers 5 has done away with.
  private static func textPath(_ path: String) -> [String] {
    let lead = "text_model."
    if path.hasPrefix(lead) { return [String(path.dropFirst(lead.count))] }
    return PipelineComponent.textBeginnings.contains { path.hasPrefix($0) } ? [lead + path] : []
  }
}
