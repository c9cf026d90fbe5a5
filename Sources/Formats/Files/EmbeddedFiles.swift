import Synchronization

/// The small files that lie inside another file, by the path that leads into it:
/// `model.h5/__files__/config.json`.
///
/// Filled when the outer file is opened, so that whoever asks for such a path finds it
/// as if the outer file were a directory.
enum EmbeddedFiles {
  private static let places = Mutex<[String: TensorRecord]>([:])

  /// The bytes of this record are found at `path` from now on.
  static func add(_ record: TensorRecord, at path: String) {
    places.withLock { $0[path] = record }
  }

  static func contains(_ path: String) -> Bool { places.withLock { $0[path] != nil } }

  /// What lies at `path`, or nil.
  static func bytes(at path: String) throws(CheckpointError) -> [UInt8]? {
    guard let record = places.withLock({ $0[path] }) else { return nil }
    return try TensorData.bytes(of: record)
  }
}
