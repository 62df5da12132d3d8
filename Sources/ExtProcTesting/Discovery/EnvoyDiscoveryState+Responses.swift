// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import SwiftProtobuf
internal import XDS

extension EnvoyDiscoveryState {
  /// A resource of a response; without a body it only keeps what is held from expiring.
  private struct Arrival {
    var reference: ResourceReference
    var version: String
    var body: [UInt8]?
    var typeURL: String
    var ttl: Duration?
    var aliases: [String] = []
  }

  mutating func receive(_ message: Envoy_Service_Discovery_V3_DiscoveryResponse) {
    let type = ResourceType(typeURL: message.typeURL)
    let arrivals = message.resources.map { Self.arrival($0, type, message.versionInfo) }
    let refusal = receive(
      arrivals, of: type, removed: [], nonce: message.nonce, version: message.versionInfo, isFullState: type.isFullState
    )
    change(type) {
      guard $0.wasRequested else { return }
      $0.nonce = message.nonce
      $0.refusal = refusal
      if refusal == nil { $0.version = message.versionInfo }
      $0.isDue = true
    }
    send(lastly: type)
  }

  mutating func receive(_ message: Envoy_Service_Discovery_V3_DeltaDiscoveryResponse) {
    let type = ResourceType(typeURL: message.typeURL)
    let arrivals = message.resources.map { Self.arrival($0, type) }
    let refusal = receive(
      arrivals, of: type, removed: message.removedResources, nonce: message.nonce, version: message.systemVersionInfo,
      isFullState: false)
    change(type) { if $0.wasRequested { $0.answers.append((message.nonce, refusal)) } }
    send(lastly: type)
  }

  /// Takes a response over, or says why it is refused as a whole. One that was not asked for gets no answer.
  private mutating func receive(
    _ arrivals: [Arrival], of type: ResourceType, removed: [String], nonce: String, version: String, isFullState: Bool
  ) -> String? {
    let isExpected = subscriptions[type]?.wasRequested ?? false
    let refusal = isExpected ? refusal(of: arrivals, type, removed: removed) : "nothing of this type was asked for"
    responses.append(
      Response(
        type: type, nonce: nonce, version: version, names: arrivals.map(\.reference.name),
        heartbeats: arrivals.filter { $0.body == nil }.map(\.reference.name), removed: removed, refusal: refusal))
    guard refusal == nil else { return refusal }
    if type == .cluster { clustersDeadline = nil }
    for arrival in arrivals { take(arrival) }
    for name in removed { remove(ResourceReference(type, name)) }
    if isFullState {
      let present = Set(arrivals.map(\.reference.name))
      for name in held(type).keys where !present.contains(name) { remove(ResourceReference(type, name)) }
    }
    settle()
    return nil
  }

  private func refusal(of arrivals: [Arrival], _ type: ResourceType, removed: [String]) -> String? {
    var names: Set<String> = []
    for arrival in arrivals {
      let name = arrival.reference.name
      guard names.insert(name).inserted else { return "duplicate name \(name) found among added/updated resources" }
      guard let body = arrival.body else {
        guard held(type)[name]?.version == arrival.version else { return "\(name) has no content and is not held" }
        continue
      }
      guard !name.isEmpty else { return "a resource without a name" }
      guard arrival.typeURL == type.typeURL else {
        return "type URL \(arrival.typeURL) in a response of \(type.typeURL)"
      }
      if let reason = configuration.refuses(arrival.reference, body) { return reason }
    }
    return removed.first { names.contains($0) }.map {
      "duplicate name \($0) found in the union of added+removed resources"
    }
  }

  private mutating func take(_ arrival: Arrival) {
    let reference = arrival.reference
    guard subscriptions[reference.type]?.wants(reference.name, aliases: arrival.aliases) ?? false else { return }
    let expiry = arrival.ttl.map { now + $0 }
    guard let body = arrival.body else { return change(reference.type) { $0.held[reference.name]?.expiry = expiry } }
    let known = held(reference.type)[reference.name]
    let dependencies =
      known?.body == body ? known?.dependencies ?? [] : Set(configuration.dependencies(reference, body))
    change(reference.type) {
      $0.held[reference.name] = Held(
        version: arrival.version, body: body, dependencies: dependencies, expiry: expiry)
    }
    arrived(reference)
    if known?.body != body { warm(reference, dependencies, inUse: known?.dependencies ?? []) }
  }

  // MARK: Decoding

  private static func arrival(_ resource: Envoy_Service_Discovery_V3_Resource, _ type: ResourceType) -> Arrival {
    Arrival(
      reference: ResourceReference(type, resource.name), version: resource.version,
      body: resource.hasResource ? Array(resource.resource.value) : nil, typeURL: resource.resource.typeURL,
      ttl: resource.hasTtl ? Duration(resource.ttl) : nil, aliases: resource.aliases)
  }

  /// In the State of the World variant a resource stands for itself, or is wrapped where it has a time to live.
  private static func arrival(_ any: Google_Protobuf_Any, _ type: ResourceType, _ version: String) -> Arrival {
    if any.typeURL == wrapper, let wrapped = try? Envoy_Service_Discovery_V3_Resource(serializedBytes: any.value) {
      var arrival = arrival(wrapped, type)
      arrival.version = version
      return arrival
    }
    let body = Array(any.value)
    return Arrival(
      reference: ResourceReference(type, EnvoyResource.name(body)), version: version, body: body, typeURL: any.typeURL)
  }

  private static let wrapper = "type.googleapis.com/envoy.service.discovery.v3.Resource"
}

extension Duration {
  fileprivate init(_ duration: Google_Protobuf_Duration) {
    self = .seconds(duration.seconds) + .nanoseconds(Int64(duration.nanos))
  }
}
