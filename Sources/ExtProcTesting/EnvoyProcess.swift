// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
internal import Foundation
internal import NIOCore

/// A real Envoy that runs for a test.
///
///     @Test(.enabled(if: EnvoyProcess.isAvailable, "needs Envoy: set $ENVOY to its path"))
///     func addsHeader() async throws {
///       try await withHTTPUpstream { upstream in
///         try await withRunningServer(AddHeader()) { server in
///           let callout = EnvoyConfiguration.Callout(server.addresses.plaintext!)
///           try await withEnvoy(EnvoyConfiguration(upstream: upstream.address, callouts: [callout])) { envoy in
///             let response = try await HTTPConnection.connect(to: envoy.address).get("/")
public final class EnvoyProcess: Sendable {
  /// The Envoy to use: the one that `$ENVOY` names, or the first on the path; nil where there is none.
  public static let executable: String? = find()

  /// Whether there is an Envoy to use.
  public static var isAvailable: Bool { executable != nil }

  /// Where Envoy takes requests.
  public let address: ListenAddress
  /// Where Envoy's admin interface listens.
  public let admin: ListenAddress

  private let process: ChildProcess
  private let directory: URL

  private init(_ process: ChildProcess, _ directory: URL, admin: ListenAddress, address: ListenAddress) {
    self.process = process
    self.directory = directory
    self.admin = admin
    self.address = address
  }

  /// Starts an Envoy, a few at a time, and returns once it is live; throws what it printed when that takes over half a minute.
  ///
  /// Whoever starts one stops it; `withEnvoy` does both.
  public static func start(
    _ configuration: EnvoyConfiguration, executable: String? = executable
  ) async throws -> EnvoyProcess {
    try await start(bootstrap: Array(configuration.bootstrap()), workers: configuration.workers, executable: executable)
  }

  /// The same with a bootstrap as Envoy reads it, in YAML or JSON; its admin interface should have port 0.
  ///
  /// `address` is that of the first listener, which may come by xDS.
  ///
  /// - Parameter arguments: further options for Envoy.
  public static func start(
    bootstrap: [UInt8], workers: Int = 1, arguments: [String] = [], executable: String? = executable
  ) async throws -> EnvoyProcess {
    guard let executable else { throw ChildProcessError("there is no Envoy: set $ENVOY to its path") }
    try await EnvoySlots.shared.take()
    defer { EnvoySlots.shared.giveBack() }
    let directory = FileManager.default.temporaryDirectory.appending(path: "envoy-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    // JSON is YAML too.
    let file = directory.appending(path: "bootstrap.yaml")
    try Data(bootstrap).write(to: file)
    let adminFile = directory.appending(path: "admin")
    let process = try ChildProcess(
      executable,
      [
        "--config-path", file.path, "--admin-address-path", adminFile.path, "--concurrency",
        "\(workers)", "--disable-hot-restart", "--log-level", "warning",
      ] + arguments, environment: moduleEnvironment)
    do {
      let admin = try await poll(process) {
        (try? String(contentsOf: adminFile, encoding: .utf8)).flatMap { ListenAddress($0) }
      }
      let address = try await poll(process) { try await listener(admin) }
      return EnvoyProcess(process, directory, admin: admin, address: address)
    } catch {
      await process.end()
      try? FileManager.default.removeItem(at: directory)
      throw error
    }
  }

  /// Ends the process.
  public func stop() async {
    await process.end()
    try? FileManager.default.removeItem(at: directory)
  }

  /// What Envoy logged, warnings and worse.
  public var log: String { process.output }

  /// The version that an Envoy says it is, such as `1.40.0`.
  public static func version(of executable: String) async throws -> String {
    let process = try ChildProcess(executable, ["--version"])
    _ = await process.exitStatus
    // envoy  version: <commit>/<version>/<...>
    let parts = process.output.split(separator: "/").map(String.init)
    guard let version = parts.first(where: { $0.contains(".") && $0.allSatisfy { $0.isNumber || $0 == "." } }) else {
      throw ChildProcessError("\(executable) --version says no version: \(process.output)")
    }
    return version
  }

  /// The value of a counter or gauge, such as `cluster.callout.upstream_cx_total`; 0 for an unknown one.
  public func statistic(_ name: String) async throws -> Int {
    let connection = try await HTTPConnection.connect(to: admin)
    let text = try await connection.get("/stats?filter=\(name)").text
    await connection.close()
    let line = text.split(separator: "\n").first { $0.hasPrefix(name + ": ") }
    return line.flatMap { Int($0.dropFirst(name.count + 2)) } ?? 0
  }

  // MARK: Start

  /// The address of the listener once Envoy is live, or nil.
  private static func listener(_ admin: ListenAddress) async throws -> ListenAddress? {
    let connection = try await HTTPConnection.connect(to: admin)
    guard try await connection.get("/ready").status == 200 else { return nil }
    let json = try await connection.get("/listeners?format=json").body
    await connection.close()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let listeners = try decoder.decode(Listeners.self, from: Data(json.readableBytesView))
    let address = listeners.listenerStatuses.first?.localAddress.socketAddress
    return address.map { .ip($0.address, $0.portValue) }
  }

  private struct Listeners: Decodable {
    var listenerStatuses: [Status]
    struct Status: Decodable { var localAddress: Address }
    struct Address: Decodable { var socketAddress: SocketAddress }
    struct SocketAddress: Decodable { var address: String, portValue: UInt16 }
  }

  /// Asks again and again, for another process tells no one when it is ready.
  private static func poll<Value>(
    _ process: ChildProcess, _ body: () async throws -> Value?
  ) async throws -> Value {
    let deadline = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < deadline, !process.hasExited {
      if let value = try? await body() { return value }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw ChildProcessError("Envoy did not become live:\n\(process.output)")
  }

  private static func find() -> String? {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["ENVOY"], !path.isEmpty { return path }
    return (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/envoy" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}

/// Runs an Envoy while `body` runs.
///
/// What `body` throws comes with what Envoy logged.
public func withEnvoy<Result>(
  _ configuration: EnvoyConfiguration, executable: String? = EnvoyProcess.executable,
  _ body: (EnvoyProcess) async throws -> Result
) async throws -> Result {
  try await withEnvoy(
    bootstrap: Array(configuration.bootstrap()), workers: configuration.workers, executable: executable, body)
}

/// Runs an Envoy with a bootstrap as it reads it, in YAML or JSON, while `body` runs.
public func withEnvoy<Result>(
  bootstrap: [UInt8], workers: Int = 1, arguments: [String] = [], executable: String? = EnvoyProcess.executable,
  _ body: (EnvoyProcess) async throws -> Result
) async throws -> Result {
  let envoy = try await EnvoyProcess.start(
    bootstrap: bootstrap, workers: workers, arguments: arguments, executable: executable)
  do {
    let result = try await body(envoy)
    await envoy.stop()
    return result
  } catch {
    await envoy.stop()
    throw ChildProcessError("\(error)\nEnvoy's log:\n\(envoy.log)")
  }
}
