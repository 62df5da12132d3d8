// SPDX-License-Identifier: Apache-2.0

/// Changes to headers or trailers. Envoy removes first and sets then, each in order.
///
/// Kept as the message that will be sent, so that the answer to a request is put together by copying bytes. Envoy
/// writes names in lower case, and silently ignores changes of `:authority`, `host`, `:method`, `:scheme` and
/// `x-envoy*` unless its mutation rules allow them. Source: `envoy.service.ext_proc.v3.HeaderMutation`.
public struct HeaderMutation: Sendable, Hashable {
  /// What happens where the header is there already.
  public enum Action: Int, Sendable, Hashable {
    // The raw values are those of HeaderValueOption.HeaderAppendAction.
    /// Adds a value, or the header.
    case append = 0
    /// Adds the header only where it is missing. Envoy up to 1.40 overwrites instead.
    case addIfAbsent
    /// Replaces all values, or adds the header.
    case overwrite
    /// Replaces all values; nothing where the header is missing. Envoy up to 1.40 adds it then.
    case overwriteIfExists
  }

  /// The serialized message.
  var serialized: [UInt8] = []
  /// What must be known of the names and values in it.
  var traits: Traits = []

  /// No changes.
  public init() {}

  public init(
    set: KeyValuePairs<String, String> = [:], append: KeyValuePairs<String, String> = [:], remove: [String] = []
  ) {
    reserveCapacity(for: set.count + append.count + remove.count)
    for (name, value) in set { self.set(name, value) }
    for (name, value) in append { self.append(name, value) }
    for name in remove { self.remove(name) }
  }

  /// Sets a header, replacing what values it has.
  public mutating func set(_ name: String, _ value: String) {
    value.withBytes { addSetting(name, $0, .overwrite) }
  }

  /// Adds a value to a header, or the header.
  public mutating func append(_ name: String, _ value: String) {
    value.withBytes { addSetting(name, $0, .append) }
  }

  /// Sets a header to a value of any form, as the action says.
  public mutating func set(_ name: String, _ value: HeaderValue, _ action: Action) {
    switch value {
    case .string(let value): value.withBytes { addSetting(name, $0, action) }
    case .bytes(let value): value.withUnsafeBytes { addSetting(name, $0, action) }
    }
  }

  /// Removes a header. Envoy ignores the removal of `host` and of names that begin with a colon.
  public mutating func remove(_ name: String) { addRemoval(name) }

  public var isEmpty: Bool { serialized.isEmpty }

  /// Whether a header may have this name and this value; a reply that sets another is refused (RFC 9110 §5).
  public static func isLegal(_ name: String, _ value: String) -> Bool {
    isToken(name) && value.utf8.allSatisfy(isFieldByte)
  }

  /// Makes room for headers of a usual length at once.
  private mutating func reserveCapacity(for headers: Int) {
    if headers > 0 { serialized.reserveCapacity(headers * 48) }
  }
}

/// The value of a header: text, or bytes that need not be UTF-8.
public enum HeaderValue: Sendable, Hashable {
  case string(String)
  case bytes([UInt8])
}
