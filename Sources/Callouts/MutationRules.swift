// SPDX-License-Identifier: Apache-2.0

/// Which headers Envoy's filter lets a callout change; the defaults are Envoy's.
///
/// Source: `envoy.config.common.mutation_rules.v3.HeaderMutationRules`.
public struct MutationRules: Sendable, Hashable {
  /// `allow_all_routing`: `:authority`, `host`, `:method` and `:scheme` may be changed.
  public var allowAllRouting = false
  /// `allow_envoy`: headers that begin with `x-envoy-` may be changed.
  public var allowEnvoy = false

  public init(allowAllRouting: Bool = false, allowEnvoy: Bool = false) {
    self.allowAllRouting = allowAllRouting
    self.allowEnvoy = allowEnvoy
  }
}

/// A change of a header that Envoy silently drops.
struct IgnoredChange: Sendable, Hashable, CustomStringConvertible {
  var name: String
  var reason: String

  var description: String { "header '\(name)': \(reason)" }
}

extension HeaderMutation {
  /// The changes that Envoy silently drops.
  ///
  /// - Parameter replacingBody: the reply is a CONTINUE_AND_REPLACE, which may change `:method`.
  func ignoredChanges(under rules: MutationRules, replacingBody: Bool) -> [IgnoredChange] {
    // Called for each reply: nearly all names tell by their first byte that there is nothing to say.
    guard settings.contains(where: { Self.mayBeIgnored($0.name) }) || removals.contains(where: Self.mayBeIgnored)
    else { return [] }
    let set = settings.compactMap { setting in
      Self.reason(toIgnoreSetting: setting.name.lowercased(), rules, replacingBody)
        .map { IgnoredChange(name: setting.name, reason: $0) }
    }
    let removed = removals.filter { $0.hasPrefix(":") || $0.lowercased() == "host" }
      .map { IgnoredChange(name: $0, reason: "Envoy never removes it") }
    return set + removed
  }

  private static func mayBeIgnored(_ name: String) -> Bool {
    switch name.utf8.first {
    case UInt8(ascii: ":"), UInt8(ascii: "h"), UInt8(ascii: "H"), UInt8(ascii: "x"), UInt8(ascii: "X"): true
    default: false
    }
  }

  private static func reason(
    toIgnoreSetting name: String, _ rules: MutationRules, _ replacingBody: Bool
  ) -> String? {
    switch name {
    case ":method" where replacingBody: nil
    case ":authority", "host", ":method", ":scheme":
      rules.allowAllRouting ? nil : "Envoy takes it only with mutation_rules.allow_all_routing"
    case _ where name.hasPrefix("x-envoy-"):
      rules.allowEnvoy ? nil : "Envoy takes it only with mutation_rules.allow_envoy"
    default: nil
    }
  }
}
