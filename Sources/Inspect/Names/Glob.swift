public import Formats

/// A pattern for tensor names, matched against the whole name.
///
/// `*` stands for any characters within one dotted segment, `**` for any
/// characters at all, `?` for one character other than a dot, `[0-9]` and
/// `[!0-9]` for one of a class, `{a,b}` for alternatives, which may nest, and
/// `{0..31}` for a number; `\` takes the next character as it is.
///
/// The pattern is compiled once to a list of instructions that are followed
/// side by side, so matching takes time in proportion to the name, whatever the
/// pattern.
public struct Glob: Sendable {
  /// The pattern as it was written.
  public let source: String
  let program: [Instruction]

  /// One step of the compiled pattern; the numbers are positions in the program.
  enum Instruction: Sendable, Hashable {
    case scalar(Unicode.Scalar)
    case anyScalar
    case anyButDot
    case oneOf([ClosedRange<Unicode.Scalar>], negated: Bool)
    /// Goes on in both places.
    case split(Int, Int)
    case jump(Int)
    case accept
  }

  /// Compiles `source`, or says what is wrong with it.
  public init(_ source: String) throws(CheckpointError) {
    var compiler = GlobCompiler(source)
    self.source = source
    self.program = try compiler.compile()
  }

  /// Whether the whole of `name` fits the pattern.
  public func matches(_ name: String) -> Bool {
    var current = Threads(program.count)
    var next = Threads(program.count)
    current.follow(0, in: program)
    for scalar in name.unicodeScalars {
      if current.positions.isEmpty { return false }
      next.removeAll()
      for position in current.positions where accepts(scalar, at: position) {
        next.follow(position + 1, in: program)
      }
      swap(&current, &next)
    }
    return current.positions.contains { program[$0] == .accept }
  }

  private func accepts(_ scalar: Unicode.Scalar, at position: Int) -> Bool {
    switch program[position] {
    case .scalar(let expected): scalar == expected
    case .anyScalar: true
    case .anyButDot: scalar != "."
    case .oneOf(let ranges, let negated):
      scalar != "." && ranges.contains { $0.contains(scalar) } != negated
    case .split, .jump, .accept: false
    }
  }
}

/// The places of a program that are reached at one character of the name, each
/// held once.
private struct Threads {
  private(set) var positions: [Int] = []
  private var isHeld: [Bool]
  private var pending: [Int] = []

  init(_ count: Int) { isHeld = [Bool](repeating: false, count: count) }

  mutating func removeAll() {
    positions.removeAll(keepingCapacity: true)
    for index in isHeld.indices { isHeld[index] = false }
  }

  /// Adds the instructions that `start` leads to without reading a character.
  mutating func follow(_ start: Int, in program: [Glob.Instruction]) {
    pending.append(start)
    while let position = pending.popLast() {
      if isHeld[position] { continue }
      isHeld[position] = true
      switch program[position] {
      case .jump(let target): pending.append(target)
      case .split(let first, let second):
        pending.append(second)
        pending.append(first)
      case .scalar, .anyScalar, .anyButDot, .oneOf, .accept: positions.append(position)
      }
    }
  }
}
