// SPDX-License-Identifier: Apache-2.0

/// Something in a configuration that Envoy would refuse, or that would not do what it seems to.
public struct ConfigurationProblem: Error, Sendable, Hashable, CustomStringConvertible {
  public var severity: Severity
  public var kind: Kind
  /// Where it is, such as `listener 'web'`.
  public var place: String
  /// What is wrong and what to do, as the rest of a sentence.
  public var text: String

  init(_ severity: Severity, _ kind: Kind, in place: String, _ text: String) {
    self.severity = severity
    self.kind = kind
    self.place = place
    self.text = text
  }

  /// One line.
  public var description: String { "\(place): \(text)" }

  public enum Severity: Sendable, Hashable {
    /// Envoy refuses it, or requests fail.
    case error
    /// It works, but most likely not as intended.
    case warning
  }

  public enum Kind: Sendable, Hashable, CaseIterable {
    /// A cluster is named that does not exist.
    case unknownCluster
    /// Another resource is referred to that does not exist.
    case missingResource
    /// Endpoints or routes exist that nothing asks for.
    case unusedResource
    /// HTTP filters do not end in one router.
    case routerPlace
    /// Network filters do not end in one that takes the bytes.
    case networkFilterOrder
    /// A filter has two settings that exclude each other, or lacks one of them.
    case contradiction
    /// A processing mode that cannot work.
    case processingMode
    /// A timeout out of range.
    case timeout
    /// A gRPC server that is given fewer calls than it needs.
    case circuitBreaker
    /// A gRPC server that is not spoken to in HTTP/2.
    case protocolOptions
    /// Two of the same name or address.
    case duplicate
    /// Two hosts of the same domain.
    case duplicateDomain
    /// Configuration for a filter that is not there.
    case unknownFilter
    /// Bodies are buffered, but not much of them.
    case bufferLimit
    /// What is sent is not what the hooks are for.
    case unusedHook
    /// A filter's source lacks its types.
    case filterTypes
    /// A certificate and a key that do not belong together.
    case certificate
    /// A message may be too large.
    case size
    /// A resource that cannot be read.
    case unreadable
    /// A description of a proxy that no configuration can be made of.
    case proxy
  }
}
