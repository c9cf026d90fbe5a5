/// What the helper tells of a file: its groups, datasets and links, in the order of the
/// walk through it.
struct HDF5Index: Sendable {
  var groups: [Group] = []
  var datasets: [Dataset] = []
  var links: [Link] = []
  /// The paths of named types.
  var types: [String] = []
  /// What libhdf5 could not read.
  var unreadable: [Unreadable] = []

  struct Unreadable: Sendable {
    var path: String
    var reason: String
  }

  struct Group: Sendable {
    var path: String
    var address: UInt64
    var attributes: [HDF5Attribute]
  }

  /// A link that leads by name, or around in a circle; none is followed.
  struct Link: Sendable {
    var path: String
    /// `soft`, `external`, `user-defined`, or `hard` for one into a group around it.
    var kind: String
    var target: String
  }

  struct Dataset: Sendable {
    var path: String
    /// Where its header lies in the file: ascending in the order of creation, as a rule.
    var address: UInt64
    var type: HDF5Type
    /// Nil for a dataset that has no elements by its type.
    var shape: [Int]?
    /// The bytes of an element that was not written; empty for zeros.
    var fill: [UInt8]
    var storage: Storage
    var attributes: [HDF5Attribute]
    /// Whether it stands here before, under another path.
    var isFurtherName = false
  }

  enum Storage: Sendable {
    /// The data itself, from the dataset's header.
    case header([UInt8])
    /// One range of the file; no offset where nothing was written.
    case contiguous(offset: UInt64?, byteCount: UInt64)
    case chunked(Chunks)
    /// Data that is not in this file, or none: a phrase that says which.
    case elsewhere(String)
  }

  struct Chunks: Sendable {
    var shape: [Int]
    var filters: [HDF5Filter]
    var chunks: [Chunk]
  }

  struct Chunk: Sendable {
    /// The index of its first element.
    var place: [Int]
    /// A bit for each filter that was left out.
    var mask: UInt32
    var offset: UInt64
    var byteCount: UInt64
  }
}

/// What is done to the bytes of each chunk when a dataset is written.
struct HDF5Filter: Sendable, Hashable {
  var identifier: UInt32
  var name: String
  var values: [UInt32]
}
