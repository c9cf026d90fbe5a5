import Formats

/// The object that scripts get in place of a result.
func failureJSON(_ error: CheckpointError) -> [UInt8] {
  var writer = JSONWriter()
  writer.object { writer in
    writer.integer("schema", 1)
    writer.failure(error)
  }
  return writer.document()
}

extension JSONWriter {
  /// Writes the member that says why something could not be done.
  mutating func failure(_ error: CheckpointError) {
    key("error")
    object { writer in
      writer.string("path", error.path)
      writer.string("tensor", error.tensor)
      writer.string("message", error.message)
      writer.strings("details", error.details)
      let isCommand = error.fix.map(isCommand) ?? false
      writer.string("fix", isCommand ? error.fix : nil)
      if let advice = error.fix, !isCommand { writer.string("advice", advice) }
    }
  }

  /// Writes the list of findings as every command has it.
  mutating func findings(_ findings: [Finding]) {
    key("findings")
    array { writer in
      for finding in findings {
        writer.object { writer in
          writer.string("severity", finding.severity.rawValue)
          writer.string("code", finding.code.rawValue)
          writer.strings("tensors", finding.tensors)
          writer.integer("count", finding.tensors.count)
          writer.string("message", finding.message)
          writer.string("fix", finding.fix)
        }
      }
    }
  }
}
