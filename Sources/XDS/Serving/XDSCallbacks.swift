// SPDX-License-Identifier: Apache-2.0

/// Told of what happens on the streams of a control plane; each has an implementation that does nothing.
///
/// The callbacks of a stream are called one after the other, in the order of what happens, on the stream's event loop:
/// they may wait, which holds up that stream alone, but must not block. One that throws ends the stream (a
/// `GRPCStatus` with that status, anything else with UNKNOWN); `streamClosed` is still called.
public protocol XDSCallbacks: Sendable {
  func streamOpened(_ stream: DiscoveryStreamInfo) async throws
  /// The last of a stream.
  func streamClosed(_ stream: DiscoveryStreamInfo) async
  /// A request, before anything is made of it; those that are stale or refuse something too.
  func requestReceived(_ request: DiscoveryRequest, on stream: DiscoveryStreamInfo) async throws
  /// A response, right before it is sent.
  func responseReady(_ response: DiscoveryResponse, on stream: DiscoveryStreamInfo) async throws
  /// The client accepted or refused a response, or answered an old one.
  func answered(_ event: DiscoveryEvent, on stream: DiscoveryStreamInfo) async throws
  /// A request for the state as it is now, by gRPC or REST; one that throws fails the request.
  func fetchReceived(_ request: DiscoveryRequest, from node: Node) async throws
  /// What is answered to it.
  func fetchAnswered(_ request: DiscoveryRequest, version: String, names: [String], to node: Node) async
}

extension XDSCallbacks {
  public func streamOpened(_ stream: DiscoveryStreamInfo) async throws {}
  public func streamClosed(_ stream: DiscoveryStreamInfo) async {}
  public func requestReceived(_ request: DiscoveryRequest, on stream: DiscoveryStreamInfo) async throws {}
  public func responseReady(_ response: DiscoveryResponse, on stream: DiscoveryStreamInfo) async throws {}
  public func answered(_ event: DiscoveryEvent, on stream: DiscoveryStreamInfo) async throws {}
  public func fetchReceived(_ request: DiscoveryRequest, from node: Node) async throws {}
  public func fetchAnswered(_ request: DiscoveryRequest, version: String, names: [String], to node: Node) async {}
}

/// A stream, for whom it concerns.
public struct DiscoveryStreamInfo: Sendable {
  /// Tells it from all other streams of the server, of both protocols.
  public let id: Int
  public let speaks: DiscoveryProtocol
  /// The type of a stream that is not aggregated.
  public let type: ResourceType?
  /// The client's address, or nil for a Unix-domain socket.
  public let peer: String?
  /// The client, from its first request on.
  public internal(set) var node: Node
}
