/// The values that a container holds directly, in order, each with the step that
/// leads to it.
///
/// Those of large containers are not copied: a file of some kilobytes can hold
/// millions of them.
enum TorchChildren: RandomAccessCollection, Sendable {
  /// The items of a tuple, a list or a set.
  case items(ArraySlice<Pickle.Node>)
  /// The alternating keys and values of a dictionary.
  case entries(ArraySlice<Pickle.Node>)
  case listed([Child])

  struct Child: Sendable {
    var step: Step
    var node: Pickle.Node
  }

  /// A step from a container to one of its values.
  enum Step: Sendable {
    /// A key or an attribute.
    case key(Pickle.Node)
    case index(Int)
    /// A step that does not show in the name.
    case hidden
  }

  static let none = TorchChildren.listed([])

  var startIndex: Int { 0 }

  var endIndex: Int {
    switch self {
    case .items(let items): items.count
    case .entries(let entries): entries.count / 2
    case .listed(let children): children.count
    }
  }

  subscript(position: Int) -> Child {
    switch self {
    case .items(let items):
      Child(step: .index(position), node: items[items.startIndex + position])
    case .entries(let entries):
      Child(
        step: .key(entries[entries.startIndex + 2 * position]),
        node: entries[entries.startIndex + 2 * position + 1])
    case .listed(let children): children[position]
    }
  }
}
