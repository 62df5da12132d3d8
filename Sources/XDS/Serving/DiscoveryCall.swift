// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import EnvoyAPI
internal import Logging
internal import NIOCore

/// One discovery stream: reads requests, sends what `DiscoveryState` says. Confined to the event loop of its connection.
final class DiscoveryCall: ServerCallHandler {
  private let call: ServerCall
  private let service: DiscoveryService
  let state: DiscoveryState
  private(set) var info: DiscoveryStreamInfo

  private var hasNode = false
  private var isOver = false
  /// Where types come from.
  private var sources: [Source] = []
  /// The feeds of the sources, the numbers under which we are known there, and what we told them last.
  private var subscriptions: [(feed: ConfigurationFeed, id: Int, told: Told)] = []
  private var patience: Scheduled<Void>?
  private var waitsSince: NIODeadline?
  private var nextHeartbeat: Scheduled<Void>?
  private var nextRemoval: Scheduled<Void>?
  private var callbacks: CallbackQueue?

  /// What a feed was told of the client last.
  private struct Told: Equatable {
    var generation = -1
    var refusals: [RefusedResource] = []
  }

  private struct Source {
    let type: ResourceType
    /// Which of the subscriptions.
    let subscription: Int
    /// What stands for a snapshot without the type: one object, for streams tell sets by identity.
    let empty: ResourceSet
  }

  init(_ call: ServerCall, _ service: DiscoveryService, _ speaks: DiscoveryProtocol, _ onlyType: ResourceType?) {
    self.call = call
    self.service = service
    state = DiscoveryState(
      speaks, onlyType: onlyType,
      limits: DiscoveryState.Limits(
        legacyWildcard: service.configuration.legacyWildcard, responseSize: service.configuration.responseSize))
    info = DiscoveryStreamInfo(
      id: service.makeStreamID(), speaks: speaks, type: onlyType, peer: call.peer, node: Node())
    service.register(self, on: call.eventLoop)
    guard let user = service.callbacks else { return }
    let queue = CallbackQueue(user, call) { [unowned self] error in
      finish(GRPCStatus(error))
    } idle: { [unowned self] in
      flush()
    }
    callbacks = queue
    let info = info
    queue.perform { try await $0.streamOpened(info) }
  }

  var isBusy: Bool { callbacks?.isBusy == true }

  // MARK: From the call

  func receive(_ message: consuming ByteBuffer) {
    do throws(GRPCStatus) {
      let (request, node) = try DiscoveryMessages.request(message, info.speaks)
      try meet(node)
      guard let callbacks else { return handle(request) }
      let info = info
      callbacks.perform {
        try await $0.requestReceived(request, on: info)
      } then: { [unowned self] in
        handle(request)
      }
    } catch {
      finish(error)
    }
  }

  func receiveEnd() { finish(.ok) }

  func shutDown() { finish(.ok) }

  func callEnded(_ ending: CallEnding) { end() }

  // MARK: Requests

  /// The first request says who the client is, which does not change.
  private func meet(_ node: Node?) throws(GRPCStatus) {
    guard hasNode else {
      let node = node ?? Node()
      try service.authorize(node, XDSServer.Peer(call))
      hasNode = true
      info.node = node
      state.wrapsResources = node.clientFeatures.contains("xds.config.resource-in-sotw")
      return
    }
    guard let node, node.id != info.node.id else { return }
    throw GRPCStatus(.invalidArgument, "\(DiscoveryViolation.otherNode(node.id, info.node.id))")
  }

  private func handle(_ request: DiscoveryRequest) {
    guard !isOver else { return }
    var request = request
    if request.type.typeURL.isEmpty, let type = info.type { request.type = type }
    subscribe(request.type)
    do throws(DiscoveryViolation) {
      if let event = try state.receive(request, publishedSet) { note(event) }
      service.metrics?.received(request)
      flush()
    } catch {
      finish(GRPCStatus(.invalidArgument, "\(error)"))
    }
  }

  /// Hears from now on when something of the type is published.
  private func subscribe(_ type: ResourceType) {
    guard source(of: type) == nil, let feed = service.cache.feed(for: info.node, type: type) else { return }
    let index = subscriptions.firstIndex { $0.feed === feed } ?? subscribe(to: feed)
    sources.append(Source(type: type, subscription: index, empty: .empty(type)))
  }

  private func subscribe(to feed: ConfigurationFeed) -> Int {
    let call = NIOLoopBound(self, eventLoop: call.eventLoop)
    let id = feed.subscribe(on: call.eventLoop, ConfigurationFeed.Progress(node: info.node.id)) { call.value.flush() }
    subscriptions.append((feed, id, Told()))
    return subscriptions.count - 1
  }

  private func source(of type: ResourceType) -> Source? { sources.first { $0.type == type } }

  private func note(_ event: DiscoveryEvent) {
    waitsSince = nil
    service.metrics?.answered(event)
    switch event {
    case .acknowledged(let type, let nonce):
      log(.debug, "acknowledged", metadata: ["type": "\(type)", "nonce": "\(nonce)"])
    case .refused(let type, let nonce, let names, let detail):
      log(
        .error, "the client refused resources; it keeps what it had, and gets no more of this before something changes",
        metadata: [
          "type": "\(type)", "nonce": "\(nonce)", "names": "\(names.prefix(10).joined(separator: ","))",
          "reason": "\(detail)",
        ])
    case .stale(let type, let nonce):
      log(.debug, "a request that answers an older response", metadata: ["type": "\(type)", "nonce": "\(nonce)"])
    }
    let info = info
    callbacks?.perform { try await $0.answered(event, on: info) }
  }

  /// The line has the stream and the node; a logger of each stream's own would take as much memory as all the rest.
  private func log(
    _ level: Logger.Level, _ message: Logger.Message, metadata: @autoclosure () -> Logger.Metadata
  ) {
    service.logger.log(
      level: level, message,
      metadata: metadata().merging(["stream": "\(info.id)", "node": "\(info.node.id)"]) { own, _ in own })
  }

  // MARK: Responses

  /// Sends all that there is to send, as far as the client takes it.
  private func flush() {
    guard !isOver else { return }
    // What is published may change on another thread; one look sees one state of it.
    let current = subscriptions.map { $0.feed.current }
    func published(_ type: ResourceType) -> ResourceSet? {
      source(of: type).flatMap { source in
        current[source.subscription].snapshot.map { $0[type] ?? source.empty }
      }
    }
    if nextHeartbeat == nil, state.needsHeartbeat(published) { scheduleHeartbeat() }
    while !call.isOutboundFull, callbacks?.isBusy != true, let response = state.next(published) { send(response) }
    if call.isOutboundFull {
      // Weak: a call that ends may let go of this before it is told that its bytes have left.
      call.whenDrained = { [weak self] in self?.flush() }
    } else {
      reportProgress(current.map(\.generation), published)
    }
    keepPatience()
    if nextRemoval == nil, state.beginRemovalWait() { scheduleRemoval() }
  }

  private func send(_ response: DiscoveryResponse) {
    guard let callbacks else { return write(response) }
    let info = info
    callbacks.perform {
      try await $0.responseReady(response, on: info)
    } then: { [unowned self] in
      write(response)
    }
  }

  private func write(_ response: DiscoveryResponse) {
    guard !isOver else { return }
    let head = DiscoveryMessages.head(response, info.speaks, identifier: service.configuration.identifier)
    call.send(headLength: head.count, { $0.writeBytes(head) }, rest: response.body)
    service.metrics?.sent(response, bytes: head.count + response.body.readableBytes)
    log(
      .debug, "sent",
      metadata: [
        "type": "\(response.type)", "nonce": "\(response.nonce)", "resources": "\(response.names.count)",
        "removed": "\(response.removed.count)",
      ])
  }

  /// What is published of a type for this client, or nil while nothing is.
  func publishedSet(_ type: ResourceType) -> ResourceSet? {
    source(of: type).flatMap { source in
      subscriptions[source.subscription].feed.snapshot.map { $0[type] ?? source.empty }
    }
  }

  private func reportProgress(_ generations: [Int], _ published: DiscoveryState.Published) {
    guard callbacks?.isBusy != true, state.isSettled(published) else { return }
    let refusals = state.refusals
    for index in subscriptions.indices {
      // What it refuses of one generation may become more: it asks for one type after the other.
      let news = Told(generation: generations[index], refusals: refusals)
      guard subscriptions[index].told != news else { continue }
      subscriptions[index].told = news
      subscriptions[index].feed.settled(subscriptions[index].id, generation: news.generation, refusals: refusals)
    }
  }

  /// A client that does not answer holds up what waits for its answer no longer than this. The timer is left running
  /// when it answers: to cancel and set it anew for each response would cost more than the response.
  private func keepPatience() {
    guard state.isWaiting else { return waitsSince = nil }
    if waitsSince == nil { waitsSince = .now() }
    if patience == nil { schedulePatience(in: TimeAmount(service.configuration.answerTime)) }
  }

  private func schedulePatience(in time: TimeAmount) {
    let call = NIOLoopBound(self, eventLoop: call.eventLoop)
    patience = call.eventLoop.scheduleTask(in: time) { call.value.losePatience() }
  }

  private func losePatience() {
    patience = nil
    guard let waitsSince else { return }
    let left = waitsSince + TimeAmount(service.configuration.answerTime) - .now()
    guard left <= .zero else { return schedulePatience(in: left) }
    state.stopWaiting()
    flush()
  }

  private func scheduleRemoval() {
    let call = NIOLoopBound(self, eventLoop: call.eventLoop)
    nextRemoval = call.eventLoop.scheduleTask(in: TimeAmount(service.configuration.removalDelay)) {
      call.value.nextRemoval = nil
      call.value.state.removalWaitOver()
      call.value.flush()
    }
  }

  private func scheduleHeartbeat() {
    let call = NIOLoopBound(self, eventLoop: call.eventLoop)
    nextHeartbeat = call.eventLoop.scheduleTask(in: TimeAmount(service.configuration.heartbeatInterval)) {
      call.value.nextHeartbeat = nil
      call.value.sendHeartbeat()
    }
  }

  private func sendHeartbeat() {
    guard !isOver else { return }
    if !call.isOutboundFull, callbacks?.isBusy != true {
      for response in state.heartbeat(publishedSet) { send(response) }
    }
    flush()
  }

  // MARK: The end

  private func finish(_ status: GRPCStatus) {
    guard !isOver else { return }
    if status != .ok { log(.info, "ended the stream", metadata: ["status": "\(status)"]) }
    end()
    call.finish(status)
  }

  private func end() {
    guard !isOver else { return }
    isOver = true
    patience?.cancel()
    nextHeartbeat?.cancel()
    nextRemoval?.cancel()
    for subscription in subscriptions { subscription.feed.unsubscribe(subscription.id) }
    subscriptions = []
    sources = []
    service.unregister(info.id)
    let info = info
    callbacks?.performLast { await $0.streamClosed(info) }
  }
}
