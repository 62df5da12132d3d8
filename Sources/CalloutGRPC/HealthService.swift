internal import NIOConcurrencyHelpers
// SPDX-License-Identifier: Apache-2.0
internal import SwiftProtobuf

/// The service `grpc.health.v1.Health`: whether the server, or one of its services, takes calls.
///
/// The empty name stands for the server as a whole. Safe to use from any thread.
public final class HealthService: Sendable {
  public enum Status: Sendable, Hashable {
    case serving
    case notServing
  }

  private let state = NIOLockedValueBox(State())

  private struct State {
    var statuses: [String: Status] = [:]
    var watchers: [Int: Watcher] = [:]
    var nextWatcher = 0
  }

  private struct Watcher {
    var service: String
    var updates: AsyncStream<Status?>.Continuation
  }

  public init() {}

  /// Sets the status of a service and tells whoever watches it.
  public func set(_ status: Status, for service: String = "") {
    state.withLockedValue { state in
      guard state.statuses.updateValue(status, forKey: service) != status else { return }
      for watcher in state.watchers.values where watcher.service == service { watcher.updates.yield(status) }
    }
  }

  /// Sets the status of every service known, the server's included.
  public func setAll(_ status: Status) {
    for service in state.withLockedValue({ Array($0.statuses.keys) }) { set(status, for: service) }
  }

  /// The service's status, or nil for an unknown service.
  public func status(of service: String = "") -> Status? { state.withLockedValue { $0.statuses[service] } }

  /// The statuses of a service from now on, each new one once; nil stands for an unknown service.
  ///
  /// A slow reader gets only the newest.
  func updates(of service: String) -> AsyncStream<Status?> {
    let (updates, continuation) = AsyncStream.makeStream(of: Status?.self, bufferingPolicy: .bufferingNewest(1))
    let id = state.withLockedValue { state in
      let id = state.nextWatcher
      state.nextWatcher += 1
      state.watchers[id] = Watcher(service: service, updates: continuation)
      continuation.yield(state.statuses[service])
      return id
    }
    continuation.onTermination = { [weak self] _ in self?.state.withLockedValue { $0.watchers[id] = nil } }
    return updates
  }

  /// The methods of the service, to be served.
  public var service: GRPCService {
    GRPCService(
      "grpc.health.v1.Health",
      methods: [
        .unary("Check") { [self] (request: Grpc_Health_V1_HealthCheckRequest, _) in
          guard let status = status(of: request.service) else {
            throw GRPCStatus(.notFound, "unknown service '\(request.service)'")
          }
          return Grpc_Health_V1_HealthCheckResponse(status)
        },
        .unary("List") { [self] (_: Grpc_Health_V1_HealthListRequest, _) in
          Grpc_Health_V1_HealthListResponse.with {
            $0.statuses = state.withLockedValue(\.statuses).mapValues { Grpc_Health_V1_HealthCheckResponse($0) }
          }
        },
        .serverStreaming("Watch") { [self] (request: Grpc_Health_V1_HealthCheckRequest, responses, _) in
          for await status in updates(of: request.service) {
            try await responses.send(Grpc_Health_V1_HealthCheckResponse(status))
          }
        },
      ], fileDescriptorSet: { GRPCDescriptors.fileDescriptorSet })
  }
}

extension GRPCChannel {
  /// Asks the server's health service about a service, or with an empty name about the server as a whole.
  ///
  /// Throws the `GRPCStatus` of a call that did not end OK: NOT_FOUND for an unknown service.
  public func checkHealth(of service: String = "", timeout: Duration? = nil) async throws -> HealthService.Status {
    let request = Grpc_Health_V1_HealthCheckRequest.with { $0.service = service }
    let response: Grpc_Health_V1_HealthCheckResponse = try await unary(
      "/grpc.health.v1.Health/Check", request, timeout: timeout)
    return response.status == .serving ? .serving : .notServing
  }
}

extension Grpc_Health_V1_HealthCheckResponse {
  fileprivate init(_ status: HealthService.Status?) {
    switch status {
    case .serving: self.status = .serving
    case .notServing: self.status = .notServing
    case nil: self.status = .serviceUnknown
    }
  }
}
