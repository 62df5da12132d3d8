// SPDX-License-Identifier: Apache-2.0

/// Which headers Envoy's filter lets a callout change; the defaults are Envoy's.
///
/// Source: `envoy.config.common.mutation_rules.v3.HeaderMutationRules`.
public struct MutationRules: Sendable, Hashable {
  /// `allow_all_routing`: `:authority`, `host`, `:method` and `:scheme` may be changed.
  public var allowAllRouting = false
  /// `allow_envoy`: headers that begin with `x-envoy` may be changed.
  public var allowEnvoy = false

  public init(allowAllRouting: Bool = false, allowEnvoy: Bool = false) {
    self.allowAllRouting = allowAllRouting
    self.allowEnvoy = allowEnvoy
  }
}

extension HeaderMutation {
  /// What Envoy takes of the changes, with a sentence about each that it silently drops.
  package func taken(
    under rules: MutationRules, replacingBody: Bool
  ) -> (mutation: HeaderMutation, ignored: [String]) {
    guard traits.contains(.ruled) else { return (self, []) }
    var taken = HeaderMutation()
    for change in changes {
      switch change {
      case .set(let name, let value, let action):
        if Self.reason(toIgnoreSetting: name.lowercased(), rules, replacingBody) == nil {
          taken.set(name, .bytes(value), action)
        }
      case .remove(let name):
        if Self.reason(toIgnoreRemoving: name.lowercased(), rules) == nil { taken.remove(name) }
      }
    }
    return (taken, ignoredChanges(under: rules, replacingBody: replacingBody))
  }

  /// A sentence about each change that Envoy silently drops.
  ///
  /// - Parameter replacingBody: the reply is a CONTINUE_AND_REPLACE, which may change `:method`.
  func ignoredChanges(under rules: MutationRules, replacingBody: Bool) -> [String] {
    changes.compactMap { change in
      switch change {
      case .set(let name, _, _):
        Self.reason(toIgnoreSetting: name.lowercased(), rules, replacingBody).map { "header '\(name)': \($0)" }
      case .remove(let name):
        Self.reason(toIgnoreRemoving: name.lowercased(), rules).map { "header '\(name)': \($0)" }
      }
    }
  }

  private static func reason(
    toIgnoreSetting name: String, _ rules: MutationRules, _ replacingBody: Bool
  ) -> String? {
    switch name {
    case ":method" where replacingBody: nil
    case ":authority", "host", ":method", ":scheme":
      rules.allowAllRouting ? nil : "Envoy takes it only with mutation_rules.allow_all_routing"
    default: reason(toIgnoreEnvoyHeader: name, rules)
    }
  }

  private static func reason(toIgnoreRemoving name: String, _ rules: MutationRules) -> String? {
    name.hasPrefix(":") || name == "host" ? "Envoy never removes it" : reason(toIgnoreEnvoyHeader: name, rules)
  }

  private static func reason(toIgnoreEnvoyHeader name: String, _ rules: MutationRules) -> String? {
    name.hasPrefix("x-envoy") && !rules.allowEnvoy ? "Envoy takes it only with mutation_rules.allow_envoy" : nil
  }
}
