// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport
internal import NIOCore
internal import NIOPosix

/// Makes connections to one server. Safe to use from any thread.
package final class ClientConnector: Sendable {
  package let target: GRPCTarget
  package let configuration: GRPCChannel.ConnectionConfiguration
  let usesTLS: Bool
  private let tls: (context: TLSContext, serverName: String, subjectAltNames: [String])?
  private let resolver: NameResolver

  /// - Parameter host: what the server is called where `target` is one of its addresses.
  ///
  /// Throws UNAVAILABLE when certificates or a key cannot be used.
  package init(
    _ target: GRPCTarget, host: String? = nil, tls: GRPCChannel.TLS?,
    _ configuration: GRPCChannel.ConnectionConfiguration, resolver: NameResolver = .system
  ) throws(GRPCStatus) {
    self.target = target
    self.configuration = configuration
    self.resolver = resolver
    usesTLS = tls != nil
    guard let tls else {
      self.tls = nil
      return
    }
    do {
      let context = try TLSContext(
        trustRoots: tls.trustRoots, protocols: ["h2"],
        identity: tls.identity.map { TLSIdentity(certificateChain: $0.certificateChain, privateKey: $0.privateKey) },
        verifiesServer: tls.verifiesServer)
      self.tls = (context, tls.serverName ?? host ?? target.host, tls.verifiesServer ? tls.subjectAltNames : [])
    } catch {
      throw GRPCStatus(.unavailable, "\(target): \(error)")
    }
  }

  /// Connects to the first of the target's addresses that takes the connection; fails with UNAVAILABLE and the reason of
  /// the last.
  func connect(on eventLoop: any EventLoop) -> EventLoopFuture<NIOLoopBound<GRPCClientConnection>> {
    resolver.addresses(of: target, on: eventLoop).flatMap { addresses in
      self.connect(to: addresses[...], on: eventLoop)
    }.flatMapErrorThrowing { error in
      throw GRPCStatus(
        .unavailable, "cannot connect to \(self.target): \((error as? GRPCStatus)?.message ?? "\(error)")")
    }
  }

  private func connect(
    to addresses: ArraySlice<SocketAddress>, on eventLoop: any EventLoop
  ) -> EventLoopFuture<NIOLoopBound<GRPCClientConnection>> {
    let attempt = connect(to: addresses[addresses.startIndex], on: eventLoop)
    let others = addresses.dropFirst()
    guard !others.isEmpty else { return attempt }
    return attempt.flatMapError { _ in self.connect(to: others, on: eventLoop) }
  }

  private func connect(
    to address: SocketAddress, on eventLoop: any EventLoop
  ) -> EventLoopFuture<NIOLoopBound<GRPCClientConnection>> {
    let timeout = TimeAmount(configuration.connectTimeout)
    let established = eventLoop.makePromise(of: NIOLoopBound<GRPCClientConnection>.self)
    // Each part has the whole time for itself; this is for all of them.
    let timer = eventLoop.scheduleTask(in: timeout) {
      established.fail(GRPCStatus(.unavailable, "no connection within \(timeout.nanoseconds / 1_000_000) ms"))
    }
    established.futureResult.whenComplete { _ in timer.cancel() }
    ClientBootstrap(group: eventLoop).connectTimeout(timeout).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        if address.pathname == nil { try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1) }
        try self.addHandlers(to: channel, established, timeout)
      }
    }.connect(to: address).whenComplete { result in
      switch result {
      case .success(let channel):
        established.futureResult.whenFailure { _ in channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in
          established.fail(GRPCStatus(.unavailable, "the server closed the connection before its HTTP/2 settings came"))
        }
      case .failure(let error): established.fail(error)
      }
    }
    return established.futureResult
  }

  private func addHandlers(
    to channel: any Channel, _ established: EventLoopPromise<NIOLoopBound<GRPCClientConnection>>,
    _ timeout: TimeAmount
  ) throws {
    if let tls {
      try channel.pipeline.syncOperations.addHandler(
        TLSHandler(
          session: TLSSession(
            tls.context, role: .client(serverName: tls.serverName, subjectAltNames: tls.subjectAltNames)),
          handshakeTimeout: timeout))
    }
    var limits = HTTP2ConnectionHandler.Limits()
    limits.prefaceTimeout = timeout
    limits.idleTimeout = configuration.idleTime.map { TimeAmount($0) }
    limits.keepalive = configuration.keepalive.map {
      .init(interval: TimeAmount($0.interval), timeout: TimeAmount($0.timeout), withoutStreams: $0.withoutCalls)
    }
    let connection = GRPCClientConnection(usesTLS: usesTLS, established: established, channel: channel)
    try channel.pipeline.syncOperations.addHandler(
      HTTP2ConnectionHandler(session: HTTP2Session(role: .client), observer: connection, limits: limits))
  }
}
