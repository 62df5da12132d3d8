// SPDX-License-Identifier: Apache-2.0

/// A request of either protocol, as far as its rules are the same.
public struct DiscoveryRequest: Sendable {
  public var type: ResourceType
  /// The response that it answers, or empty.
  public var nonce: String
  /// Why that was refused, or nil.
  public var error: String?
  public var wants: Wants

  public enum Wants: Sendable {
    /// State of the World: all names; and the version that the client accepted last.
    case all([String], version: String)
    /// Delta: names to add and to remove; and versions by name that the client has from an earlier stream.
    case change(subscribe: [String], unsubscribe: [String], initialVersions: [String: String])
  }

  package init(_ type: ResourceType, nonce: String = "", error: String? = nil, _ wants: Wants) {
    self.type = type
    self.nonce = nonce
    self.error = error
    self.wants = wants
  }
}

/// What a request made known.
public enum DiscoveryEvent: Sendable, Equatable {
  /// The client accepted a response.
  case acknowledged(ResourceType, nonce: String)
  /// The client refused a response, whose resources these were.
  case refused(ResourceType, nonce: String, names: [String], detail: String)
  /// The request answers an older response than the last; its names are ignored, for another request follows.
  case stale(ResourceType, nonce: String)
}
