import Foundation
import Testing

@testable import tenon

/// Names that are no text are refused before they are taken for others.
@Suite struct CommandWordTests {
  @Test(arguments: [false, true]) func `a name that is not UTF-8 is told`(json: Bool) async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/hdf5/floats.h5", as: "x.h5")
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = [
      "-c",
      #"name=$(printf 'x\377.h5'); mv x.h5 "$name"; exec "$1" inspect "$name" $2"#,
      "sh", Sandbox.tool, json ? "--json" : "--keys",
    ]
    process.currentDirectoryURL = sandbox.url
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let result = output.fileHandleForReading.readDataToEndOfFile()
    let text = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 2)
    #expect(
      String(decoding: text, as: UTF8.self) == """
        tenon: x\u{FFFD}.h5: this name is not UTF-8, which all names have to be here
        tenon: try: give the file another name, or a link of another name

        """)
    #expect(String(decoding: result, as: UTF8.self).hasPrefix(json ? #"{"schema":1,"error""# : ""))
    #expect(result.isEmpty != json)
  }
}
