import OrderedCollections

/// The metadata of a safetensors file on its way through a PyTorch file, which
/// has no place for it: a record of the archive that torch does not look at.
///
/// Most files need none: what Hugging Face tools write is understood by itself.
enum TorchMetadata {
  static let record = ".data/safetensors_metadata.json"
  /// What a PyTorch file without the record is taken to say.
  static let understood: OrderedDictionary<String, String> = ["format": "pt"]
  private static let maximumByteCount = 16 << 20

  /// The bytes of the record, or nil where none is needed.
  static func bytes(_ metadata: OrderedDictionary<String, String>) -> [UInt8]? {
    guard metadata != understood else { return nil }
    var writer = JSONWriter()
    writer.object { for (key, value) in metadata { $0.string(named: key, value) } }
    return writer.bytes
  }

  /// What the record of an archive says; nil where there is none, or one that
  /// somebody else wrote.
  static func read(_ archive: TorchArchive) throws(CheckpointError)
    -> OrderedDictionary<String, String>?
  {
    guard let entry = archive.entry(record), entry.size <= maximumByteCount else { return nil }
    let bytes = try entry.contents(limit: maximumByteCount)
    guard let members = (try? JSONValue(parsing: bytes))?.object else { return nil }
    var metadata: OrderedDictionary<String, String> = [:]
    for member in members {
      guard let value = member.value.string else { return nil }
      metadata[member.key] = value
    }
    return metadata
  }
}
