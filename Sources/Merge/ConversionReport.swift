public import Compute
public import Formats

/// What a conversion did, or would do.
public struct ConversionReport: Sendable {
  /// One tensor of which values could not be kept.
  public struct Loss: Sendable {
    public var name: String
    public var from: TensorType
    public var to: TensorType
    public var elementCount: Int
    public var losses: ConversionLosses
  }

  /// A place in the input with the number of entries there.
  public struct Place: Sendable {
    public var name: String
    public var count: Int
  }

  public var tensorCount: Int
  /// Tensors that went out as they came in, and their bytes.
  public var copied: Int
  public var copiedBytes: Int
  /// Tensors that were converted to another type, by the two types.
  public var conversions: [(from: TensorType, to: TensorType, count: Int)]
  public var byteCount: Int
  public var files: [String]
  public var memory: Int
  public var format: OutputFormat
  /// The tensors that lost anything, in the order of the output.
  public var lost: [Loss]
  public var shared: [SharedTensors.Group]
  /// The keys inside a PyTorch file that lead to what was converted; empty for the top.
  public var root: [String]
  /// What the input holds beside that and the output does not.
  public var left: [OtherEntry]
  /// The places where that lies.
  public var leftPlaces: [Place]
  public var findings: [Finding]

  /// Tensors that were converted to another type.
  public var converted: Int { conversions.reduce(0) { $0 + $1.count } }

  /// The report of a conversion with the results of its execution, which are nil
  /// before it.
  public init(_ conversion: CheckpointConversion, format: OutputFormat, results: Execution.Results?)
  {
    let plan = conversion.plan
    let tensors = plan.tensors
    self.format = format
    tensorCount = tensors.reduce(0) { $0 + 1 + $1.aliases.count }
    copied = 0
    copiedBytes = 0
    conversions = []
    for tensor in tensors {
      if case .cast(let record) = tensor.operation {
        Self.count(record.type, tensor.type, in: &conversions)
      } else {
        copied += 1
        copiedBytes += tensor.byteCount
      }
    }
    byteCount = plan.byteCount - (results?.savedByteCount ?? 0)
    files = plan.files.map(\.name)
    memory = plan.memory.total(workers: conversion.threads)
    shared = conversion.shared.groups
    root = conversion.root
    left = conversion.left
    // What lies beside the root has nothing in common with the names below it.
    leftPlaces = LeftPlaces.places(
      of: left, beside: left.isEmpty || !root.isEmpty ? [] : tensors.map(\.name))
    findings = plan.findings + (results?.findings ?? [])
    lost = Self.lost(results?.losses ?? [], tensors)
  }

  private static func count(
    _ from: TensorType, _ to: TensorType,
    in conversions: inout [(from: TensorType, to: TensorType, count: Int)]
  ) {
    if let known = conversions.firstIndex(where: { $0.from == from && $0.to == to }) {
      conversions[known].count += 1
    } else {
      conversions.append((from, to, 1))
    }
  }

  private static func lost(
    _ losses: [(name: String, losses: ConversionLosses)], _ tensors: [PlannedTensor]
  ) -> [Loss] {
    var byName: [ExactName: ConversionLosses] = [:]
    for entry in losses where entry.losses.changed > 0 {
      byName[ExactName(entry.name)] = entry.losses
    }
    return tensors.compactMap { tensor in
      guard let losses = byName[ExactName(tensor.name)] else { return nil }
      return Loss(
        name: tensor.name, from: tensor.source.type, to: tensor.type,
        elementCount: tensor.source.elementCount, losses: losses)
    }
  }
}
