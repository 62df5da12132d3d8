// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CalloutGRPC
import CalloutServing
import CalloutTransport
import ExtProc
import Foundation
import Logging
import NIOCore
import NIOPosix
import UnixSignals
import XDS

struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Serves clusters, and changes them when it is asked to.")

  @Option(help: "Where to listen: host:port or unix:/path.")
  var listen = ListenAddress.ip("127.0.0.1", 18_000)

  @Option(help: "Clusters.")
  var clusters = 1_000

  @Option(help: ArgumentHelp("Bytes of a cluster, without its name.", valueName: "bytes"))
  var size = 300

  @Option(help: "Threads.")
  var threads = System.coreCount

  @Option(help: "Where to serve a callout too, in plaintext, to see what publishing costs it.")
  var callout: ListenAddress?

  func validate() throws {
    for (flag, value) in [("--clusters", clusters), ("--threads", threads)] {
      guard value >= 1 else { throw ValidationError("\(flag) \(value): give at least 1") }
    }
    guard size >= 0 else { throw ValidationError("--size \(size): give bytes, or 0 for none") }
  }

  func run() async throws {
    ProcessLimits.raiseFiles()
    try await withCallout { try await serve() }
  }

  /// Serves a callout while `body` runs, if there is to be one.
  private func withCallout(_ body: () async throws -> Void) async throws {
    guard let callout else { return try await body() }
    var configuration = ServerConfiguration()
    configuration.plaintextAddress = callout
    configuration.disableTLS = true
    configuration.combinedHealthCheck = true
    let serving = Task { try await HeaderCallout().service(configuration).run() }
    try await body()
    serving.cancel()
    try? await serving.value
  }

  private func serve() async throws {
    try await serve { address in
      // At once, where `print` would wait until a pipe is worth it.
      FileHandle.standardOutput.write(Data("listening on \(address), \(clusters) clusters\n".utf8))
      for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { break }
    }
  }

  /// Serves while `body` runs.
  func serve(_ body: (ListenAddress) async throws -> Void) async throws {
    let cache = SnapshotCache()
    let fleet = Fleet(cache, clusters: clusters, size: size)
    var logger = Logger(label: "xds-bench")
    // Clients that end their connections are no news.
    logger.logLevel = .warning
    let server = GRPCServer(services: XDSServer(cache, logger: logger).services + [fleet.service], logger: logger)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    if callout != nil { ThreadPriority.lower(group) }
    let listener = try await Listener.bind(to: listen.resolve(), group: group, tls: nil) { channel in
      try server.serve(channel)
    }
    try await body(listener.address?.port.flatMap { .ip(listen.host ?? "127.0.0.1", UInt16($0)) } ?? listen)
    try await listener.close()
    server.closeConnections()
    await server.drain()
    try await group.shutdownGracefully()
  }
}

/// As little as a callout does.
private final class HeaderCallout: CalloutServer, @unchecked Sendable {
  override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(set: ["x-callout": "yes"])
  }
}
