// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport
internal import Callouts
internal import EnvoyAPI
public import ExtAuthz
public import Logging
internal import NIOCore
internal import SwiftProtobuf

/// An authorization server without a network: mock requests in, what Envoy would receive out.
///
///     let reply = try await AuthorizationHarness(BlockIP()).reply(to: .check(headers: ["x-forwarded-for": "10.0.0.1"]))
///     #expect(reply.status.code == 7)
///
/// What Envoy would refuse is refused, and the server's configuration applies. Safe to use from any thread.
public struct AuthorizationHarness: Sendable {
  private let service: CheckService
  private let context: CheckContext

  /// - Parameters:
  ///   - initialMetadata: what the proxy's calls carry.
  ///   - logger: what hooks log to; nowhere where it is not given.
  public init(
    _ server: AuthorizationServer, initialMetadata: KeyValuePairs<String, String> = [:],
    logger: Logger = Logger(label: "harness", factory: { _ in SwiftLogNoOpLogHandler() })
  ) {
    self.init(server, metadata: initialMetadata.map { (name: $0, value: $1) }, logger: logger)
  }

  init(
    _ server: AuthorizationServer, metadata: [(name: String, value: String)],
    logger: Logger = Logger(label: "harness", factory: { _ in SwiftLogNoOpLogHandler() })
  ) {
    service = CheckService(server, logger: logger)
    var headers = HeaderFields()
    for (name, value) in metadata { headers.append(name, value) }
    context = CheckContext(streamID: 1, peer: "127.0.0.1:1", headers: headers, logger: logger)
  }

  /// Asks the server about a request.
  ///
  /// Throws what the call fails with: what the hook threw, or a `CalloutError` where Envoy would refuse the reply.
  public func reply(to message: CheckRequestMessage) async throws -> CheckResponseMessage {
    let request = try CheckRequest(serialized: ByteBuffer(bytes: try message.serializedBytes() as [UInt8]))
    return try CheckResponseMessage(serializedBytes: Array(buffer: try await service.answer(to: request, context)))
  }
}
