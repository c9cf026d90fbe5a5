import SystemPackage

/// An index of shards: `model.safetensors.index.json` and its PyTorch twin.
struct ShardIndex {
  let path: String
  /// Each tensor and the file that the index says it is in, in index order.
  let entries: [(name: String, file: String)]
  /// The sum that the index states; informative only.
  let totalSize: Int?

  /// Reads the index, whose file names must be plain names in its directory.
  init(path: String) throws(CheckpointError) {
    self.path = path
    let document = try InputFile.json(at: path)
    guard let map = document["weight_map"] else {
      throw CheckpointError(
        path: path, "is a JSON text without a \"weight_map\", so it is no index of a checkpoint")
    }
    guard let members = map.object else {
      throw CheckpointError(path: path, "\"weight_map\" is no object")
    }
    var entries: [(name: String, file: String)] = []
    var names = Set<ExactName>()
    for member in members {
      guard let file = member.value.string else {
        throw CheckpointError(
          path: path, tensor: member.key, "\"weight_map\" gives no file name for it")
      }
      guard Self.isPlainName(file) else {
        throw CheckpointError(
          path: path, tensor: member.key,
          "\"weight_map\" names \(file.quoted); expected the name of a file in the same directory")
      }
      guard names.insert(ExactName(member.key)).inserted else {
        throw CheckpointError(path: path, tensor: member.key, "\"weight_map\" holds it twice")
      }
      entries.append((member.key, file))
    }
    self.entries = entries
    totalSize = document["metadata"]?["total_size"]?.int
  }

  /// Whether the name stays in its directory.
  private static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/"))
      && !name.utf8.contains(0)
  }

  /// The name of the index without its directory.
  private var indexName: String { FilePath(path).lastComponent?.string ?? path }

  /// The shards in natural order of first mention.
  private var files: [String] {
    var seen = Set<String>()
    return entries.map(\.file).filter { seen.insert($0).inserted }.sorted()
  }

  /// Opens the shards and holds their contents against the index.
  func open(in directory: String, options: Checkpoint.OpeningOptions) throws(CheckpointError)
    -> Checkpoint
  {
    var parts: [(name: String, file: InputFile, contents: TensorFile)] = []
    for name in files {
      let shardPath = FilePath(directory).appending(name).string
      do throws(CheckpointError) {
        let file = try InputFile(path: shardPath)
        parts.append((name, file, try TensorFile.read(file, options: options)))
      } catch {
        guard error.path == shardPath else { throw error }
        var error = error
        if error.offset == nil { error.message += "; \(indexName) names it as a shard" }
        error.fix = error.fix ?? "fetch \(shellQuoted(shardPath)) again"
        throw error
      }
    }
    let (unique, disagreements) = reconcile(parts)
    let faults = disagreements + unnamedShards(in: try DirectoryListing(path: directory))
    if !options.isTolerant, let fault = faults.first {
      throw CheckpointError(
        path: path, fault.message, details: fault.tensors.count > 1 ? fault.tensors : [],
        fix: fault.fix)
    }
    var checkpoint = Checkpoint(path: path, parts: unique)
    checkpoint.findings += faults
    return checkpoint
  }

  /// What all shards of one model have in common in their names, as
  /// `model-of-00002.safetensors`; nil for a file that has no number.
  static func series(of name: String) -> String? {
    guard let number = name.firstRange(of: /-[0-9]+-of-[0-9]+/) else { return nil }
    let total = name[number].split(separator: "-").last ?? ""
    return "\(name[..<number.lowerBound])-of-\(total)\(name[number.upperBound...])"
  }

  /// The files that are numbered like the shards, but of which the index names no
  /// tensor: half of the model would be missing without a word.
  private func unnamedShards(in listing: DirectoryListing) -> [Finding] {
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
          + "name it; expected the tensors of all shards in the index",
        fix: "move the index away to read every shard, or \(shellQuoted(listing.path(of: first)))")
    ]
  }

  /// Drops what a shard holds beyond the index, and tells every disagreement.
  private func reconcile(_ parts: [(name: String, file: InputFile, contents: TensorFile)]) -> (
    parts: [(name: String, file: InputFile, contents: TensorFile)], faults: [Finding]
  ) {
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
    let missing = entries.map(\.name).filter { !found.contains(ExactName($0)) }
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
}
