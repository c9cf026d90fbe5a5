internal import CKernels

/// The right factor of a product, packed so that the kernel reads it in order.
///
/// Its columns lie in panels of 64, each panel row after row, the last one
/// padded with zeros. Packed once, read by every worker.
public struct PackedMatrix: Sendable {
  /// The number of rows: the length of each sum.
  public let depth: Int
  /// The number of columns, padding not counted.
  public let columns: Int
  let panels: [Float]

  /// The bytes that the packed form of a matrix takes.
  public static func byteCount(depth: Int, columns: Int) -> Int {
    (columns + panelWidth - 1) / panelWidth * panelWidth * depth * MemoryLayout<Float>.stride
  }

  /// Packs a matrix of `depth` rows and `columns` columns, stored by rows.
  public init(_ values: Span<Float>, depth: Int, columns: Int) {
    self.init(values, depth: depth, columns: columns, rowStride: columns, columnStride: 1)
  }

  /// Packs the transpose of a matrix of `columns` rows and `depth` columns.
  public init(transposing values: Span<Float>, depth: Int, columns: Int) {
    self.init(values, depth: depth, columns: columns, rowStride: 1, columnStride: depth)
  }

  private init(
    _ values: Span<Float>, depth: Int, columns: Int, rowStride: Int, columnStride: Int
  ) {
    precondition(
      depth >= 0 && columns >= 0 && values.count == depth * columns,
      "\(values.count) values for \(depth) x \(columns)")
    let count = Self.byteCount(depth: depth, columns: columns) / MemoryLayout<Float>.stride
    self.depth = depth
    self.columns = columns
    // The kernel writes every float of the panels, padding included.
    panels = unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      initializedCount = count
      guard count > 0 else { return }
      unsafe values.withUnsafeBufferPointer { values in
        unsafe kernel_pack(
          values.baseAddress, depth, columns, rowStride, columnStride, buffer.baseAddress)
      }
    }
  }
}

private let panelWidth = Int(kernel_panel_width)
