// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import Testing

@testable import XDS

/// A client of one type of a cache, without I/O, that accepts everything.
final class CacheWatch {
  private let harness: DiscoveryHarness
  private let feed: ConfigurationFeed
  private let type: ResourceType
  private var names: [String]
  private var last: Sent?

  init(
    _ cache: any DiscoveryCache, _ type: ResourceType, _ speaks: DiscoveryProtocol, _ names: [String] = []
  ) throws {
    harness = try DiscoveryHarness(speaks)
    feed = try #require(cache.feed(for: Node(), type: type))
    self.type = type
    self.names = names
    // Asks while nothing is published, so that everything comes as news.
    try #require(try harness.subscribe(type, names).isEmpty)
  }

  /// What it is sent of what the cache has now, or nil for nothing.
  func news() throws -> Sent? {
    harness.snapshot = feed.snapshot
    return try taken(harness.sent())
  }

  /// State of the World: asks for these names from now on.
  func change(to names: [String]) throws -> Sent? {
    self.names = names
    harness.snapshot = feed.snapshot
    return try taken(try harness.request(type, names, version: last?.version ?? "", nonce: last?.nonce ?? ""))
  }

  private func taken(_ sent: [Sent]) throws -> Sent? {
    try #require(sent.count < 2, "\(sent)")
    guard let sent = sent.first else { return nil }
    last = sent
    try #require(try harness.accept(sent, names).isEmpty)
    return sent
  }
}

extension Sent? {
  /// The resources in it by their names, one letter each, or nil where nothing was sent.
  var letters: String? { self?.names.joined() }
}
