// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import CalloutTransport
internal import NIOCore

extension XDSServer {
  /// Who is at the other end of a connection.
  public struct Peer: Sendable, Hashable {
    /// Its address as text, or nil for a Unix-domain socket.
    public let address: String?
    /// The DNS names and URIs in its certificate; none without mutual TLS.
    public let names: [String]
  }
}

extension XDSServer.Peer {
  init(_ call: ServerCall) { self.init(address: call.peer, names: call.connection.peerNames) }

  init(_ context: GRPCServerContext) { self.init(address: context.peer, names: context.peerNames) }

  /// The peer of a connection without gRPC; to be asked on its event loop.
  init(_ channel: any Channel) {
    self.init(
      address: channel.remoteAddress.flatMap { $0.pathname == nil ? "\($0)" : nil },
      names: (try? channel.pipeline.syncOperations.handler(type: TLSHandler.self))?.peerNames ?? [])
  }
}
