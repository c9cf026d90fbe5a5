/// Something worth telling about a file, which does not stop the work.
///
/// Findings are values; only what makes going on impossible is thrown.
public struct Finding: Sendable, Hashable {
  public enum Severity: String, Sendable, Hashable, Comparable {
    case note, warning, error

    private var rank: Int {
      switch self {
      case .note: 0
      case .warning: 1
      case .error: 2
      }
    }

    public static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }
  }

  /// What scripts recognise a finding by; the raw values are part of the
  /// command line's promise.
  public enum Code: String, Sendable, Hashable, CaseIterable {
    case unsafeGlobal = "unsafe-global"
    case checksumMismatch = "checksum-mismatch"
    case duplicateKey = "duplicate-key"
    case sharedStorage = "shared-storage"
    case indexMismatch = "index-mismatch"
    case emptyAdapter = "empty-adapter"
    case zeroSizeTensor = "zero-size-tensor"
    case notFinite = "not-finite"
    case zeroUpdate = "zero-update"
    case missingPair = "missing-pair"
    case rankMismatch = "rank-mismatch"
    case shapeMismatch = "shape-mismatch"
    case configMismatch = "config-mismatch"
    case alphaUnknown = "alpha-unknown"
    case prefixDrift = "prefix-drift"
    case nestedWrapper = "nested-wrapper"
    case unmatchedKey = "unmatched-key"
    case missingKey = "missing-key"
    case ploraPresent = "plora-present"
    case ploraLost = "plora-lost"
    case baseTensorInAdapter = "base-tensor-in-adapter"
    case missingSideFile = "missing-side-file"
    case mutatedBase = "mutated-base"
    case unmergeable
    case vocabularyMismatch = "vocabulary-mismatch"
    case tiedWeights = "tied-weights"
    case loraBiasDropped = "lora-bias-dropped"
    case quantisedBase = "quantised-base"
    case wrongBase = "wrong-base"
    case duplicateWeights = "duplicate-weights"
    case nameEncoding = "name-encoding"
    case archiveMismatch = "archive-mismatch"
    case trailingData = "trailing-data"
    case unsupportedType = "unsupported-type"
    case frozenModule = "frozen-module"
    case lossyType = "lossy-type"
    case optionWithoutEffect = "option-without-effect"
    case unfollowedLink = "unfollowed-link"
    case unreadableObject = "unreadable-object"
    case trainingState = "training-state"
    case weightVariant = "weight-variant"
  }

  public var severity: Severity
  public var code: Code
  /// The tensors or keys it is about.
  public var tensors: [String]
  /// One sentence in lower case: what was found and what was expected.
  public var message: String
  /// The command to type next, where there is one.
  public var fix: String?
  /// What the command makes of names, where it does no more: regular expressions and what
  /// takes the place of what they find.
  public var renaming: [Renaming] = []

  public struct Renaming: Sendable, Hashable {
    public let pattern: String
    public let replacement: String

    public init(_ pattern: String, _ replacement: String) {
      self.pattern = pattern
      self.replacement = replacement
    }
  }

  public init(
    _ severity: Severity, _ code: Code, tensors: [String] = [], _ message: String,
    fix: String? = nil
  ) {
    self.severity = severity
    self.code = code
    self.tensors = tensors
    self.message = message
    self.fix = fix
  }
}
