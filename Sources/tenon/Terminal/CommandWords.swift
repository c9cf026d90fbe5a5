import Formats

/// What was typed that is not text: the names of files are bytes.
enum CommandWords {
  /// Refuses a word that is not UTF-8, before it is taken for the name of another file.
  static func check() throws(CheckpointError) {
    for index in 1..<max(1, Int(CommandLine.argc)) {
      // The system's own words, which live as long as the process.
      guard let word = unsafe CommandLine.unsafeArgv[index],
        unsafe String(validatingCString: word) == nil
      else { continue }
      throw CheckpointError(
        path: unsafe String(cString: word),
        "this name is not UTF-8, which all names have to be here",
        fix: "give the file another name, or a link of another name")
    }
  }
}
