/// Decides how square weights are held.
///
/// PEFT goes by the class of the module. Modules of the same name are of the same class, so
/// those that are not square decide for those that are (GPT-2's `attn.c_proj` is square, its
/// `mlp.c_proj` is not). Without such the model's type tells, where it is one of
/// transformers' own; elsewhere the nearest relatives by path; and only where there are none
/// the adapter's `fan_in_fan_out`, which PEFT sets by the last module that it adapts. Where
/// the evidence disagrees, nothing is decided. Embeddings are no evidence: they are of a
/// class of their own.
struct Orientation {
  private var byName: [Substring: Set<ShapeFit>] = [:]
  /// What was decided of the modules below each path.
  private var byParent: [Substring: Set<ShapeFit>] = [:]
  private let classes: ModuleClasses
  private let configuration: AdapterConfiguration?

  init(
    decided fits: [(target: String, fit: ShapeFit)], classes: ModuleClasses,
    configuration: AdapterConfiguration?
  ) {
    self.classes = classes
    self.configuration = configuration
    for (target, fit) in fits where fit != .either {
      byName[Self.lastSegment(target), default: []].insert(fit)
      for parent in Self.parents(target) { byParent[parent, default: []].insert(fit) }
    }
  }

  /// Nil where nothing tells.
  func isTransposed(_ target: String, _ fit: ShapeFit) -> Bool? {
    guard fit == .either else { return fit == .transposed }
    let name = Self.lastSegment(target)
    if let alike = byName[name], alike.count == 1 {
      return alike.contains(.transposed)
    }
    if let isConv1D = classes.isConv1D(name) { return isConv1D }
    if let related = Self.parents(target).lazy.compactMap({ byParent[$0] }).first {
      return related.count == 1 ? related.contains(.transposed) : nil
    }
    guard let configuration else {
      return isAllDirect && !ModuleClasses.mayBeConv1D(name) ? false : nil
    }
    guard configuration.isFanInFanOut else { return false }
    // Elsewhere in the model there are other classes; the flag may be theirs.
    return byName.isEmpty ? true : nil
  }

  /// Whether nothing speaks for the other way.
  private var isAllDirect: Bool { byName.values.allSatisfy { $0 == [.direct] } }

  private static func lastSegment(_ target: String) -> Substring {
    target.lastIndex(of: ".").map { target[target.index(after: $0)...] } ?? target[...]
  }

  /// The paths above a module, the longest first.
  private static func parents(_ target: String) -> [Substring] {
    var parents: [Substring] = []
    var path = target[...]
    while let dot = path.lastIndex(of: ".") {
      path = path[..<dot]
      parents.append(path)
    }
    return parents
  }
}
