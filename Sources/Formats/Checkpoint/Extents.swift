/// A range of bytes in a file.
public struct Extent: Sendable {
  public let file: InputFile
  /// The first byte, counted from the start of the file.
  public let offset: Int
  /// The number of bytes.
  public let count: Int

  public init(file: InputFile, offset: Int, count: Int) {
    self.file = file
    self.offset = offset
    self.count = count
  }
}

/// The ranges whose bytes, one after the other, are a storage.
///
/// Nearly every storage is a single range. That one lies in place: a checkpoint
/// of many tensors would else allocate an array for each.
public enum Extents: Sendable {
  case single(Extent)
  case several([Extent])

  public init(_ extents: [Extent]) {
    self = extents.count == 1 ? .single(extents[0]) : .several(extents)
  }

  /// The one range that is the whole storage, or nil where there are several or none.
  public var only: Extent? { count == 1 ? self[0] : nil }
}

extension Extents: RandomAccessCollection {
  public var startIndex: Int { 0 }

  public var endIndex: Int {
    switch self {
    case .single: 1
    case .several(let extents): extents.count
    }
  }

  public subscript(position: Int) -> Extent {
    switch self {
    case .single(let extent):
      precondition(position == 0, "extent \(position) of 1")
      return extent
    case .several(let extents): return extents[position]
    }
  }
}
