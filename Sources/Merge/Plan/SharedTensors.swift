import Compute
import Formats
import Inspect
import OrderedCollections

/// Tensors of a checkpoint that are the same data under several names.
///
/// A format that shares storages keeps all names; of the others one name is kept
/// and the rest are noted in the metadata, as Hugging Face's writers do.
public struct SharedTensors: Sendable {
  /// One tensor and its other names.
  public struct Group: Sendable, Hashable {
    /// The name under which the data is written.
    public var kept: String
    /// The other names, sorted.
    public var others: [String]
  }

  public private(set) var groups: [Group] = []
  /// The other names of the tensors that are written, by name.
  private var aliases: [ExactName: [OutputTensor.Alias]] = [:]
  private var droppedNames: Set<ExactName> = []
  /// The metadata without what the aliases say.
  private(set) var metadata: OrderedDictionary<String, String>

  /// Nothing is shared: every tensor goes out by itself.
  init(none checkpoint: Checkpoint) { metadata = checkpoint.metadata }

  /// The tensors of `checkpoint` that lie at the same place in the same way, but not
  /// those of `separate`. Where `restores`, also the names that the metadata notes as
  /// those of other tensors.
  init(
    in checkpoint: Checkpoint, restores: Bool, filter: NameFilter, separate: Set<ExactName> = []
  ) {
    metadata = checkpoint.metadata
    groupByPlace(checkpoint.records, separate)
    if restores { restoreNotes(checkpoint, filter) }
  }

  func isDropped(_ name: String) -> Bool { droppedNames.contains(ExactName(name)) }

  func aliases(of name: String) -> [OutputTensor.Alias] { aliases[ExactName(name)] ?? [] }

  /// What the metadata notes of the names that are not written.
  var notes: OrderedDictionary<String, String> {
    var notes: OrderedDictionary<String, String> = [:]
    for group in groups {
      for other in group.others { notes[other] = group.kept }
    }
    return notes
  }

  private mutating func groupByPlace(_ records: [TensorRecord], _ separate: Set<ExactName>) {
    var members: [Place: [Int]] = [:]
    for (position, record) in records.enumerated()
    where separate.isEmpty || !separate.contains(ExactName(record.name)) {
      if let place = Place(record) { members[place, default: []].append(position) }
    }
    let shared = members.values.filter { $0.count > 1 }.sorted { $0[0] < $1[0] }
    for positions in shared {
      // The first in the order of code points, as the reference library chooses.
      let sorted = positions.sorted {
        records[$0].name.utf8.lexicographicallyPrecedes(records[$1].name.utf8)
      }
      add(
        kept: records[sorted[0]].name,
        others: sorted.dropFirst().map { OutputTensor.Alias(name: records[$0].name, order: $0) })
      for position in sorted.dropFirst() { droppedNames.insert(ExactName(records[position].name)) }
    }
  }

  /// Takes up what an earlier writer noted: "this name is that tensor".
  private mutating func restoreNotes(_ checkpoint: Checkpoint, _ filter: NameFilter) {
    let names = Set(checkpoint.records.map { ExactName($0.name) })
    var others: OrderedDictionary<String, [OutputTensor.Alias]> = [:]
    for (position, (key, value)) in checkpoint.metadata.enumerated() {
      guard names.contains(ExactName(value)), !names.contains(ExactName(key)), key != "format"
      else { continue }
      metadata[key] = nil
      guard filter.accepts(key) else { continue }
      let order = checkpoint.records.count + position
      others[value, default: []].append(OutputTensor.Alias(name: key, order: order))
    }
    for (kept, aliases) in others { add(kept: kept, others: aliases) }
  }

  private mutating func add(kept: String, others: [OutputTensor.Alias]) {
    groups.append(Group(kept: kept, others: others.map(\.name)))
    aliases[ExactName(kept), default: []] += others
  }

  /// What makes two tensors the same data.
  private struct Place: Hashable {
    let file: FileIdentity
    /// Those of the other extents.
    let otherFiles: [FileIdentity]
    let offsets: [Int]
    let codec: Codec
    let view: StridedView?
    let transforms: UInt8
    let type: TensorType
    let shape: [Int]

    /// The place of a tensor that has any bytes.
    init?(_ record: TensorRecord) {
      guard let bytes = record.bytes, let first = bytes.extents.first, record.byteCount > 0 else {
        return nil
      }
      file = first.file.identity
      otherFiles = bytes.extents.dropFirst().map(\.file.identity)
      offsets = bytes.extents.flatMap { [$0.offset, $0.count] }
      codec = bytes.codec
      view = bytes.view
      transforms = bytes.transforms.rawValue
      type = record.type
      shape = record.shape
    }
  }
}
