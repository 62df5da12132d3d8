// SPDX-License-Identifier: Apache-2.0
public import Logging
public import NetworkExtProc

/// One connection of a `NetworkCalloutServer` without a network: mock requests in, what Envoy would receive out.
///
///     let harness = NetworkHarness(NetworkBasic())
///     let reply = try await harness.reply(to: .readData("hello"))
///     #expect(reply.readData.data == Data("hello".utf8))
///
/// There is one answer to each message, but for replies of several chunks, injected bytes and a close after bytes.
public final class NetworkHarness: StreamHarness<NetworkRequestMessage, NetworkResponseMessage> {
  /// What the hooks of this connection are given.
  public let context: NetworkContext

  /// Opens a stream of a callout.
  ///
  /// - Parameters:
  ///   - initialMetadata: what the proxy's call carries, its `grpc_initial_metadata`.
  ///   - logger: what hooks log to; nowhere where it is not given.
  public init(
    _ server: NetworkCalloutServer, initialMetadata: KeyValuePairs<String, String> = [:],
    logger: Logger = Logger(label: "harness", factory: { _ in SwiftLogNoOpLogHandler() })
  ) {
    let transport = HarnessTransport(metadata: initialMetadata)
    let call = NetworkCall(transport, NetworkService(server, logger: logger))
    context = call.context
    super.init(transport, carrying: call)
  }
}
