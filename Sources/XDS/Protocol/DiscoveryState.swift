// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// The server's side of a discovery stream: the rules of the protocol, without I/O.
///
/// What is to be sent is found out when it can be sent, from what is published by then: what was published in between
/// is never sent. A client has at most one unanswered response of a type, but for what it asked for itself.
package final class DiscoveryState {
  package let speaks: DiscoveryProtocol
  /// The types that the client has asked for, in the order in which additions are sent.
  package private(set) var types: [TypeState] = []
  /// Parts of a response that was too long for one.
  var parts: [DiscoveryResponse] = []
  /// Names of the endpoints of clusters that were sent before any endpoints were asked for.
  var warmedEarly: Set<String> = []

  /// State of the World: the client takes resources with their TTL.
  package var wrapsResources = false

  let onlyType: ResourceType?
  private let limits: Limits
  private var nonces = 0

  package struct Limits: Sendable {
    /// The types of which a first request without names asks for everything.
    package var legacyWildcard: XDSServer.LegacyWildcard
    /// Bytes of resources in a delta response, which is divided; one resource may be longer.
    package var responseSize: Int

    package init(legacyWildcard: XDSServer.LegacyWildcard = .allTypes, responseSize: Int = 2 * 1_024 * 1_024) {
      self.legacyWildcard = legacyWildcard
      self.responseSize = responseSize
    }
  }

  /// - Parameter onlyType: the type of a stream that is not aggregated.
  package init(_ speaks: DiscoveryProtocol, onlyType: ResourceType? = nil, limits: Limits = Limits()) {
    self.speaks = speaks
    self.onlyType = onlyType
    self.limits = limits
  }

  /// Types that a client may ask for on a stream; Envoy knows about a dozen.
  private static let mostTypes = 100

  /// What is published of a type, or nil while nothing is.
  package typealias Published = (ResourceType) -> ResourceSet?

  /// Takes note of a request.
  ///
  /// Throws what the client did wrong; the stream is to end with it.
  package func receive(
    _ request: DiscoveryRequest, _ published: Published
  ) throws(DiscoveryViolation) -> DiscoveryEvent? {
    let type = try checked(request.type)
    let isFirst = self[type] == nil
    guard !isFirst || types.count < Self.mostTypes else { throw .tooManyTypes }
    let state = self[type] ?? insert(type)
    switch request.wants {
    case .all(let names, let version):
      let event = state.answer(request.nonce, request.error)
      if let lastNonce = state.lastNonce, lastNonce != request.nonce {
        // What it says of that response counts; which names it wants it says again in answer to the last.
        return event ?? .stale(type, nonce: request.nonce)
      }
      state.subscribe(to: names, version: version, published(type), isFirst: isFirst)
      return event
    case .change(let names, let unsubscribe, let held):
      let event = state.answer(request.nonce, request.error)
      let isStale = event == nil && !isFirst && !request.nonce.isEmpty && request.nonce != state.lastNonce
      state.subscribe(names, unsubscribe: unsubscribe, held: held, published(type), isFirst: isFirst)
      if isFirst { forceWarmed(state, published) }
      return isStale ? .stale(type, nonce: request.nonce) : event
    }
  }

  private func checked(_ type: ResourceType) throws(DiscoveryViolation) -> ResourceType {
    guard let onlyType else {
      guard !type.typeURL.isEmpty else { throw .missingType }
      return type
    }
    guard type.typeURL.isEmpty || type == onlyType else { throw .otherType(type, onlyType) }
    return onlyType
  }

  package subscript(type: ResourceType) -> TypeState? { types.first { $0.type == type } }

  private func insert(_ type: ResourceType) -> TypeState {
    let state = TypeState(type, allowsLegacyWildcard: limits.legacyWildcard.allows(type))
    types.insert(state, at: types.firstIndex { $0.type.additionRank > type.additionRank } ?? types.endIndex)
    return state
  }

  func makeNonce() -> String {
    nonces += 1
    return String(nonces)
  }

  /// Turns a composition into responses, of which the first is returned and the others follow.
  func respond(
    _ state: TypeState, _ composition: TypeState.Composition, _ set: ResourceSet
  ) -> DiscoveryResponse {
    let before = state.sent
    state.record(composition, set)
    var responses: [DiscoveryResponse] = []
    for part in divided(composition) {
      let response = DiscoveryResponse(
        type: state.type, nonce: makeNonce(), version: composition.version, names: part.resources.map(\.name),
        removed: part.removed, body: part.body)
      state.outstanding.append(
        TypeState.Outstanding(
          nonce: response.nonce, version: response.version, before: before, updated: part.updated,
          removed: part.removed))
      state.lastNonce = response.nonce
      state.isImpatient = false
      responses.append(response)
    }
    parts = Array(responses.dropFirst())
    return responses[0]
  }

  func field(_ resource: Resource) -> ByteBuffer {
    switch speaks {
    case .delta: resource.deltaField
    case .stateOfTheWorld: wrapsResources && resource.ttl != nil ? resource.wrappedField : resource.sotwField
    }
  }

  private struct Part {
    var resources: [Resource]
    var updated: [Resource]
    var removed: [String]
    var body: ByteBuffer
  }

  private func divided(_ composition: TypeState.Composition) -> [Part] {
    let hasWrapped = speaks == .stateOfTheWorld && wrapsResources && composition.resources.contains { $0.ttl != nil }
    let shared = hasWrapped ? nil : composition.sharedBody
    let body = shared ?? ByteBuffer(concatenating: composition.resources.map(field))
    // A part of the world would be taken for all of it.
    guard speaks == .delta, body.readableBytes > limits.responseSize, composition.resources.count > 1 else {
      return [
        Part(
          resources: composition.resources, updated: composition.updated, removed: composition.removed, body: body)
      ]
    }
    var parts: [Part] = []
    var rest = composition.resources[...]
    while let first = rest.first {
      var length = first.deltaField.readableBytes
      var end = rest.startIndex + 1
      while end < rest.endIndex, length + rest[end].deltaField.readableBytes <= limits.responseSize {
        length += rest[end].deltaField.readableBytes
        end += 1
      }
      let resources = Array(rest[..<end])
      parts.append(
        Part(
          resources: resources, updated: resources, removed: parts.isEmpty ? composition.removed : [],
          body: ByteBuffer(concatenating: resources.map(\.deltaField))))
      rest = rest[end...]
    }
    return parts
  }
}

/// What a client did against the protocol.
package enum DiscoveryViolation: Error, Hashable, CustomStringConvertible {
  case missingType
  case otherType(ResourceType, ResourceType)
  case otherNode(String, String)
  case tooManyTypes

  package var description: String {
    switch self {
    case .missingType: "type URL is required for ADS"
    case .otherType(let type, let expected): "type_url '\(type.typeURL)' on a stream of \(expected.typeURL)"
    case .tooManyTypes: "more types of resources than there are"
    case .otherNode(let node, let first): "node '\(node)' on a stream of node '\(first)'"
    }
  }
}
