// swift-tools-version: 6.2

import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let formats = Target.Dependency.product(name: "Formats", package: "tenon")

/// A program whose main function is libFuzzer's.
func fuzzer(_ name: String) -> Target {
  .executableTarget(
    name: name, dependencies: ["Trial", formats],
    swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])])
}

// A package of its own, so that nobody else has to know of it.
let package = Package(
  name: "fuzzing",
  dependencies: [.package(name: "tenon", path: "..")],
  targets: [
    .target(name: "Trial", dependencies: [formats], swiftSettings: settings),
    fuzzer("FuzzZip"),
    fuzzer("FuzzPickle"),
    fuzzer("FuzzSafetensors"),
    fuzzer("FuzzHDF5"),
  ]
)
