// SPDX-License-Identifier: Apache-2.0
import NIOCore
import SwiftProtobuf
import Testing

@testable import XDS

/// A discovery stream without I/O: a client's requests, and what the server sends.
final class DiscoveryHarness {
  var state: DiscoveryState
  var snapshot: Snapshot?
  private var empties: [ResourceType: ResourceSet] = [:]
  private(set) var events: [DiscoveryEvent] = []
  private var keepsResponses = false
  private var responses: [DiscoveryResponse] = []

  init(
    _ speaks: DiscoveryProtocol, _ resources: [Resource]? = nil, onlyType: ResourceType? = nil,
    limits: DiscoveryState.Limits = DiscoveryState.Limits()
  ) throws {
    state = DiscoveryState(speaks, onlyType: onlyType, limits: limits)
    snapshot = try resources.map { try Snapshot($0) }
  }

  private func published() -> DiscoveryState.Published {
    for type in state.types.map(\.type) where empties[type] == nil { empties[type] = .empty(type) }
    let (snapshot, empties) = (snapshot, empties)
    return { type in snapshot.flatMap { $0[type] ?? empties[type] } }
  }

  /// All that the server sends now.
  func sent() -> [Sent] {
    let published = published()
    var all: [Sent] = []
    while let response = state.next(published) {
      if keepsResponses { responses.append(response) }
      all.append(Sent(response, state.speaks))
    }
    return all
  }

  /// All that the server sends once what nothing uses has been kept long enough.
  func afterRemovalDelay() -> [Sent] {
    _ = beginRemovalWait()
    state.removalWaitOver()
    return sent()
  }

  func beginRemovalWait() -> Bool { state.beginRemovalWait() }

  /// The heartbeats that are due now.
  func heartbeats() -> [DiscoveryResponse] { state.heartbeat(published()) }

  /// The first response to a request, as it is encoded.
  func respond(_ request: (DiscoveryHarness) throws -> [Sent]) throws -> DiscoveryResponse? {
    keepsResponses = true
    _ = try request(self)
    return responses.first
  }

  var isSettled: Bool { state.isSettled(published()) }

  func publish(_ resources: [Resource]) throws -> [Sent] {
    snapshot = try Snapshot(resources, reusing: snapshot)
    return sent()
  }

  func send(_ request: DiscoveryRequest) throws -> [Sent] {
    if let event = try state.receive(request, published()) { events.append(event) }
    return sent()
  }

  /// State of the World.
  func request(
    _ type: ResourceType, _ names: [String] = [], version: String = "", nonce: String = "", error: String? = nil
  ) throws -> [Sent] {
    try send(DiscoveryRequest(type, nonce: nonce, error: error, .all(names, version: version)))
  }

  /// Delta.
  func delta(
    _ type: ResourceType, subscribe: [String] = [], unsubscribe: [String] = [], held: [String: String] = [:],
    nonce: String = "", error: String? = nil
  ) throws -> [Sent] {
    try send(
      DiscoveryRequest(
        type, nonce: nonce, error: error,
        .change(subscribe: subscribe, unsubscribe: unsubscribe, initialVersions: held)))
  }

  /// Either: the first request for these names, everything where there are none.
  func subscribe(_ type: ResourceType, _ names: [String] = []) throws -> [Sent] {
    switch state.speaks {
    case .stateOfTheWorld: try request(type, names)
    case .delta: try delta(type, subscribe: names)
    }
  }

  /// Either: accepts a response; in State of the World `names` are what the client still wants.
  func accept(_ response: Sent, _ names: [String] = []) throws -> [Sent] {
    switch state.speaks {
    case .stateOfTheWorld: try request(response.type, names, version: response.version, nonce: response.nonce)
    case .delta: try delta(response.type, nonce: response.nonce)
    }
  }

  /// Either: refuses a response.
  func refuse(_ response: Sent, _ names: [String] = [], version: String = "") throws -> [Sent] {
    switch state.speaks {
    case .stateOfTheWorld:
      try request(response.type, names, version: version, nonce: response.nonce, error: "no good")
    case .delta: try delta(response.type, nonce: response.nonce, error: "no good")
    }
  }
}

/// A response, its resources decoded from the bytes.
struct Sent: Equatable, CustomStringConvertible {
  let type: ResourceType
  let nonce: String
  let version: String
  let names: [String]
  let removed: [String]
  /// Contents by name.
  let contents: [String: String]

  init(_ response: DiscoveryResponse, _ speaks: DiscoveryProtocol) {
    type = response.type
    nonce = response.nonce
    version = response.version
    names = response.names
    removed = response.removed
    var contents: [String: String] = [:]
    for (name, body) in zip(response.names, decodeResources(response.body, speaks)) {
      contents[name] = String(decoding: body, as: UTF8.self)
    }
    self.contents = contents
  }

  var description: String {
    "\(type)#\(nonce)[\(names.joined(separator: ","))]"
      + (removed.isEmpty ? "" : "-[\(removed.joined(separator: ","))]")
  }
}

/// What the test's resources have as content.
func content(of name: String, _ version: String) -> String { "\(name)=\(version)" }

/// A resource with the content `name=version`.
func make(
  _ type: ResourceType, _ name: String, _ version: String = "1", uses: [ResourceReference] = [],
  aliases: [String] = [], ttl: Duration? = nil
) -> Resource {
  Resource(
    type, name: name, body: Array(content(of: name, version).utf8), aliases: aliases, ttl: ttl, references: Set(uses))
}

/// Resources of one type, each at version 1 unless it says otherwise: "a", "b@2".
func make(_ type: ResourceType, _ names: [String]) -> [Resource] {
  names.map { name in
    let parts = name.split(separator: "@")
    return make(type, String(parts[0]), parts.count > 1 ? String(parts[1]) : "1")
  }
}
