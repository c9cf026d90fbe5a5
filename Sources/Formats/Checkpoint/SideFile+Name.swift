// What a file may be called that lies within another file.
extension SideFile {
  /// Files of tensors that belong to an adapter beside its own.
  public static let companions: Set<String> = ["non_lora_trainables.bin", "mm_projector.bin"]

  /// No file system allows a longer name.
  private static let maximumNameByteCount = 255

  /// Whether a file of this name can be carried within a file of tensors.
  ///
  /// What such a file states is hostile: the name must be one that is shown as it is,
  /// lead nowhere else, and not be taken for weights or an index of them.
  public static func isCarried(_ name: String) -> Bool {
    guard let template = templateName(name) else { return isPlain(name) && !shadowsWeights(name) }
    return isPlain(template) && template.hasSuffix(".jinja")
  }

  /// What is behind the one directory of which files belong to a model.
  private static func templateName(_ name: String) -> String? {
    let lead = "\(templateDirectory)/"
    return name.hasPrefix(lead) ? String(name.dropFirst(lead.count)) : nil
  }

  /// Whether the name is that of a file that everybody sees, here and on other systems.
  private static func isPlain(_ name: String) -> Bool {
    1...maximumNameByteCount ~= name.utf8.count && !name.hasPrefix(".")
      && name.printable == name && !name.contains { #"/\:"#.contains($0) }
  }

  /// Whether who opens the directory would take the file for weights, or be led to some.
  private static func shadowsWeights(_ name: String) -> Bool {
    let folded = name.lowercased()
    return (DirectorySource.isTensorFile(folded) && !companions.contains(name))
      || DirectorySource.isIndex(folded)
  }
}
