// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import CalloutTransport
import GRPCProxy
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A backend that answers each message with its name, and whose connections can be counted.
struct NamedBackend: Sendable {
  let name: String
  private let server: LocalServer
  private let closings: NIOLockedValueBox<[EventLoopFuture<Void>]>

  /// Nobody can listen there.
  static let refusing = Backend(GRPCTarget(.unix(path: "/nonexistent/callouts.sock")))
  static let path = "/test.Service/Who"

  /// - Parameter failure: what its calls end with, in place of an answer.
  static func start(
    _ name: String, failing failure: GRPCStatus? = nil, beside services: [GRPCService] = []
  ) async throws -> NamedBackend {
    let server = GRPCServer(
      services: services + [GRPCService("test.Service", methods: [.who(name, failing: failure)])],
      logger: Logger(label: "test"))
    let closings = NIOLockedValueBox<[EventLoopFuture<Void>]>([])
    let listener = try await Listener.bind(
      to: SocketAddress(ipAddress: "127.0.0.1", port: 0), group: MultiThreadedEventLoopGroup.singleton
    ) { channel in
      closings.withLockedValue { $0.append(channel.closeFuture) }
      try server.serve(channel)
    }
    return NamedBackend(
      name: name, server: LocalServer(server: server, listener: listener, address: listener.address!, identity: nil),
      closings: closings)
  }

  var address: SocketAddress { server.address }
  var backend: Backend { server.backend }

  /// Connections that there have been.
  var connectionCount: Int { closings.withLockedValue { $0.count } }

  /// Waits until all connections that there have been are closed.
  func connectionsClosed() async throws { for closing in closings.withLockedValue({ $0 }) { try await closing.get() } }

  /// Closes all connections as they are, and takes no more.
  func stop() async { await server.stop() }
}

extension GRPCMethod {
  /// Answers each message with a name, or ends its calls at once.
  static func who(_ name: String, failing failure: GRPCStatus? = nil) -> GRPCMethod {
    GRPCMethod("Who") { (requests, responses, _) in
      if let failure { throw failure }
      for try await _ in requests { try await responses.send(ByteBuffer(string: name)) }
    }
  }
}

/// Runs `body` with backends of the given names.
func withBackends(_ names: String..., body: ([NamedBackend]) async throws -> Void) async throws {
  var backends: [NamedBackend] = []
  for name in names { backends.append(try await .start(name)) }
  do {
    try await body(backends)
  } catch {
    for backend in backends { await backend.stop() }
    throw error
  }
  for backend in backends { await backend.stop() }
}
