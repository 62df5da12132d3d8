// SPDX-License-Identifier: Apache-2.0

/// Values of a stream's own, by the types of their keys.
package struct ContextStorage {
  private var values: [ObjectIdentifier: any Sendable] = [:]

  package init() {}

  package subscript<Key: CalloutContextKey>(key: Key.Type) -> Key.Value {
    get { values[ObjectIdentifier(key)] as? Key.Value ?? Key.defaultValue }
    set { values[ObjectIdentifier(key)] = newValue }
  }
}

/// The key of a value in the context of a stream, which is an HTTP exchange or a connection.
///
///     enum Seen: CalloutContextKey { static let defaultValue = 0 }
///     context[Seen.self] += 1
public protocol CalloutContextKey {
  associatedtype Value: Sendable
  /// The value until one is set.
  static var defaultValue: Value { get }
}
