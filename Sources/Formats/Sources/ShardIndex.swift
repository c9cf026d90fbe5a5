import SystemPackage

/// An index of shards: `model.safetensors.index.json` and its PyTorch twin.
struct ShardIndex {
  let path: String
  /// Each tensor and the file that the index says it is in, in index order.
  let entries: [(name: String, file: String)]
  /// Whether it has "metadata", of which nothing is needed here.
  let statesMetadata: Bool

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
      guard let stated = member.value.string else {
        throw CheckpointError(
          path: path, tensor: member.key, "\"weight_map\" gives no file name for it")
      }
      // A path in the same directory, as loaders join it.
      let file = stated.hasPrefix("./") ? String(stated.dropFirst(2)) : stated
      guard Self.isPlainName(file) else {
        throw CheckpointError(
          path: path, tensor: member.key,
          "\"weight_map\" names \(stated.quoted); expected the name of a file in the same directory"
        )
      }
      guard names.insert(ExactName(member.key)).inserted else {
        throw CheckpointError(path: path, tensor: member.key, "\"weight_map\" holds it twice")
      }
      entries.append((member.key, file))
    }
    self.entries = entries
    statesMetadata = document["metadata"] != nil
  }

  /// Whether the name stays in its directory.
  private static func isPlainName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains(UInt8(ascii: "/"))
      && !name.utf8.contains(0)
  }

  /// The name of the index without its directory.
  var indexName: String { FilePath(path).lastComponent?.string ?? path }

  /// The shards in natural order of first mention.
  var files: [String] {
    var seen = Set<String>()
    return entries.map(\.file).filter { seen.insert($0).inserted }.sorted()
  }

  /// Opens the shards and holds their contents against the index.
  func open(in directory: String, options: Checkpoint.OpeningOptions) throws(CheckpointError)
    -> Checkpoint
  {
    var parts: [(name: String, file: InputFile, contents: TensorFile)] = []
    var absent: [AbsentShard] = []
    for name in files {
      do throws(CheckpointError) {
        parts.append(try shard(name, in: directory, options: options))
      } catch {
        guard options.listsAbsentShards else { throw error }
        absent.append(AbsentShard(name: name, tensors: tensors(of: name), reason: error))
      }
    }
    let (unique, disagreements) = reconcile(parts, absent: absent)
    let faults = disagreements + unnamedShards(in: try DirectoryListing(path: directory))
    if !options.isTolerant, let fault = faults.first {
      throw CheckpointError(
        path: path, fault.message, details: fault.tensors.count > 1 ? fault.tensors : [],
        fix: fault.fix)
    }
    var checkpoint = Checkpoint(path: path, parts: unique)
    checkpoint.absentShards = absent
    checkpoint.findings += absent.map(\.finding) + faults + withoutMetadata
    return checkpoint
  }

  /// Reads the header of one shard; an error says that the index names it.
  private func shard(
    _ name: String, in directory: String, options: Checkpoint.OpeningOptions
  ) throws(CheckpointError) -> (name: String, file: InputFile, contents: TensorFile) {
    let shardPath = FilePath(directory).appending(name).string
    do throws(CheckpointError) {
      let file = try InputFile(path: shardPath)
      return (name, file, try TensorFile.read(file, options: options))
    } catch {
      guard error.path == shardPath else { throw error }
      var error = error
      if error.offset == nil { error.message += "; \(indexName) names it as a shard" }
      error.fix = error.fix ?? "fetch \(shellQuoted(shardPath)) again"
      throw error
    }
  }

  /// The tensors that the index says to be in a file.
  private func tensors(of file: String) -> [String] {
    entries.filter { $0.file == file }.map(\.name)
  }

  /// What all shards of one model have in common in their names, as
  /// `model-of-00002.safetensors`; nil for a file that has no number.
  static func series(of name: String) -> String? {
    guard let number = name.firstRange(of: /-[0-9]+-of-[0-9]+/) else { return nil }
    let total = name[number].split(separator: "-").last ?? ""
    return "\(name[..<number.lowerBound])-of-\(total)\(name[number.upperBound...])"
  }
}
