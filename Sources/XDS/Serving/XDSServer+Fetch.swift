// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
package import EnvoyAPI
internal import SwiftProtobuf

extension XDSServer {
  /// What there is now of a type, for a client that asks once and again: by gRPC's `Fetch…` or by REST.
  package enum FetchResult: Sendable {
    /// The client has this version.
    case unchanged
    case response(Envoy_Service_Discovery_V3_DiscoveryResponse)
  }

  /// Throws `GRPCStatus` UNAVAILABLE when nothing is published for the node, PERMISSION_DENIED when the peer may not
  /// have it, and what a callback throws.
  package func fetch(_ message: Envoy_Service_Discovery_V3_DiscoveryRequest, from peer: Peer) async throws
    -> FetchResult
  {
    let (request, node) = DiscoveryMessages.request(message)
    return try await Self.fetch(request, node ?? Node(), peer, service)
  }

  static func fetch(
    _ message: Envoy_Service_Discovery_V3_DiscoveryRequest, _ type: ResourceType?, from peer: Peer,
    _ service: DiscoveryService
  ) async throws -> Envoy_Service_Discovery_V3_DiscoveryResponse {
    var (request, node) = DiscoveryMessages.request(message)
    if let type {
      guard request.type.typeURL.isEmpty || request.type == type else {
        throw GRPCStatus(.invalidArgument, "\(DiscoveryViolation.otherType(request.type, type))")
      }
      request.type = type
    }
    // gRPC has no way to say that nothing changed but to say it again.
    if case .all(let names, _) = request.wants { request.wants = .all(names, version: "") }
    guard case .response(let response) = try await fetch(request, node ?? Node(), peer, service) else {
      throw GRPCStatus(.internal, "a fetch without a version was taken for unchanged")
    }
    return response
  }

  private static func fetch(
    _ request: DiscoveryRequest, _ node: Node, _ peer: Peer, _ service: DiscoveryService
  ) async throws -> FetchResult {
    try service.authorize(node, peer)
    try await service.callbacks?.fetchReceived(request, from: node)
    guard let snapshot = service.cache.feed(for: node, type: request.type)?.snapshot else {
      throw GRPCStatus(.unavailable, "nothing is published for node '\(node.id)'")
    }
    let set = snapshot[request.type] ?? .empty(request.type)
    guard case .all(let names, let held) = request.wants else { return .unchanged }
    var subscription = Subscription(allowsLegacyWildcard: true)
    subscription.set(names)
    let resources = set.resources.values.filter { subscription.contains($0) }.sorted { $0.name < $1.name }
    // Of some names the version is that of these: a client that asks for more has not all of that version.
    let version = subscription.isWildcard ? set.version : ContentVersion.of(resources)
    guard version != held else { return .unchanged }
    var response = Envoy_Service_Discovery_V3_DiscoveryResponse()
    response.versionInfo = version
    response.typeURL = request.type.typeURL
    response.resources = resources.map(\.message)
    if !service.configuration.identifier.isEmpty { response.controlPlane.identifier = service.configuration.identifier }
    await service.callbacks?.fetchAnswered(
      request, version: version, names: resources.map(\.name), to: node)
    return .response(response)
  }
}
