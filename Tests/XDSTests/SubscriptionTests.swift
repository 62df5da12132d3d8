// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import XDS

@Suite struct SubscriptionTests {
  private func check(
    _ subscription: Subscription, wildcard: Bool, _ names: [String], at location: SourceLocation = #_sourceLocation
  ) {
    #expect(subscription.isWildcard == wildcard, sourceLocation: location)
    #expect(subscription.names == Set(names), sourceLocation: location)
  }

  @Test("AC-40: no names are everything until there was one, then nothing")
  func legacyWildcardInStateOfTheWorld() {
    var subscription = Subscription(allowsLegacyWildcard: true)
    subscription.set([])
    check(subscription, wildcard: true, [])
    subscription.set([])
    check(subscription, wildcard: true, [])
    subscription.set(["r"])
    check(subscription, wildcard: false, ["r"])
    subscription.set([])
    check(subscription, wildcard: false, [])
  }

  @Test("AC-41: a star is everything, beside names or without")
  func starInStateOfTheWorld() {
    var subscription = Subscription(allowsLegacyWildcard: true)
    for (names, wildcard, kept) in [
      (["*"], true, []), (["*"], true, []), (["*", "r"], true, ["r"]), (["*", "o"], true, ["o"]),
      (["o"], false, ["o"]), ([], false, []), (["*"], true, []),
    ] as [([String], Bool, [String])] {
      subscription.set(names)
      check(subscription, wildcard: wildcard, kept)
    }
  }

  @Test("AC-42: delta without names is everything, and names do not end it")
  func legacyWildcardInDelta() {
    var subscription = Subscription(allowsLegacyWildcard: true)
    for (subscribe, unsubscribe, kept) in [([], [], []), ([], [], []), (["r"], [], ["r"]), ([], ["r"], [])]
      as [([String], [String], [String])]
    {
      subscription.update(subscribe: subscribe, unsubscribe: unsubscribe)
      check(subscription, wildcard: true, kept)
    }
  }

  @Test("AC-43: in delta a star comes and goes beside names")
  func starInDelta() {
    var subscription = Subscription(allowsLegacyWildcard: true)
    for (subscribe, unsubscribe, wildcard, kept) in [
      (["*"], [], true, []), ([], [], true, []), (["r"], [], true, ["r"]), (["o"], ["r"], true, ["o"]),
      (["r"], ["*"], false, ["r", "o"]), ([], ["r", "o"], false, []), (["r"], ["*"], false, ["r"]),
      (["*"], [], true, ["r"]), ([], ["o"], true, ["r"]),
    ] as [([String], [String], Bool, [String])] {
      subscription.update(subscribe: subscribe, unsubscribe: unsubscribe)
      check(subscription, wildcard: wildcard, kept)
    }
  }

  @Test("AC-44: where the legacy wildcard is off, only a star is everything")
  func withoutLegacyWildcard() {
    var world = Subscription(allowsLegacyWildcard: false)
    world.set([])
    check(world, wildcard: false, [])
    world.set([])
    check(world, wildcard: false, [])
    world.set(["*"])
    check(world, wildcard: true, [])
    var delta = Subscription(allowsLegacyWildcard: false)
    delta.update(subscribe: [], unsubscribe: [])
    check(delta, wildcard: false, [])
    delta.update(subscribe: ["*"], unsubscribe: [])
    check(delta, wildcard: true, [])

    let setting = XDSServer.LegacyWildcard.allTypesBut([.cluster])
    #expect(!setting.allows(.cluster) && setting.allows(.listener))
    #expect(XDSServer.LegacyWildcard.allTypes.allows(.cluster))
    #expect(!XDSServer.LegacyWildcard.noTypes.allows(.listener))
  }

  @Test("AC-45: a prefix is everything under it")
  func prefixes() {
    var subscription = Subscription(allowsLegacyWildcard: true)
    subscription.update(subscribe: ["col/zone1/*", "exact"], unsubscribe: [])
    for name in ["col/zone1/10.0.0.1", "exact"] { #expect(subscription.contains(name: name)) }
    for name in ["col/zone2/10.0.0.1", "other/10.0.0.1", "unknown"] { #expect(!subscription.contains(name: name)) }
    subscription.update(subscribe: [], unsubscribe: ["col/zone1/*"])
    #expect(!subscription.contains(name: "col/zone1/10.0.0.1"))
  }
}
