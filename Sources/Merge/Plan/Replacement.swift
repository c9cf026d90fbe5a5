import Formats

/// What an adapter's tensor takes the place of.
struct Replacement: Sendable {
  /// The tensor of the base; nil where the base has none.
  var original: TensorRecord?
  /// The path of the adapter.
  var adapter: String
}
