// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
internal import EnvoyAPI
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import SwiftProtobuf
public import XDS

/// An Envoy as far as a control plane can tell: it asks, acknowledges, refuses and follows what its resources name.
///
///     let envoy = DiscoveryClient(DiscoveryConfiguration(.incremental))
///     envoy.connect(over: channel)
///     try await envoy.wait { $0.held(.listener)["main"] != nil && $0.warming.isEmpty }
///     envoy.disconnect()
///
/// Safe to use from any thread.
public final class DiscoveryClient: Sendable {
  private let configuration: DiscoveryConfiguration
  private let shared: NIOLockedValueBox<Shared>

  private struct Shared {
    var envoy: EnvoyDiscoveryState
    var channel: GRPCChannel?
    /// The streams of the present connection; the key is nil for the one of all types.
    var streams: [ResourceType?: Stream] = [:]
    var observers: [AsyncStream<Void>.Continuation] = []
  }

  private struct Stream {
    var requests: AsyncStream<EnvoyDiscoveryState.Request>.Continuation
    var task: Task<Void, Never>?
    var status: GRPCStatus?
  }

  public init(_ configuration: DiscoveryConfiguration) {
    self.configuration = configuration
    shared = NIOLockedValueBox(Shared(envoy: EnvoyDiscoveryState(configuration)))
  }

  /// What has come and gone so far.
  public var state: EnvoyDiscoveryState { shared.withLockedValue(\.envoy) }

  /// Connects, or connects again with what is held: streams that are open end first.
  public func connect(over channel: GRPCChannel) {
    disconnect()
    change { shared in
      shared.channel = channel
      shared.streams = [:]
      shared.envoy.opened()
    }
  }

  /// Gives the streams up; what is held is kept.
  public func disconnect() {
    let streams = shared.withLockedValue { shared in
      shared.channel = nil
      return shared.streams.values
    }
    for stream in streams { stream.task?.cancel() }
  }

  /// Asks for resources besides those that Envoy needs.
  public func ask(for names: [String], of type: ResourceType) { change { $0.envoy.ask(for: names, of: type) } }

  /// Asks no longer for resources.
  public func stopAsking(for names: [String], of type: ResourceType) {
    change { $0.envoy.stopAsking(for: names, of: type) }
  }

  /// Lets time pass for times to live and timeouts, which look at no other clock.
  public func advance(by duration: Duration) { change { $0.envoy.advance(by: duration) } }

  // MARK: To wait

  /// Waits for a condition, and returns the state that fulfils it; throws the `GRPCStatus` of a stream that ends before.
  @discardableResult
  public func wait(until condition: (EnvoyDiscoveryState) -> Bool) async throws -> EnvoyDiscoveryState {
    for await _ in changes() {
      let (envoy, status) = shared.withLockedValue { ($0.envoy, $0.streams.values.compactMap(\.status).first) }
      if condition(envoy) { return envoy }
      if let status { throw status }
    }
    throw CancellationError()
  }

  /// How the stream of a type, or of all types, ended; waits until it has.
  public func ending(of type: ResourceType? = nil) async throws -> GRPCStatus {
    for await _ in changes() {
      if let status = shared.withLockedValue({ $0.streams[type]?.status }) { return status }
    }
    throw CancellationError()
  }

  /// One element now, and one after each change, the unread ones as one.
  private func changes() -> AsyncStream<Void> {
    let (changes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    shared.withLockedValue { $0.observers.append(continuation) }
    continuation.yield()
    return changes
  }

  /// Changes the state, and sends what is due then, in this order even where several threads change it.
  private func change(_ change: (inout Shared) -> Void) {
    let observers = shared.withLockedValue { shared in
      change(&shared)
      guard shared.channel != nil else { return shared.observers }
      for request in shared.envoy.takeRequests() { send(request, &shared) }
      return shared.observers
    }
    for observer in observers { observer.yield() }
  }

  // MARK: Streams

  private func send(_ request: EnvoyDiscoveryState.Request, _ shared: inout Shared) {
    let key = configuration.streams == .separate ? request.type : nil
    if request.isFirst { shared.streams.removeValue(forKey: key)?.task?.cancel() }
    let stream = shared.streams[key] ?? open(key, &shared)
    stream.requests.yield(request)
  }

  private func open(_ type: ResourceType?, _ shared: inout Shared) -> Stream {
    let (requests, continuation) = AsyncStream.makeStream(of: EnvoyDiscoveryState.Request.self)
    var stream = Stream(requests: continuation)
    stream.task = Task { [channel = shared.channel] in
      var status = GRPCStatus(.ok)
      do {
        guard let channel, let path = DiscoveryMethod.path(type, self.configuration.variant) else {
          throw GRPCStatus(.unimplemented, "there is no service for \(type?.typeURL ?? "all types")")
        }
        try await self.run(try await channel.call(path), requests)
      } catch {
        status = error as? GRPCStatus ?? GRPCStatus(.unknown, "\(error)")
      }
      // A task that was cancelled belongs to a connection that was given up.
      self.change { if !Task.isCancelled { $0.streams[type]?.status = status } }
    }
    shared.streams[type] = stream
    return stream
  }

  private func run(_ call: GRPCCall, _ requests: AsyncStream<EnvoyDiscoveryState.Request>) async throws {
    try await withTaskCancellationHandler {
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          // That the stream is over is told with its status, below.
          for await request in requests { try? await call.send(request.message) }
        }
        while let response = try await call.next() { try self.receive(response) }
        group.cancelAll()
      }
    } onCancel: {
      call.cancel()
    }
  }

  private func receive(_ bytes: ByteBuffer) throws {
    let bytes = Array(bytes.readableBytesView)
    switch configuration.variant {
    case .stateOfTheWorld:
      let response = try Envoy_Service_Discovery_V3_DiscoveryResponse(serializedBytes: bytes)
      change { if !Task.isCancelled { $0.envoy.receive(response) } }
    case .incremental:
      let response = try Envoy_Service_Discovery_V3_DeltaDiscoveryResponse(serializedBytes: bytes)
      change { if !Task.isCancelled { $0.envoy.receive(response) } }
    }
  }
}

extension EnvoyDiscoveryState.Request {
  /// The type that it is about.
  public var type: ResourceType {
    switch self {
    case .stateOfTheWorld(let request): ResourceType(typeURL: request.typeURL)
    case .incremental(let request): ResourceType(typeURL: request.typeURL)
    }
  }

  /// A stream begins with it.
  fileprivate var isFirst: Bool {
    switch self {
    case .stateOfTheWorld(let request): request.hasNode
    case .incremental(let request): request.hasNode
    }
  }

  fileprivate var message: any Message {
    switch self {
    case .stateOfTheWorld(let request): request
    case .incremental(let request): request
    }
  }
}
