public import Formats

extension Checkpoint {
  /// The checkpoint with the names of another of the same model, where most of them are
  /// there in classes of the other kind alone: with a head or without; and a finding that
  /// says so. As it is where they are not.
  public func named(like other: Checkpoint) -> (checkpoint: Checkpoint, finding: Finding?) {
    let wanted = Set(other.records.map { ExactName($0.name) })
    let own = Set(records.map { ExactName($0.name) })
    guard own.intersection(wanted).count * 2 < wanted.count else { return (self, nil) }
    let configuration = (try? ModelConfiguration(beside: other)) ?? nil
    for prefix in BaseModelPrefix.possible(for: configuration) {
      var copy = self
      var names: [String] = []
      for index in records.indices {
        let name = records[index].name
        let place = prefix.swapped(name)
        guard !wanted.contains(ExactName(name)), wanted.contains(ExactName(place)),
          !own.contains(ExactName(place))
        else { continue }
        copy.records[index].name = place
        names.append(name)
      }
      guard names.count * 2 > wanted.count else { continue }
      return (
        copy,
        Finding(
          .note, .prefixDrift,
          "\(FoldedKeys.summary(of: names, "name")) of \(path.printable) and those of "
            + "\(other.path.printable) differ in \(prefix.text.quoted), which transformers puts "
            + "before names or takes away when it loads them")
      )
    }
    return (self, nil)
  }
}
