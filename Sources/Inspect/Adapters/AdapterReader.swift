import Formats
import OrderedCollections

/// Puts the tensors of an adapter where they belong.
struct AdapterReader {
  let family: AdapterFamily
  let configuration: AdapterConfiguration?
  /// Whether the configuration lies in the file itself, as diffusers writes it for a model
  /// that is no part of a pipeline.
  let isOfDiffusers: Bool

  /// A module while its tensors come in.
  struct Draft {
    var tensors: [AdapterTensor] = []
    var isNested = false
    /// What its scalar for alpha holds.
    var alpha: Double?
  }

  private(set) var drafts: [String: Draft] = [:]
  private var shared: [AdapterTensor] = []
  private var replacements: [AdapterReplacement] = []
  private var frozenCopies: [TensorRecord] = []
  private var leftovers: [TensorRecord] = []
  private var wrappers: [Substring: [String]] = [:]
  private var adapterNames: OrderedSet<Substring> = []
  /// The first adapter of each PEFT model in the file, by what stands before its keys:
  /// those of a wrapped checkpoint may have an adapter each, under a name each.
  private var firstNames: [Substring: Substring] = [:]
  private var places: Set<Place> = []

  private var zeroSized: [String] = []
  private var unprefixed: [String] = []
  private var doublyPrefixed: [String] = []
  private var duplicates: [String] = []
  private var ofOtherAdapters: [String] = []
  /// The keys with the name of the adapter in them.
  private var infixed: [String] = []
  /// The flattened keys with the dot behind the path flattened too.
  private var underscored: [String] = []
  private var unknown: [String] = []
  private var alphaFaults: [Finding] = []

  /// What no two tensors may be.
  private struct Place: Hashable {
    let target: String
    let leaf: String
  }

  init(
    family: AdapterFamily, configuration: AdapterConfiguration?, isOfDiffusers: Bool = false
  ) {
    self.family = family
    self.configuration = configuration
    self.isOfDiffusers = isOfDiffusers
  }

  mutating func add(_ record: TensorRecord) {
    if let method = configuration?.family, UnmergeableMethod.isPrompt(method) {
      var segments = record.name.dottedSegments
      note(KeyWrappers.strip(&segments), of: record)
      let leaf = AdapterLeaf(name: record.name, family: method, role: .other, rankAxis: nil)
      shared.append(AdapterTensor(leaf: leaf, record: record))
      return
    }
    guard let key = family.parse(record.name, configuration?.family) else {
      unknown.append(record.name)
      leftovers.append(record)
      return
    }
    if case .plain(let kind) = key.content, kind != .tokenRows, family.holdsBase { return }
    note(key, of: record)
    if let name = key.adapterName {
      adapterNames.append(name)
      infixed.append(record.name)
      let first = firstNames[AdapterKey.beginning(of: record.name), default: name]
      firstNames[AdapterKey.beginning(of: record.name)] = first
      guard name == first else {
        ofOtherAdapters.append(record.name)
        leftovers.append(record)
        return
      }
    }
    place(record, key)
  }

  private mutating func note(_ key: AdapterKey, of record: TensorRecord) {
    note(key.wrappers, of: record)
    if record.elementCount == 0, !Self.isWithoutRanks(record, key) { zeroSized.append(record.name) }
    if key.modelPrefixCount > 1 { doublyPrefixed.append(record.name) }
    if key.modelPrefixCount == 0, !key.target.isEmpty { unprefixed.append(record.name) }
    if family.kind == .kohyaAdapter, key.target.hasSuffix("_") { underscored.append(record.name) }
  }

  private mutating func note(_ found: [Substring], of record: TensorRecord) {
    for wrapper in Set(found) { wrappers[wrapper, default: []].append(record.name) }
  }

  /// Whether AdaLoRA has taken all ranks of a module away: its factors keep their other
  /// length, where ZeRO-3 leaves tensors `[0]`.
  private static func isWithoutRanks(_ record: TensorRecord, _ key: AdapterKey) -> Bool {
    guard case .leaf(let leaf, _) = key.content, leaf.family == "adalora" else { return false }
    return record.shape.count == 2 && record.shape.contains { $0 > 0 }
  }

  private mutating func place(_ record: TensorRecord, _ key: AdapterKey) {
    switch key.content {
    case .frozenCopy: frozenCopies.append(record)
    case .plain(let kind):
      if kind == .module, isStray(record, key) {
        unknown.append(record.name)
        leftovers.append(record)
        return
      }
      guard claim(key.target, "\(kind == .tokenRows)", record) else { return }
      replacements.append(AdapterReplacement(target: key.target, kind: kind, record: record))
    case .leaf(let leaf, let isNested):
      // Both adapters of a nested pair act on one module, each with its own A and B.
      let target = isNested ? "\(key.target).base_layer" : key.target
      guard claim(target, leaf.name, record) else { return }
      let tensor = tensor(leaf, record)
      if key.target.isEmpty {
        shared.append(tensor)
      } else {
        drafts[target, default: Draft()].tensors.append(tensor)
        if isNested { drafts[target]?.isNested = true }
        if leaf.role == .alpha {
          let value = alpha(in: record)
          drafts[target]?.alpha = value
        }
      }
    }
  }

  /// Whether it is named as a factor, but as none that PEFT knows; a module that was
  /// saved as a whole may call its parts as it likes.
  private func isStray(_ record: TensorRecord, _ key: AdapterKey) -> Bool {
    guard family.isPEFT, AdapterLeaf.isStray(record.name) else { return false }
    return configuration?.saves(key.target) != true
  }

  /// The tensor as PEFT holds it.
  private func tensor(_ leaf: AdapterLeaf, _ record: TensorRecord) -> AdapterTensor {
    guard family.hasTransposedFactors, leaf.role == .a || leaf.role == .b else {
      return AdapterTensor(leaf: leaf, record: record)
    }
    // Those of experts have an axis more and are another method to whoever reads them.
    guard record.shape.count == 2 else {
      return AdapterTensor(
        leaf: AdapterLeaf(name: leaf.name, family: leaf.family, role: .other, rankAxis: nil),
        record: record)
    }
    return AdapterTensor(leaf: leaf, record: record.transposed)
  }

  /// The value of a scalar; one that cannot be read is found fault with.
  private mutating func alpha(in record: TensorRecord) -> Double? {
    guard record.bytes != nil else { return nil }
    do throws(CheckpointError) {
      return try AlphaScalar.value(of: record)
    } catch {
      let fault = error.with(tensor: record.name)
      alphaFaults.append(
        Finding(.error, .alphaUnknown, tensors: [record.name], fault.description))
      return nil
    }
  }

  /// Whether nothing else was this to the target before.
  private mutating func claim(_ target: String, _ leaf: String, _ record: TensorRecord) -> Bool {
    if places.insert(Place(target: target, leaf: leaf)).inserted { return true }
    duplicates.append(record.name)
    leftovers.append(record)
    return false
  }

  func adapter(path: String, _ scales: AdapterScales) -> Adapter {
    let modules = NaturalOrder.sorted(Array(drafts.keys)).map { target in
      scales.module(target, drafts[target] ?? Draft())
    }
    let summary = scales.summary(modules)
    let checks = AdapterChecks(
      modules: modules, shared: shared, scales: scales, configuration: configuration, path: path)
    let kept = modules.flatMap { $0.tensors.map(\.leaf.family) } + shared.map(\.leaf.family)
    return Adapter(
      path: path, kind: family.kind,
      family: AdapterScales.method(of: kept, configured: configuration?.family),
      configuration: configuration, rank: summary.rank, alpha: summary.alpha,
      scale: summary.scale, modules: modules, shared: shared,
      replacements: NaturalOrder.sorted(replacements, by: \.target), frozenCopies: frozenCopies,
      leftovers: leftovers, names: adapterNames.map(String.init),
      wrappers: wrappers.sorted { $0.key < $1.key }.map {
        KeyWrapper(text: "\($0.key).", count: $0.value.count)
      },
      findings: keyFindings(path) + checks.findings())
  }

  /// The names without those that no beginning would make keys of PEFT.
  private func withoutUnknown(_ names: [String]) -> [String] {
    let unknown = Set(unknown.map(ExactName.init))
    return names.filter { !unknown.contains(ExactName($0)) }
  }

  /// What the names and sizes of the tensors show.
  private func keyFindings(_ path: String) -> [Finding] {
    let isEmpty = drafts.isEmpty && shared.isEmpty && replacements.isEmpty && leftovers.isEmpty
    var findings: [Finding] = isEmpty ? [KeyFindings.empty] : []
    findings += KeyFindings.zeroSized(zeroSized)
    findings += KeyFindings.wrapped(wrappers)
    // The grammar of other methods' keys is not known.
    guard UnmergeableMethod.finding(configuration) == nil else { return findings }
    if family.isPEFT {
      let names = withoutUnknown(unprefixed)
      findings +=
        isOfDiffusers
        ? KeyFindings.ofModelAlone(names, path: path)
        : KeyFindings.unprefixed(names, hasConfiguration: configuration != nil, path: path)
      findings += KeyFindings.infixed(infixed, Array(adapterNames), path: path)
    }
    findings += KeyFindings.underscored(underscored, path: path)
    findings += KeyFindings.doublyPrefixed(doublyPrefixed)
    findings += SeveralAdapters(Array(adapterNames), ofOtherAdapters, path: path).findings
    findings += KeyFindings.duplicates(duplicates)
    findings += KeyFindings.unknown(unknown, kind: family.kind, path: path)
    findings += KeyFindings.baseTensors(replacements)
    findings += alphaFaults
    return findings
  }
}
