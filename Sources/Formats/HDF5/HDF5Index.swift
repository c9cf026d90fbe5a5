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

/// What a file says beside its data.
struct HDF5Attribute: Sendable {
  var name: String
  var value: Value
  /// One value, not a list of one.
  var isScalar: Bool

  enum Value: Sendable, Hashable {
    case strings([String])
    case integers([Int64])
    case naturals([UInt64])
    case floats([Double])
    /// A value of another class.
    case other
  }

  /// The text, where it is just one.
  var string: String? {
    guard case .strings(let strings) = value, strings.count == 1 else { return nil }
    return strings[0]
  }

  /// The strings, where it holds such.
  var strings: [String]? {
    guard case .strings(let strings) = value else { return nil }
    return strings
  }

  /// The number, where it is just one whole one.
  var integer: Int? {
    guard let integers, integers.count == 1 else { return nil }
    return integers[0]
  }

  /// The whole numbers, where it holds such.
  var integers: [Int]? {
    switch value {
    case .integers(let values): return values.map(Int.init)
    case .naturals(let values):
      let exact = values.compactMap { Int(exactly: $0) }
      return exact.count == values.count ? exact : nil
    default: return nil
    }
  }

  /// The value as a metadata entry has it: the text itself, else JSON; nil for a class
  /// that is not told.
  var text: String? {
    if isScalar, let string { return string }
    var writer = JSONWriter()
    switch value {
    case .strings(let values): write(values, to: &writer) { $0.string($1) }
    case .integers(let values): write(values, to: &writer) { $0.integer(Int($1)) }
    case .naturals(let values):
      write(values, to: &writer) { $0.value(.number(String($1))) }
    case .floats(let values): write(values, to: &writer) { $0.double($1) }
    case .other: return nil
    }
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  private func write<Element>(
    _ values: [Element], to writer: inout JSONWriter,
    _ body: (inout JSONWriter, Element) -> Void
  ) {
    if isScalar, values.count == 1 { return body(&writer, values[0]) }
    writer.array { writer in for value in values { body(&writer, value) } }
  }
}

extension [HDF5Attribute] {
  subscript(name: String) -> HDF5Attribute? { first { $0.name == name } }

  /// The strings of a list, which Keras cuts where it is too long for one attribute:
  /// into `name0`, `name1` and so on.
  func strings(_ name: String) -> [String]? {
    if let whole = self[name]?.strings { return whole }
    var strings: [String] = []
    var part = 0
    while let more = self["\(name)\(part)"]?.strings {
      strings += more
      part += 1
    }
    return part == 0 ? nil : strings
  }
}
