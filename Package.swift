// swift-tools-version:6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// For examples and their tests: no stricter about imports than the package of whoever copies one.
let exampleSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let strict = exampleSettings + [.enableUpcomingFeature("MemberImportVisibility")]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioLocks = Target.Dependency.product(name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams = Target.Dependency.product(name: "Yams", package: "yams")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// An example that runs both ways: `name` has the callout, `<name>Server` serves it over ext_proc, and `<name>Module` is it
/// within Envoy, as a dynamic library.
func example(bothWays name: String, callout: [Target.Dependency] = [], server: [Target.Dependency] = []) -> [Target] {
  [
    .target(
      name: name, dependencies: ["Callouts"] + callout, path: "Sources/Examples/\(name)/Callout",
      swiftSettings: exampleSettings),
    .executableTarget(
      name: "\(name)Server", dependencies: [.byName(name: name), "ExtProc", "Callouts"] + server,
      path: "Sources/Examples/\(name)/Server", swiftSettings: exampleSettings),
    .target(
      name: "\(name)Module", dependencies: [.byName(name: name), "EnvoyModule", "Callouts"] + callout,
      path: "Sources/Examples/\(name)/Module", swiftSettings: exampleSettings),
  ]
}

/// An application within Envoy, as a dynamic library.
func application(_ name: String) -> Target {
  .target(
    name: name, dependencies: ["EnvoyModule", nioCore, httpTypes], path: "Sources/Applications/\(name)",
    swiftSettings: exampleSettings)
}

/// An example: most need only their kind of server, but each names Callouts too so that a change there rebuilds it.
func example(_ name: String, _ others: [Target.Dependency] = [], of kind: Target.Dependency = "ExtProc") -> Target {
  .executableTarget(
    name: name, dependencies: [kind, "Callouts"] + others, path: "Sources/Examples/\(name)",
    swiftSettings: exampleSettings)
}

let package = Package(
  name: "swift-callouts",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "ExtProc", targets: ["ExtProc"]),
    .library(name: "NetworkExtProc", targets: ["NetworkExtProc"]),
    .library(name: "ExtAuthz", targets: ["ExtAuthz"]),
    .library(name: "XDS", targets: ["XDS"]),
    .library(name: "CalloutServing", targets: ["CalloutServing"]),
    .library(name: "Callouts", targets: ["Callouts"]),
    .library(name: "EnvoyModule", targets: ["EnvoyModule"]),
    .library(name: "CalloutGRPC", targets: ["CalloutGRPC"]),
    .library(name: "GRPCProxy", targets: ["GRPCProxy"]),
    .library(name: "EnvoyAPI", targets: ["EnvoyAPI"]),
    .library(name: "ExtProcTesting", targets: ["ExtProcTesting"]),
    .library(name: "EnvoyConfigAPI", targets: ["EnvoyConfigAPI"]),
    .library(name: "XDSConfig", targets: ["XDSConfig"]),
    .library(name: "CalloutJSON", targets: ["CalloutJSON"]),
    .library(name: "CalloutJWT", targets: ["CalloutJWT"]),
    .library(name: "GoogleCredentials", targets: ["GoogleCredentials"]),
    .library(name: "CloudLogging", targets: ["CloudLogging"]),
    .executable(name: "AddBody", targets: ["AddBody"]),
    .executable(name: "AddCustomResponse", targets: ["AddCustomResponse"]),
    .executable(name: "AddHeader", targets: ["AddHeaderServer"]),
    .library(name: "AddHeaderModule", type: .dynamic, targets: ["AddHeaderModule"]),
    .executable(name: "Basic", targets: ["Basic"]),
    .executable(name: "BlockIP", targets: ["BlockIP"]),
    .executable(name: "BodyLogger", targets: ["BodyLogger"]),
    .executable(name: "CloudLog", targets: ["CloudLog"]),
    .executable(name: "ControlPlane", targets: ["ControlPlane"]),
    .executable(name: "DynamicForwarding", targets: ["DynamicForwarding"]),
    .executable(name: "ExtProcClient", targets: ["ExtProcClient"]),
    .executable(name: "JWTAuth", targets: ["JWTAuthServer"]),
    .library(name: "HelloApp", type: .dynamic, targets: ["HelloApp"]),
    .library(name: "EchoApp", type: .dynamic, targets: ["EchoApp"]),
    .library(name: "FilesApp", type: .dynamic, targets: ["FilesApp"]),
    .library(name: "JWTAuthModule", type: .dynamic, targets: ["JWTAuthModule"]),
    .executable(name: "LLMGateway", targets: ["LLMGateway"]),
    .executable(name: "MetadataServer", targets: ["MetadataServer"]),
    .executable(name: "NetworkBasic", targets: ["NetworkBasic"]),
    .executable(name: "NetworkFilter", targets: ["NetworkFilter"]),
    .executable(name: "NormalizeHeader", targets: ["NormalizeHeader"]),
    .executable(name: "ObservabilityServer", targets: ["ObservabilityServer"]),
    .executable(name: "Proxy", targets: ["Proxy"]),
    .executable(name: "Redirect", targets: ["Redirect"]),
    .executable(name: "SetCookie", targets: ["SetCookie"]),
    .executable(name: "UpdateHeader", targets: ["UpdateHeader"]),
    .executable(name: "envoyrun", targets: ["EnvoyRun"]),
    // For tests alone: callouts of all kinds as a module.
    .library(name: "TrialModule", type: .dynamic, targets: ["TrialModule"]),
    .executable(name: "callout-bench", targets: ["CalloutBench"]),
    .executable(name: "xds-bench", targets: ["XDSBench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.7.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // C libraries, from the system.
    .systemLibrary(
      name: "CNghttp2", pkgConfig: "libnghttp2",
      providers: [.apt(["libnghttp2-dev"]), .brew(["libnghttp2"])]),
    .systemLibrary(
      name: "COpenSSL", pkgConfig: "openssl",
      providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
    .systemLibrary(
      name: "CZlib", pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(
      name: "CJWT", pkgConfig: "libjwt",
      providers: [.apt(["libjwt-dev"]), .brew(["libjwt"])]),

    // Layers, from the wire up.
    .target(
      name: "CalloutTransport",
      dependencies: ["CNghttp2", "COpenSSL", nioCore, nioPosix, logging],
      swiftSettings: strict),
    .target(
      name: "CalloutGRPC",
      dependencies: ["CalloutTransport", "CZlib", nioCore, nioPosix, nioLocks, protobuf, logging],
      swiftSettings: strict),
    .target(name: "EnvoyAPI", dependencies: [protobuf], swiftSettings: strict),
    .target(name: "EnvoyConfigAPI", dependencies: ["EnvoyAPI", protobuf], swiftSettings: strict),
    .target(name: "Callouts", dependencies: ["EnvoyAPI", nioCore, protobuf, logging], swiftSettings: strict),
    .target(name: "CEnvoyABI"),
    .target(
      name: "EnvoyModule", dependencies: ["CEnvoyABI", "Callouts", nioCore, protobuf, logging, httpTypes],
      swiftSettings: strict),
    .target(
      name: "CalloutServing",
      dependencies: [
        "CalloutTransport", "CalloutGRPC", "EnvoyAPI", "XDS", "XDSConfig", nioCore, nioPosix, nioLocks, nioHTTP1,
        logging,
        lifecycle, signals, arguments,
      ],
      swiftSettings: strict),
    .target(
      name: "ExtProc",
      dependencies: [
        "Callouts", "CalloutTransport", "CalloutGRPC", "CalloutServing", "EnvoyAPI", "XDSConfig", nioCore, nioPosix,
        nioLocks,
        protobuf, logging,
        metrics,
        coreMetrics,
      ],
      swiftSettings: strict),
    .target(
      name: "NetworkExtProc",
      dependencies: [
        "Callouts", "CalloutTransport", "CalloutGRPC", "CalloutServing", "EnvoyAPI", "XDSConfig", nioCore, protobuf,
        logging,
        metrics, coreMetrics,
      ],
      swiftSettings: strict),
    .target(
      name: "ExtAuthz",
      dependencies: [
        "Callouts", "CalloutTransport", "CalloutGRPC", "CalloutServing", "EnvoyAPI", "XDSConfig", nioCore, nioLocks,
        protobuf,
        logging, metrics, coreMetrics,
      ],
      swiftSettings: strict),
    .target(
      name: "XDS",
      dependencies: [
        "CalloutTransport", "CalloutGRPC", "COpenSSL", "EnvoyAPI", nioCore, nioLocks, nioHTTP1, protobuf, logging,
        metrics,
        coreMetrics,
      ],
      swiftSettings: strict),
    .target(
      name: "ExtProcTesting",
      dependencies: [
        "ExtProc", "NetworkExtProc", "ExtAuthz", "Callouts", "CalloutGRPC", "CalloutServing", "CalloutTransport",
        "EnvoyAPI", "XDS", nioCore, nioPosix, nioLocks, nioHTTP1, protobuf, logging, lifecycle,
      ],
      swiftSettings: strict),

    // What describes a proxy.
    .target(name: "ConfigurationFile", dependencies: [yams, nioLocks, logging], swiftSettings: strict),
    .target(
      name: "XDSConfig",
      dependencies: [
        "XDS", "EnvoyConfigAPI", "EnvoyAPI", "CalloutTransport", "ConfigurationFile", nioCore, protobuf, logging,
      ],
      swiftSettings: strict),

    // What callouts use beside the server.
    .target(name: "CalloutJSON", swiftSettings: strict),
    .target(
      name: "CalloutJWT", dependencies: ["CJWT", "COpenSSL", "CalloutJSON", logging, nioLocks], swiftSettings: strict),
    .target(
      name: "GoogleCredentials", dependencies: ["CalloutJSON", httpClient, nioCore, nioHTTP1], swiftSettings: strict),
    .target(
      name: "CloudLogging",
      dependencies: ["CalloutJSON", "GoogleCredentials", httpClient, nioCore, nioHTTP1, nioPosix, nioLocks, logging],
      swiftSettings: strict),

    // Passes calls on, whatever their messages.
    .target(
      name: "GRPCProxy",
      dependencies: [
        "CalloutGRPC", "CalloutTransport", "ConfigurationFile", nioCore, nioPosix, nioLocks, logging, metrics,
        coreMetrics,
      ],
      swiftSettings: strict),

    // Loads a server, as Envoy would.
    .executableTarget(
      name: "CalloutBench",
      dependencies: [
        "CalloutTransport", "CalloutGRPC", "CalloutServing", "EnvoyAPI", nioCore, nioPosix, protobuf, signals,
        arguments,
      ],
      swiftSettings: strict),

    // Runs a dynamic module in an Envoy.
    .target(name: "CSpawn"),
    .executableTarget(
      name: "EnvoyRun",
      dependencies: [
        "CSpawn", "CalloutJSON", "ConfigurationFile", "CalloutTransport", httpClient, nioCore, signals, arguments,
      ],
      swiftSettings: exampleSettings),

    // Loads a control plane with many clients.
    .executableTarget(
      name: "XDSBench",
      dependencies: [
        "XDS", "XDSConfig", "ExtProc", "Callouts", "CalloutTransport", "CalloutGRPC", "CalloutServing", "EnvoyAPI",
        nioCore, nioPosix, nioLocks, protobuf, logging, signals, arguments,
      ],
      swiftSettings: strict),

    // Examples: one folder each, `swift run <Name>`.
    example("AddBody"),
    example("AddCustomResponse"),
    application("HelloApp"),
    application("EchoApp"),
    application("FilesApp"),
    example("Basic"),
    example("BlockIP", of: "ExtAuthz"),
    example("BodyLogger", [nioCore]),
    example("CloudLog", ["CloudLogging", "GoogleCredentials", logging, arguments]),
    example("ControlPlane", ["XDS", "XDSConfig", logging, arguments], of: "CalloutServing"),
    example("DynamicForwarding"),
    example("ExtProcClient", ["CalloutGRPC", "CalloutJSON", "EnvoyAPI", arguments]),
    example("LLMGateway", ["CalloutJSON", "EnvoyAPI", "GoogleCredentials", nioCore, logging, arguments]),
    example("MetadataServer"),
    example("NetworkBasic", [logging, nioCore], of: "NetworkExtProc"),
    example("NetworkFilter", [logging, nioCore], of: "NetworkExtProc"),
    example("NormalizeHeader"),
    example("ObservabilityServer", ["CalloutJSON", arguments, logging, nioLocks]),
    example("Proxy", ["GRPCProxy", "CalloutGRPC", logging, arguments], of: "CalloutServing"),
    example("Redirect"),
    example("SetCookie"),
    example("UpdateHeader"),

    // Tests mirror the sources.
    .testTarget(
      name: "CalloutTransportTests",
      dependencies: [
        "CalloutTransport", "COpenSSL", nioCore, nioPosix, .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "CalloutGRPCTests",
      dependencies: ["CalloutGRPC", "CalloutTransport", "CNghttp2", "COpenSSL", nioCore, nioPosix, protobuf, logging],
      swiftSettings: strict),
    .testTarget(
      name: "GRPCProxyTests",
      dependencies: [
        "GRPCProxy", "CalloutGRPC", "CalloutTransport", "ExtProcTesting", nioCore, nioPosix, nioLocks, logging,
        coreMetrics, .product(name: "MetricsTestKit", package: "swift-metrics"),
      ],
      exclude: ["proxy_peer.py"], swiftSettings: strict),
    .testTarget(
      name: "CloudLoggingTests",
      dependencies: [
        "CloudLogging", "GoogleCredentials", "CalloutJSON", "CloudLog", "ExtProc", "ExtProcTesting", httpClient,
        nioCore, nioPosix, nioLocks, protobuf, logging,
      ],
      swiftSettings: strict),
    .testTarget(name: "CalloutJSONTests", dependencies: ["CalloutJSON"], swiftSettings: strict),
    .testTarget(
      name: "CalloutJWTTests",
      dependencies: [
        "CalloutJSON", "CalloutJWT", "Callouts", "COpenSSL", "EnvoyAPI", "ExtProcTesting", "JWTAuth", protobuf, logging,
      ],
      swiftSettings: exampleSettings),
    .testTarget(
      name: "InteropTests",
      dependencies: ["CalloutGRPC", "CalloutTransport", "ExtProcTesting", "XDS", nioCore, nioPosix, logging],
      exclude: ["interop.py", "xds_client.py"], swiftSettings: strict),
    .testTarget(
      name: "CalloutsTests",
      dependencies: [
        "Callouts", "EnvoyAPI", "ExtProcTesting", nioCore, protobuf, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ExtProcTests",
      dependencies: [
        "ExtProc", "Callouts", "CalloutGRPC", "CalloutServing", "CalloutTransport", "EnvoyAPI", "ExtProcTesting",
        "AddHeader", "XDS", nioCore, nioPosix, protobuf, logging, arguments,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "DiscoveryClientTests",
      dependencies: [
        "ExtProcTesting", "CalloutGRPC", "CalloutTransport", "EnvoyAPI", "XDS", nioCore, nioPosix, protobuf, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "NetworkExtProcTests",
      dependencies: [
        "NetworkExtProc", "ExtAuthz", "ExtProc", "Callouts", "CalloutGRPC", "CalloutServing", "EnvoyAPI",
        "ExtProcTesting", nioCore, nioPosix, nioLocks, protobuf, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "ExtAuthzTests",
      dependencies: [
        "ExtAuthz", "Callouts", "CalloutGRPC", "CalloutServing", "EnvoyAPI", "ExtProcTesting", nioCore, nioPosix,
        nioLocks, protobuf, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "XDSTests",
      dependencies: [
        "XDS", "XDSConfig", "CalloutTransport", "CalloutGRPC", "CalloutServing", "EnvoyAPI", "EnvoyConfigAPI",
        "ExtProcTesting", nioCore, nioPosix, nioLocks, protobuf, logging,
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      swiftSettings: strict),
    .testTarget(
      name: "XDSConfigTests",
      dependencies: [
        "XDSConfig", "XDS", "EnvoyConfigAPI", "EnvoyAPI", "CalloutTransport", "CalloutGRPC", "CalloutServing",
        "ExtProc", "NetworkExtProc", "ExtProcTesting", protobuf, logging,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "CalloutBenchTests",
      dependencies: [
        "CalloutBench", "CalloutServing", "Callouts", "EnvoyAPI", "ExtProcTesting", nioCore, protobuf,
        arguments, logging,
      ],
      swiftSettings: strict),
    .testTarget(name: "XDSBenchTests", dependencies: ["XDSBench", arguments, nioCore], swiftSettings: strict),
    .testTarget(
      name: "ExamplesTests",
      dependencies: [
        "AddBody", "AddCustomResponse", "AddHeader", "Basic", "BlockIP", "BodyLogger", "DynamicForwarding",
        "ExtProcClient", "LLMGateway", "MetadataServer", "NetworkBasic", "NetworkExtProc", "NetworkFilter",
        "NormalizeHeader", "ObservabilityServer", "Redirect", "SetCookie",
        "UpdateHeader", "Proxy", "Callouts", "CalloutGRPC", "CalloutJSON", "EnvoyAPI", "ExtProcTesting", nioCore,
        nioLocks, protobuf, logging,
      ],
      swiftSettings: exampleSettings),
    .target(
      name: "TrialCallouts", dependencies: ["Callouts", nioCore, protobuf, logging], path: "Tests/TrialCallouts",
      swiftSettings: exampleSettings),
    .target(
      name: "TrialModule", dependencies: ["TrialCallouts", "EnvoyModule", "Callouts", nioCore, httpTypes],
      path: "Tests/TrialModule",
      swiftSettings: exampleSettings),
    .target(name: "NoEnvoy", path: "Tests/NoEnvoy"),
    .testTarget(
      name: "EnvoyModuleTests",
      dependencies: [
        "EnvoyModule", "NoEnvoy", "TrialCallouts", "ExtProc", "Callouts", "CalloutServing", "EnvoyAPI",
        "ExtProcTesting", "XDSConfig", nioCore, nioPosix, protobuf, logging, httpTypes,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "FilesAppTests", dependencies: ["FilesApp", "EnvoyModule", "NoEnvoy", httpTypes],
      swiftSettings: exampleSettings),
    .testTarget(
      name: "EnvoyRunTests",
      dependencies: ["EnvoyRun", "CalloutJSON", "CalloutServing", "CalloutTransport", "ExtProcTesting", arguments],
      exclude: ["MiniPackage"], swiftSettings: exampleSettings),
    .testTarget(
      name: "EnvoyTests",
      dependencies: [
        "ExtProc", "NetworkExtProc", "ExtAuthz", "EnvoyAPI", "EnvoyConfigAPI", "XDS", "XDSConfig", "ExtProcTesting",
        "CalloutServing", "CalloutGRPC", "GRPCProxy", "Basic", "AddHeader",
        "BlockIP", "ControlPlane", "NetworkBasic", "NetworkFilter", nioCore, nioLocks, protobuf, logging, arguments,
      ],
      swiftSettings: strict),
  ]
    + example(bothWays: "AddHeader")
    + example(
      bothWays: "JWTAuth", callout: ["CalloutJSON", "CalloutJWT", logging], server: ["CalloutJWT", arguments, logging])
)

// Only for scripts/fuzz: a program whose `main` is libFuzzer's cannot be linked in a usual build.
if Context.environment["CALLOUTS_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "Fuzz",
      dependencies: [
        "Callouts", "CalloutGRPC", "CalloutJSON", "CalloutJWT", "CalloutTransport", "EnvoyAPI", nioCore, protobuf,
      ],
      path: "Fuzz",
      swiftSettings: strict))
}
