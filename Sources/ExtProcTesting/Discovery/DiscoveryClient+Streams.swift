// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf
public import XDS

// The I/O of the client's streams.

extension DiscoveryClient {
  /// Sends a request on the stream that it belongs to.
  func send(_ request: EnvoyDiscoveryState.Request, _ shared: inout Shared) {
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
