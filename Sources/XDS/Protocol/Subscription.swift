// SPDX-License-Identifier: Apache-2.0

/// Which resources of a type a client wants.
///
/// "*" is everything (xDS protocol, "How the client specifies what resources to return"); a name that ends in `/*` is
/// everything under that prefix. A type's first request without any name is everything too, until a request has names:
/// the legacy wildcard.
package struct Subscription: Sendable, Equatable {
  package private(set) var isWildcard = false
  package private(set) var names: Set<String> = []
  /// With the slash and without the star.
  package private(set) var prefixes: Set<String> = []
  /// Requests without names still mean everything.
  private var isLegacy: Bool

  /// A subscription before its first request.
  package init(allowsLegacyWildcard: Bool) { isLegacy = allowsLegacyWildcard }

  package var isEmpty: Bool { !isWildcard && names.isEmpty && prefixes.isEmpty }

  package func contains(_ resource: Resource) -> Bool {
    isWildcard || names.contains(resource.name) || resource.aliases.contains { names.contains($0) }
      || isUnderPrefix(resource.name)
  }

  /// The name is wanted, by itself or with others.
  package func contains(name: String) -> Bool { isWildcard || names.contains(name) || isUnderPrefix(name) }

  private func isUnderPrefix(_ name: String) -> Bool { prefixes.contains { name.hasPrefix($0) } }

  /// State of the World: a request names all that it wants.
  package mutating func set(_ all: [String]) {
    if isLegacy, all.isEmpty { return isWildcard = true }
    isLegacy = false
    isWildcard = false
    names = []
    prefixes = []
    for name in all { add(name) }
  }

  /// Delta: a request names what it wants from now on, and what no longer.
  package mutating func update(subscribe: [String], unsubscribe: [String]) {
    if isLegacy, subscribe.isEmpty, unsubscribe.isEmpty { return isWildcard = true }
    // Names do not end a wildcard that began without them; only "*" does.
    isLegacy = false
    for name in subscribe { add(name) }
    for name in unsubscribe { remove(name) }
  }

  private mutating func add(_ name: String) {
    if name == "*" {
      isWildcard = true
    } else if name.hasSuffix("/*") {
      prefixes.insert(String(name.dropLast()))
    } else {
      names.insert(name)
    }
  }

  private mutating func remove(_ name: String) {
    if name == "*" {
      isWildcard = false
    } else if name.hasSuffix("/*") {
      prefixes.remove(String(name.dropLast()))
    } else {
      names.remove(name)
    }
  }
}
