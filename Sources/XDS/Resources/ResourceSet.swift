// SPDX-License-Identifier: Apache-2.0
internal import NIOConcurrencyHelpers
package import NIOCore

/// All resources of one type at one moment; immutable and shared by every stream.
public final class ResourceSet: Sendable {
  public let type: ResourceType
  /// The version of the whole: that of its content, unless it was given.
  public let version: String
  public let resources: [String: Resource]

  /// Versions by name: what a client that has the whole set holds. Streams share its storage.
  package let versions: [String: String]
  /// Canonical names by alias.
  package let aliases: [String: String]
  /// Some resource has a TTL.
  package let hasTTL: Bool
  private let sum: UInt64
  private let cache = NIOLockedValueBox(Cached())

  private struct Cached {
    /// The differences from sets that streams had, newest last.
    var changes: [Known] = []
    /// The difference from nothing.
    var whole: ResourceChanges?
    var body: ByteBuffer?
  }

  private struct Known {
    /// Weak, for otherwise every set would keep all that ever were.
    weak var old: ResourceSet?
    let changes: ResourceChanges
  }

  /// - Parameter version: made of the content when it is nil.
  public init(_ type: ResourceType, _ resources: [Resource] = [], version: String? = nil) throws(DuplicateResource) {
    var byName: [String: Resource] = [:]
    for resource in resources {
      guard byName.updateValue(resource, forKey: resource.name) == nil else {
        throw DuplicateResource(reference: resource.reference)
      }
    }
    let sum = resources.reduce(0) { $0 &+ ContentVersion.share($1.name, $1.version) }
    self.type = type
    self.resources = byName
    self.sum = sum
    self.version = version ?? ContentVersion.ofSet(sum)
    versions = byName.mapValues(\.version)
    aliases = Self.index(of: byName.values)
    hasTTL = byName.values.contains { $0.ttl != nil }
  }

  /// A set without resources.
  package static func empty(_ type: ResourceType) -> ResourceSet { empties[type] ?? ResourceSet(emptyOf: type) }

  /// The same each time, for streams tell by identity whether anything changed.
  private static let empties = Dictionary(
    uniqueKeysWithValues: ResourceType.additionOrder.map { ($0, ResourceSet(emptyOf: $0)) })

  private init(emptyOf type: ResourceType) {
    self.type = type
    resources = [:]
    versions = [:]
    aliases = [:]
    hasTTL = false
    sum = 0
    version = ContentVersion.ofSet(0)
  }

  private init(changing old: ResourceSet, updates: [Resource], removals: [String]) {
    var (resources, versions, sum) = (old.resources, old.versions, old.sum)
    func subtract(_ name: String) {
      if let version = versions[name] { sum = sum &- ContentVersion.share(name, version) }
    }
    for name in removals {
      subtract(name)
      resources[name] = nil
      versions[name] = nil
    }
    for resource in updates {
      subtract(resource.name)
      sum = sum &+ ContentVersion.share(resource.name, resource.version)
      resources[resource.name] = resource
      versions[resource.name] = resource.version
    }
    type = old.type
    self.resources = resources
    self.versions = versions
    self.sum = sum
    version = ContentVersion.ofSet(sum)
    aliases = Self.index(of: resources.values)
    hasTTL = resources.values.contains { $0.ttl != nil }
  }

  private static func index(of resources: some Sequence<Resource>) -> [String: String] {
    var aliases: [String: String] = [:]
    for resource in resources {
      for alias in resource.aliases { aliases[alias] = resource.name }
    }
    return aliases
  }

  /// A set with some resources put in place and others removed; names that are not there are no mistake.
  public func changing(updates: [Resource] = [], removals: [String] = []) -> ResourceSet {
    ResourceSet(changing: self, updates: updates, removals: removals)
  }

  /// The resource of that name or alias.
  public subscript(name: String) -> Resource? { resources[name] ?? aliases[name].flatMap { resources[$0] } }

  /// What a client that has `old` lacks of this set. Made once for all streams.
  package func changes(since old: ResourceSet) -> ResourceChanges {
    if let known = cache.withLockedValue({ $0.changes.last { $0.old === old }?.changes }) { return known }
    let changes = ResourceChanges(from: old.versions, to: self)
    cache.withLockedValue { cache in
      if cache.changes.count == Self.keptChanges { cache.changes.removeFirst() }
      cache.changes.append(Known(old: old, changes: changes))
    }
    return changes
  }

  /// What a client that has nothing lacks. Made once for all streams.
  package var whole: ResourceChanges {
    cache.withLockedValue { cache in
      if let whole = cache.whole { return whole }
      let whole = ResourceChanges(from: [:], to: self)
      cache.whole = whole
      return whole
    }
  }

  /// Streams that are further behind compare for themselves.
  private static let keptChanges = 8

  /// All resources as fields of a `DiscoveryResponse`, in order of name. Made once for all streams.
  package var sotwBody: ByteBuffer {
    cache.withLockedValue { cache in
      if let body = cache.body { return body }
      let body = ByteBuffer(concatenating: resources.values.sorted { $0.name < $1.name }.map(\.sotwField))
      cache.body = body
      return body
    }
  }
}

/// Two resources of a type have one name.
public struct DuplicateResource: Error, Hashable, CustomStringConvertible {
  public let reference: ResourceReference

  public var description: String { "there are two of \(reference): a name may be used once for each type" }
}

extension ByteBuffer {
  package init(concatenating buffers: [ByteBuffer]) {
    self.init()
    reserveCapacity(buffers.reduce(0) { $0 + $1.readableBytes })
    for buffer in buffers { writeImmutableBuffer(buffer) }
  }
}
