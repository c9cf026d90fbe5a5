/// Names folded into one pattern, with the positions they had in the list.
struct FoldedNames {
  let pattern: NamePattern
  /// In the order of the list.
  let members: [Int]
}

/// Folds lists of names into patterns.
///
/// Names with the same text around their numbers are put together and then cut
/// into as few blocks as needed so that each block holds every combination of its
/// numbers: a set of names is never shown as larger than it is.
enum NameFolding {
  /// The patterns of `names`, in natural order of their first names. Names of
  /// different `kinds` are kept apart.
  static func fold(_ names: [String], kinds: [Int]? = nil) -> [FoldedNames] {
    struct Key: Hashable {
      let text: [UInt8]
      let kind: Int
    }
    var groups: [Key: [Member]] = [:]
    for (position, name) in names.enumerated() {
      let template = NameTemplate(name)
      let key = Key(text: template.text, kind: kinds?[position] ?? 0)
      groups[key, default: []].append(Member(numbers: template.numbers, position: position))
    }
    let folded = groups.flatMap { key, members in
      let pieces = NameTemplate.pieces(of: key.text)
      return blocks(members[...], slot: 0, of: pieces.count - 1).map { block in
        FoldedNames(
          pattern: NamePattern(pieces: pieces, slots: block.slots.map(NumberSet.init(ascending:))),
          members: block.members.sorted())
      }
    }
    // The dictionary's order is random; the first names are all different.
    let firsts = folded.map { block in
      block.members.min { NaturalOrder.precedes(names[$0], names[$1]) } ?? 0
    }
    return NaturalOrder.sorted(Array(folded.indices)) { names[firsts[$0]] }.map { folded[$0] }
  }

  private struct Member {
    let numbers: [Int]
    let position: Int
  }

  /// Names that are exactly the combinations of some numbers.
  private struct Block {
    var slots: [[Int]]
    var members: [Int]
  }

  /// Cuts names of one template into blocks, from slot `slot` on: numbers of this
  /// slot after which the same follows are put together.
  ///
  /// The depth of the recursion is the number of slots, which is bounded.
  private static func blocks(_ members: ArraySlice<Member>, slot: Int, of count: Int) -> [Block] {
    if slot == count { return [Block(slots: [], members: members.map(\.position))] }
    var byNumber: [Int: [Member]] = [:]
    for member in members { byNumber[member.numbers[slot], default: []].append(member) }
    var merged: [[[[Int]]]: [(number: Int, blocks: [Block])]] = [:]
    for number in byNumber.keys.sorted() {
      let rest = blocks((byNumber[number] ?? [])[...], slot: slot + 1, of: count)
      merged[rest.map(\.slots), default: []].append((number, rest))
    }
    // Sorted, so that equal sets of names always give equal lists of blocks.
    return merged.values.sorted { $0[0].number < $1[0].number }.flatMap { alike in
      let numbers = alike.map(\.number)
      return alike[0].blocks.indices.map { index in
        Block(
          slots: [numbers] + alike[0].blocks[index].slots,
          members: alike.flatMap { $0.blocks[index].members })
      }
    }
  }
}
