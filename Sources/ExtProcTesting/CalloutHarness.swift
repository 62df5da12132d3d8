// SPDX-License-Identifier: Apache-2.0
public import Callouts
public import EnvoyAPI
internal import ExtProc
public import Logging
internal import NIOCore
internal import NIOPosix

/// One stream of a `CalloutServer` without a network: mock requests in, what Envoy would receive out.
///
///     let harness = CalloutHarness(AddHeader())
///     let reply = try await harness.reply(to: .requestHeaders([":path": "/"]))
///     #expect(reply.requestHeaders.response.headerMutation.setHeaders.count == 1)
///
/// There are no answers to a mere observation, several to a body that is too long for one, as many as the callout likes
/// in full duplex, else one.
public final class CalloutHarness: StreamHarness<ProcessingRequestMessage, ProcessingResponseMessage> {
  /// What the hooks of this stream are given.
  public let context: CalloutContext

  /// Opens a stream of a callout.
  ///
  /// - Parameters:
  ///   - initialMetadata: what the proxy's call carries, its `grpc_initial_metadata`.
  ///   - logger: what hooks log to; nowhere where it is not given.
  public init(
    _ server: CalloutServer, initialMetadata: KeyValuePairs<String, String> = [:],
    logger: Logger = Logger(label: "harness", factory: { _ in SwiftLogNoOpLogHandler() })
  ) {
    let transport = HarnessTransport(metadata: initialMetadata)
    let call = ProcessCall(transport, ProcessService(server, logger: logger))
    context = call.context
    super.init(transport, carrying: call)
  }
}
