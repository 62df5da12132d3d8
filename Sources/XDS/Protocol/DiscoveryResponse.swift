// SPDX-License-Identifier: Apache-2.0
package import NIOCore

/// A response of either protocol, before it is encoded.
public struct DiscoveryResponse: Sendable {
  public let type: ResourceType
  public let nonce: String
  /// State of the World: the version of the type. Delta: for people who debug.
  public let version: String
  /// The names of the resources that are in it; in order.
  public let names: [String]
  /// Delta: the names of what is gone or never was.
  public let removed: [String]
  /// The resources, as fields 2 of the message: shared with other streams where they get the same.
  package let body: ByteBuffer
}

/// Which of the two protocols a stream speaks.
public enum DiscoveryProtocol: Sendable, Hashable, CaseIterable {
  case stateOfTheWorld
  case delta
}
