// SPDX-License-Identifier: Apache-2.0
public import CalloutGRPC
internal import NIOConcurrencyHelpers
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
  let configuration: DiscoveryConfiguration
  private let shared: NIOLockedValueBox<Shared>

  struct Shared {
    var envoy: EnvoyDiscoveryState
    var channel: GRPCChannel?
    /// The streams of the present connection; the key is nil for the one of all types.
    var streams: [ResourceType?: Stream] = [:]
    var observers: [AsyncStream<Void>.Continuation] = []
  }

  struct Stream {
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
  func change(_ change: (inout Shared) -> Void) {
    let observers = shared.withLockedValue { shared in
      change(&shared)
      guard shared.channel != nil else { return shared.observers }
      for request in shared.envoy.takeRequests() { send(request, &shared) }
      return shared.observers
    }
    for observer in observers { observer.yield() }
  }
}
