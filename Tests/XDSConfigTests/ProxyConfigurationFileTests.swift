// SPDX-License-Identifier: Apache-2.0
import Foundation
import Logging
import Testing
import XDSConfig

@Suite("A file that describes a proxy") struct ProxyConfigurationFileTests {
  private static func text(_ address: String) -> String {
    "listeners: [{ name: a, address: '\(address)', routes: [] }]"
  }

  @Test("a change is read, a mistake is told with its line, and the last good configuration stays") func reload() throws
  {
    try withFile { file in
      try Data(Self.text(":80").utf8).write(to: file)
      let source = try ProxyConfigurationFile(file.path)
      #expect(try source.reload() == nil)

      try Data(Self.text(":81").utf8).write(to: file)
      #expect(try source.reload()?.listeners.map(\.address) == [.ip("0.0.0.0", 81)])

      try Data(("\n" + Self.text("81")).utf8).write(to: file)
      let error = #expect(throws: ConfigurationFileError.self) { try source.reload() }
      #expect(error?.description.hasPrefix("proxy.yaml:2: 'address' of an HTTP listener is '81'") == true)
      #expect(source.configuration.listeners.map(\.address) == [.ip("0.0.0.0", 81)])

      try FileManager.default.removeItem(at: file)
      #expect(throws: ConfigurationFileError.self) { try source.reload() }
      #expect(source.configuration.listeners.count == 1)

      try Data(("# the same\n" + Self.text(":81")).utf8).write(to: file)
      #expect(try source.reload() == nil)
    }
  }

  @Test("what Envoy would refuse is refused") func problems() throws {
    try withFile { file in
      let hosts = "hosts: [{ domains: a, routes: [] }, { domains: A, routes: [] }]"
      try Data("listeners: [{ name: a, address: ':80', \(hosts) }]".utf8).write(to: file)
      let error = #expect(throws: ConfigurationFileError.self) { try ProxyConfigurationFile(file.path) }
      #expect(
        error?.description
          == "proxy.yaml: RouteConfiguration 'a': the domain 'A' is there twice, in the hosts 'a' and 'A'; keep one")
    }
  }

  @Test("watching hands over each new configuration, and logs a mistake once", .timeLimit(.minutes(1)))
  func watch() async throws {
    try await withFile { file in
      try Data(Self.text(":80").utf8).write(to: file)
      let source = try ProxyConfigurationFile(file.path)
      let (levels, logged) = AsyncStream.makeStream(of: Logger.Level.self)
      let logger = Logger(label: "watch", factory: { _ in LevelHandler(levels: logged) })
      let (ports, continuation) = AsyncStream.makeStream(of: ProxyConfiguration.self)
      let watching = Task {
        await source.watch(every: .milliseconds(5), logger: logger) { continuation.yield($0) }
      }
      defer { watching.cancel() }
      var iterator = ports.makeAsyncIterator()
      try Data(Self.text(":81").utf8).write(to: file, options: .atomic)
      #expect(await iterator.next()?.listeners.map(\.address) == [.ip("0.0.0.0", 81)])

      try Data(Self.text("x").utf8).write(to: file, options: .atomic)
      var level = levels.makeAsyncIterator()
      #expect(await level.next() == .notice)
      #expect(await level.next() == .error)
      // Time to look at the mistake some times more.
      try await Task.sleep(for: .milliseconds(50))
      try Data(Self.text(":82").utf8).write(to: file, options: .atomic)
      #expect(await iterator.next()?.listeners.map(\.address) == [.ip("0.0.0.0", 82)])
      #expect(await level.next() == .notice, "the mistake is not logged again")
    }
  }

  private func withFile(_ body: (URL) throws -> Void) throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try body(directory.appending(path: "proxy.yaml"))
  }

  private func withFile(_ body: (URL) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try await body(directory.appending(path: "proxy.yaml"))
  }
}

/// Tells at which levels something is logged.
private struct LevelHandler: LogHandler {
  let levels: AsyncStream<Logger.Level>.Continuation
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.trace

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { levels.yield(event.level) }
}
