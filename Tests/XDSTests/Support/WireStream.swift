// SPDX-License-Identifier: Apache-2.0
import CalloutGRPC
import EnvoyAPI
import ExtProcTesting
import SwiftProtobuf
import Testing

@testable import XDS

/// A stream of either protocol over gRPC, message by message.
enum WireStream {
  case stateOfTheWorld(DiscoveryStream)
  case delta(DeltaDiscoveryStream)

  /// - Parameter type: of a stream that is not aggregated.
  static func open(
    _ channel: GRPCChannel, _ speaks: DiscoveryProtocol, _ type: ResourceType? = nil
  ) async throws -> WireStream {
    switch speaks {
    case .stateOfTheWorld: .stateOfTheWorld(try await channel.discoveryStream(type))
    case .delta: .delta(try await channel.deltaDiscoveryStream(type))
    }
  }

  /// Asks for resources for the first time, for all where there is no name.
  func ask(_ type: ResourceType, _ names: [String] = [], node: String = "node") async throws {
    switch self {
    case .stateOfTheWorld(let stream): try await stream.send(.asking(for: names, of: type, nodeID: node))
    case .delta(let stream): try await stream.send(.asking(for: names, of: type, nodeID: node))
    }
  }

  /// The next response, whatever its type; nil where the server ended the stream with OK.
  func next() async throws -> Answer? {
    switch self {
    case .stateOfTheWorld(let stream): try await stream.next().map { try Answer($0) }
    case .delta(let stream): try await stream.next().map { try Answer($0) }
    }
  }

  func next(_ type: ResourceType) async throws -> Answer {
    let answer = try #require(try await next(), "the stream ended without a response")
    try #require(answer.type == type, "\(answer)")
    return answer
  }

  var call: GRPCCall {
    switch self {
    case .stateOfTheWorld(let stream): stream.call
    case .delta(let stream): stream.call
    }
  }

  var status: GRPCStatus {
    get async {
      switch self {
      case .stateOfTheWorld(let stream): await stream.status
      case .delta(let stream): await stream.status
      }
    }
  }
}

/// A response of either protocol, its resources being those of `make`: their contents have name and version.
struct Answer: Sendable, Equatable, CustomStringConvertible {
  var type: ResourceType
  var nonce: String
  var version: String
  var controlPlane: String
  /// Contents by name.
  var contents: [String: String] = [:]
  /// Versions by name as the resources bear them; none in State of the World.
  var versions: [String: String] = [:]
  var removed: [String] = []

  init(_ message: Envoy_Service_Discovery_V3_DiscoveryResponse) throws {
    type = ResourceType(typeURL: message.typeURL)
    (nonce, version) = (message.nonce, message.versionInfo)
    controlPlane = message.controlPlane.identifier
    for resource in message.resources { try add(resource) }
  }

  init(_ message: Envoy_Service_Discovery_V3_DeltaDiscoveryResponse) throws {
    type = ResourceType(typeURL: message.typeURL)
    (nonce, version) = (message.nonce, message.systemVersionInfo)
    controlPlane = message.controlPlane.identifier
    removed = message.removedResources
    for resource in message.resources {
      versions[resource.name] = resource.version
      try add(resource.resource)
      try #require(contents[resource.name] != nil)
    }
  }

  private mutating func add(_ any: Google_Protobuf_Any) throws {
    let parts = String(decoding: any.value, as: UTF8.self).split(separator: "=", maxSplits: 1)
    try #require(parts.count == 2 && any.typeURL == type.typeURL)
    // Nothing is in a response twice.
    try #require(contents.updateValue(String(parts[1]), forKey: String(parts[0])) == nil)
  }

  var description: String { "\(type)#\(nonce) \(contents) -\(removed)" }
}
