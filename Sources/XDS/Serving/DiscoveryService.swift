// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import EnvoyAPI
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore

/// What all streams of a control plane share.
final class DiscoveryService: Sendable {
  let cache: any DiscoveryCache
  let configuration: XDSServer.Configuration
  let callbacks: (any XDSCallbacks)?
  let logger: Logger
  let metrics = XDSMetrics()
  private let streams = NIOLockedValueBox(Streams())

  private struct Streams {
    var lastID = 0
    var open: [Int: NIOLoopBound<DiscoveryCall>] = [:]
  }

  init(
    _ cache: any DiscoveryCache, _ configuration: XDSServer.Configuration, _ callbacks: (any XDSCallbacks)?,
    _ logger: Logger
  ) {
    self.cache = cache
    self.configuration = configuration
    self.callbacks = callbacks
    self.logger = logger
  }

  /// Numbers streams of both protocols from 1.
  func makeStreamID() -> Int {
    streams.withLockedValue { streams in
      streams.lastID += 1
      return streams.lastID
    }
  }

  func register(_ call: DiscoveryCall, on loop: any EventLoop) {
    streams.withLockedValue { $0.open[call.info.id] = NIOLoopBound(call, eventLoop: loop) }
    metrics?.streamOpened()
  }

  func unregister(_ id: Int) {
    streams.withLockedValue { $0.open[id] = nil }
    metrics?.streamClosed()
  }

  /// The streams that are open, by number.
  var open: [NIOLoopBound<DiscoveryCall>] {
    streams.withLockedValue { $0.open }.sorted { $0.key < $1.key }.map(\.value)
  }

  /// Lets a node in only if it is who its certificate says, where that is asked for.
  func authorize(_ node: Node, _ peer: XDSServer.Peer) throws(GRPCStatus) {
    guard allows(node, to: peer) else {
      throw GRPCStatus(.permissionDenied, "node '\(node.id)' is not whom the client's certificate names")
    }
  }

  /// Whether a peer may have a node's configuration, and know of it.
  func allows(_ node: Node, to peer: XDSServer.Peer) -> Bool { configuration.isAllowed?(node, peer) ?? true }
}
