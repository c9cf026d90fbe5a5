/// What is wrong between an index and the files beside it.
extension ShardIndex {
  /// The files that are numbered like the shards, but of which the index names no
  /// tensor: half of the model would be missing without a word.
  func unnamedShards(in listing: DirectoryListing) -> [Finding] {
    let named = Set(files)
    let series = Set(files.compactMap(Self.series))
    let unnamed = listing.files.filter { name in
      !named.contains(name) && Self.series(of: name).map(series.contains) == true
    }
    guard let first = unnamed.first else { return [] }
    let rest = unnamed.count > 1 ? " and \(unnamed.count - 1) more" : ""
    return [
      Finding(
        .error, .indexMismatch,
        "\(first)\(rest) is numbered like the shards of \(indexName), which does not "
          + "name it; expected the tensors of all shards in the index: move the index away to read "
          + "every shard, or the file if it does not belong to the model")
    ]
  }

  /// That the index lacks what transformers and diffusers take from it without asking.
  var withoutMetadata: [Finding] {
    guard !statesMetadata else { return [] }
    return [
      Finding(
        .warning, .indexMismatch,
        "\(indexName) has no \"metadata\", without which transformers and diffusers do not load "
          + "it; expected \"metadata\": {} at least")
    ]
  }

  /// Drops what a shard holds beyond the index, and tells every disagreement; the tensors
  /// of shards that are absent are not missed.
  func reconcile(
    _ parts: [(name: String, file: InputFile, contents: TensorFile)], absent: [AbsentShard]
  ) -> (parts: [(name: String, file: InputFile, contents: TensorFile)], faults: [Finding]) {
    var home: [ExactName: String] = [:]
    for entry in entries { home[ExactName(entry.name)] = entry.file }
    var found = Set<ExactName>()
    var repeated: [String] = []
    var unlisted: [String] = []
    var misplaced: [String] = []
    var unique = parts
    for index in parts.indices {
      unique[index].contents.records.removeAll { record in
        guard let expected = home[ExactName(record.name)] else {
          unlisted.append(record.name)
          return !found.insert(ExactName(record.name)).inserted
        }
        if !found.insert(ExactName(record.name)).inserted {
          repeated.append(record.name)
          return true
        }
        if expected != parts[index].name { misplaced.append(record.name) }
        return false
      }
    }
    let absent = Set(absent.map(\.name))
    let missing = entries.filter {
      !absent.contains($0.file) && !found.contains(ExactName($0.name))
    }
    .map(\.name)
    let doubled = Set(repeated)
    misplaced.removeAll { doubled.contains($0) }
    let index = indexName
    func fault(_ code: Finding.Code, _ names: [String], _ text: String) -> Finding? {
      guard let first = names.first else { return nil }
      let rest = names.count > 1 ? " and \(names.count - 1) more" : ""
      return Finding(.error, code, tensors: names, "\(first.quoted)\(rest) \(text)")
    }
    let faults = [
      fault(.duplicateKey, repeated, "in more than one shard"),
      fault(.indexMismatch, missing, "in \(index), but not in the shard it names"),
      fault(.indexMismatch, unlisted, "in a shard, but not in \(index)"),
      fault(.indexMismatch, misplaced, "not in the shard that \(index) names"),
    ]
    return (unique, faults.compactMap(\.self))
  }

  /// That the index lies beside a file that is the whole model, and tells of another one:
  /// loaders take the file and never read the index.
  static func stale(
    beside file: String, holding records: [TensorRecord], in listing: DirectoryListing
  )
    -> Finding?
  {
    guard let name = WeightLayout.indexes(of: file).first(where: listing.contains) else {
      return nil
    }
    let lead = "\(name) lies beside \(file), which is loaded instead of it"
    let index: ShardIndex
    do throws(CheckpointError) {
      index = try ShardIndex(path: listing.path(of: name))
    } catch {
      return Finding(.warning, .indexMismatch, "\(lead); it \(error.message)")
    }
    let named = Set(index.entries.map { ExactName($0.name) })
    let held = Set(records.map { ExactName($0.name) })
    let other = named.symmetricDifference(held).count
    guard index.files != [file] || other > 0 else { return nil }
    let names =
      other == 0
      ? "the same names"
      : "\(named.count) names, \(named.subtracting(held).count) of them not in that file,"
    let files = index.files.count == 1 ? index.files[0] : "\(index.files.count) files"
    return Finding(
      .warning, .indexMismatch,
      "\(lead); it puts \(names) into \(files), nothing of which is read: remove what is not meant")
  }
}
