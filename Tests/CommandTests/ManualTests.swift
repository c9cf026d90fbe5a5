import Foundation
import Subprocess
import SystemPackage
import Testing

/// The manual pages name what the programs take, no more and no less.
@Suite struct ManualTests {
  static let folder = Sandbox.repository.appending(path: "man")

  static let pages: [String] = {
    let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
    return (names ?? []).sorted()
  }()

  /// What `--experimental-dump-help` tells of a command.
  struct Command: Decodable, Sendable {
    var commandName: String
    var arguments: [Argument]?
    var subcommands: [Command]?

    struct Argument: Decodable, Sendable {
      var kind: String
      var names: [Name]?
      var valueName: String?
      var allValues: [String]?
      var shouldDisplay: Bool
    }

    struct Name: Decodable, Sendable {
      var kind: String
      var name: String
      var spelled: String { (kind == "long" ? "--" : "-") + name }
    }

    /// Each option as it is typed.
    var options: Set<String> {
      Set((arguments ?? []).filter(\.shouldDisplay).flatMap { $0.names ?? [] }.map(\.spelled))
    }
  }

  private struct Dump: Decodable {
    var command: Command
  }

  /// The whole program as it describes itself.
  private func program() async throws -> Command {
    let outcome = try await Sandbox().tenon("--experimental-dump-help")
    return try JSONDecoder().decode(Dump.self, from: Data(outcome.stdout.utf8)).command
  }

  /// Its commands, without `help`.
  private func commands() async throws -> [Command] {
    try await program().subcommands?.filter { $0.commandName != "help" } ?? []
  }

  /// The lines of a page's section, without its heading.
  func section(_ heading: String, of page: String) throws -> [String] {
    let text = try String(contentsOf: Self.folder.appending(path: page), encoding: .utf8)
    let lines = text.split(separator: "\n").map(String.init)
    let start = try #require(lines.firstIndex(of: ".Sh \(heading)"), "\(page)")
    return Array(lines[(start + 1)...].prefix { !$0.hasPrefix(".Sh ") })
  }

  /// The options on a line of mdoc: `Fl o , Fl -output` is `-o` and `--output`.
  private func options(on line: String) -> [String] {
    let words = line.split(separator: " ")
    return zip(words, words.dropFirst()).filter { $0.0 == "Fl" || $0.0 == ".Fl" }
      .map { "-" + $0.1 }
  }

  @Test func `every command has a page, and every page a command`() async throws {
    // The helper has its page beside the files that it reads, and JSON has one for all.
    let own = ["tenon.1", "tenon-hdf5.5", "tenon-json.5"]
    let expected = try await own + commands().map { "tenon-\($0.commandName).1" }
    #expect(Self.pages == expected.sorted())
  }

  @Test func `the first page names every command and every option before it`() async throws {
    let program = try await program()
    let lines = try section("DESCRIPTION", of: "tenon.1")
    let named = lines.filter { $0.hasPrefix(".It Cm ") }.map { String($0.dropFirst(7)) }
    #expect(try await named == commands().map(\.commandName))
    let described = lines.filter { $0.hasPrefix(".It Fl ") }.flatMap(options(on:))
    #expect(described.sorted() == program.options.sorted())
    let seen = try section("SEE ALSO", of: "tenon.1").joined(separator: " ")
    for page in Self.pages where page != "tenon.1" {
      #expect(seen.contains(".Xr \(page.dropLast(2)) \(page.suffix(1))"), "\(page)")
    }
  }

  @Test func `the page of the helper tells what the helper takes`() async throws {
    let helper = URL(filePath: Sandbox.tool).deletingLastPathComponent()
      .appending(path: "tenon-hdf5").path
    let sandbox = try Sandbox()
    let outcome = try await sandbox.run(
      sandbox.configuration(["--help"], executable: helper))
    #expect(outcome.status == "64")
    let usage = try #require(outcome.stderr.split(separator: "\n").first)
    let words = usage.split(separator: " ").dropFirst(2)
    #expect(words.count == 2, "\(usage)")
    let page = try section("THE HELPER", of: "tenon-hdf5.5")
    // A word that is typed as it is; FILE is any.
    for word in words where word != word.uppercased() { #expect(page.contains(".Ql \(word)")) }
    #expect(outcome.stderr.contains("tenon-hdf5(5)"))
  }

  @Test func `a synopsis shows the few values that an option can have`() async throws {
    for command in try await commands() {
      let page = "tenon-\(command.commandName).1"
      let lines = try section("SYNOPSIS", of: page)
      for argument in command.arguments ?? [] where argument.shouldDisplay {
        guard let values = argument.allValues, values.count < 6, let name = argument.names?.first
        else { continue }
        let shown = "Fl -\(name.name) Cm \(values.joined(separator: " | "))"
        #expect(lines.contains(".Op \(shown)"), "\(page)")
        #expect(try section("DESCRIPTION", of: page).contains(".It \(shown)"), "\(page)")
      }
    }
  }

  @Test func `a page describes the options of its command and no other`() async throws {
    for command in try await commands() {
      let lines = try section("DESCRIPTION", of: "tenon-\(command.commandName).1")
      let described = lines.filter { $0.hasPrefix(".It Fl ") }.flatMap(options(on:))
      #expect(Set(described) == command.options, "\(command.commandName)")
      #expect(described.count == Set(described).count, "\(command.commandName)")
    }
  }

  @Test func `a synopsis shows every argument and option once`() async throws {
    for command in try await commands() {
      let lines = try section("SYNOPSIS", of: "tenon-\(command.commandName).1")
      let shown = lines.flatMap(options(on:))
      for argument in command.arguments ?? [] where argument.shouldDisplay {
        let names = Set((argument.names ?? []).map(\.spelled))
        guard names.isDisjoint(with: ["--help", "--version"]) else { continue }
        if argument.kind == "positional" {
          let value = try #require(argument.valueName)
          // Of several there is one name: `path ...` for `paths`.
          let singular = value.hasSuffix("s") ? String(value.dropLast()) : value
          let starts = [".Ar \(singular)", ".Op Ar \(singular)"]
          #expect(
            lines.contains { line in starts.contains(where: line.hasPrefix) },
            "\(command.commandName)")
        } else {
          #expect(shown.filter(names.contains).count == 1, "\(command.commandName) \(names)")
        }
      }
      #expect(Set(shown).isSubset(of: command.options), "\(command.commandName)")
    }
  }

  @Test(arguments: pages)
  func `mandoc has nothing to complain of`(page: String) async throws {
    let result = try await Subprocess.run(
      .name("mandoc"),
      arguments: ["-T", "lint", "-W", "warning", Self.folder.appending(path: page).path],
      output: .string(limit: Sandbox.outputLimit), error: .combinedWithOutput)
    #expect(result.standardOutput == "")
    #expect(result.terminationStatus == .exited(0))
  }

  @Test func `mandoc is there; make deps installs it`() async throws {
    let result = try? await Subprocess.run(
      .name("mandoc"), arguments: ["-T", "lint", Self.folder.appending(path: "tenon.1").path],
      output: .discarded)
    #expect(result != nil, "mandoc is missing: run `make deps`")
  }
}
