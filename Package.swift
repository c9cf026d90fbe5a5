// swift-tools-version: 6.2

import PackageDescription

/// What every Swift target of this package is compiled with.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let collections = Target.Dependency.product(
  name: "OrderedCollections", package: "swift-collections")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

// The targets are a chain: each imports only those before it.
let package = Package(
  name: "tenon",
  products: [
    .executable(name: "tenon", targets: ["tenon"]),
    .executable(name: "tenon-hdf5", targets: ["tenon-hdf5"]),
    // For the fuzzers, a package of their own.
    .library(name: "Formats", targets: ["Formats"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    .target(name: "CKernels", path: "Sources/Compute/CKernels"),
    .target(
      name: "Compute", dependencies: ["CKernels"], exclude: ["CKernels"], swiftSettings: settings),
    .systemLibrary(
      name: "CZlib", path: "Sources/Formats/CZlib", pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CZstd", path: "Sources/Formats/CZstd", pkgConfig: "libzstd",
      providers: [.apt(["libzstd-dev"])]),
    .target(name: "CLinux", path: "Sources/Formats/CLinux"),
    .target(
      name: "Formats", dependencies: ["Compute", "CLinux", "CZlib", "CZstd", collections, system],
      exclude: ["CLinux", "CZlib", "CZstd"], swiftSettings: settings),
    .target(
      name: "Inspect", dependencies: ["Formats", collections, crypto], swiftSettings: settings),
    .target(
      name: "Merge", dependencies: ["Inspect", collections, system], swiftSettings: settings),
    .executableTarget(
      name: "tenon", dependencies: ["Merge", arguments, collections], swiftSettings: settings),
    // The only program that links libhdf5; `tenon` runs it.
    .systemLibrary(
      name: "CHDF5", path: "Sources/tenon-hdf5/CHDF5", pkgConfig: "hdf5",
      providers: [.apt(["libhdf5-dev"])]),
    .executableTarget(
      name: "tenon-hdf5", dependencies: ["CHDF5"], path: "Sources/tenon-hdf5",
      exclude: ["CHDF5"]),
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: settings),
    .testTarget(
      name: "ComputeTests", dependencies: ["Compute", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "FormatsTests", dependencies: ["Formats", "TestSupport", collections],
      swiftSettings: settings),
    .testTarget(
      name: "InspectTests", dependencies: ["Inspect", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "MergeTests", dependencies: ["Merge", "TestSupport", collections],
      swiftSettings: settings),
    .testTarget(
      name: "CommandTests",
      dependencies: ["tenon", "Formats", "Inspect", "Merge", "TestSupport", subprocess, system],
      exclude: ["Golden"],
      swiftSettings: settings),
  ]
)
