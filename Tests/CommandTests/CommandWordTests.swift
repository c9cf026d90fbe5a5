import Foundation
import Testing

@testable import tenon

/// Names that are no text are refused before they are taken for others.
@Suite struct CommandWordTests {
  @Test(arguments: [false, true]) func `a name that is not UTF-8 is told`(json: Bool) async throws {
    let sandbox = try Sandbox()
    try sandbox.copy("fixtures/hdf5/floats.h5", as: "x.h5")
    let script = #"name=$(printf 'x\377.h5'); mv x.h5 "$name"; exec "$1" inspect "$name" $2"#
    let outcome = try await sandbox.run(
      sandbox.configuration(
        ["-c", script, "sh", Sandbox.tool, json ? "--json" : "--keys"], executable: "/bin/sh"))
    #expect(outcome.status == "2")
    #expect(
      outcome.stderr == """
        tenon: x\u{FFFD}.h5: this name is not UTF-8, which all names have to be here
        tenon: try: give the file another name, or a link of another name

        """)
    #expect(outcome.stdout.hasPrefix(json ? #"{"schema":1,"error""# : ""))
    #expect(outcome.stdout.isEmpty != json)
  }
}
