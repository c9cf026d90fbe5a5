/// What a file says beside its data.
struct HDF5Attribute: Sendable {
  var name: String
  var value: Value
  /// None for one value; nil for none by type.
  var shape: [Int]?

  enum Value: Sendable, Hashable {
    case strings([String])
    case integers([Int64])
    case naturals([UInt64])
    case floats([Double])
    /// Elements of another type, as they lie in the file.
    case elements(HDF5Type, [UInt8])
    /// A value that is not told, by what it is.
    case other(String)
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

extension ByteCursor {
  mutating func attributes() throws(CheckpointError) -> [HDF5Attribute] {
    var attributes: [HDF5Attribute] = []
    for _ in 0..<(try uint32("the number of attributes")) { attributes.append(try attribute()) }
    return attributes
  }

  private mutating func attribute() throws(CheckpointError) -> HDF5Attribute {
    let name = try text("the name of an attribute")
    let number = try byte("the class of an attribute")
    let kind = number == .max ? "unreadable" : HDF5TypeDecoding.className(Int(number))
    let way = try byte("the way of an attribute")
    let rank = try byte("the number of axes")
    let shape = rank == UInt8.max ? nil : try sizes(Int(rank))
    let count = try uint32("the number of values")
    let value: HDF5Attribute.Value
    switch way {
    case 0: return HDF5Attribute(name: name, value: .other(kind), shape: shape)
    case 1:
      value = .strings(
        try values(count) { cursor throws(CheckpointError) in
          try cursor.text("a value")
        })
    case 2: value = .integers(try numbers(count).map { Int64(bitPattern: $0) })
    case 3: value = .floats(try numbers(count).map { Double(bitPattern: $0) })
    case 4: value = .naturals(try numbers(count))
    case 5: value = try elements(count)
    case 6: return HDF5Attribute(name: name, value: .other("\(kind), too long"), shape: shape)
    default: throw CheckpointError("it tells an attribute in way \(way)")
    }
    guard shape == nil ? count == 0 : product(of: shape ?? []) == Int(count) else {
      throw CheckpointError("an attribute has \(count) values, which is not its shape")
    }
    return HDF5Attribute(name: name, value: value, shape: shape)
  }

  private mutating func elements(_ count: UInt32) throws(CheckpointError) -> HDF5Attribute.Value {
    let type = try HDF5Answer.type(&self, depth: 0)
    let bytes = Array(try blob("the values of an attribute"))
    guard product(of: [Int(count), type.byteCount]) == bytes.count else {
      throw CheckpointError("an attribute has \(bytes.count) bytes, which are not its values")
    }
    return .elements(type, bytes)
  }

  private mutating func numbers(_ count: UInt32) throws(CheckpointError) -> [UInt64] {
    try values(count) { cursor throws(CheckpointError) in try cursor.uint64("a value") }
  }

  private mutating func values<Value>(
    _ count: UInt32, _ body: (inout ByteCursor) throws(CheckpointError) -> Value
  ) throws(CheckpointError) -> [Value] {
    var values: [Value] = []
    for _ in 0..<count { values.append(try body(&self)) }
    return values
  }
}
