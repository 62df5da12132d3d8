// SPDX-License-Identifier: Apache-2.0

/// Changes to headers or trailers. Envoy removes first and sets then, each in order.
///
/// Names are sent in lower case. Envoy silently ignores changes of `:authority`, `host`, `:method`, `:scheme` and
/// `x-envoy-*` unless its mutation rules allow them. Source: `envoy.service.ext_proc.v3.HeaderMutation`.
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

  /// One header to set.
  public struct Setting: Sendable, Hashable {
    public var name: String
    public var value: HeaderValue
    public var action: Action
  }

  /// Headers to set, in order.
  public private(set) var settings: [Setting]
  /// Names of headers to remove, in order.
  public private(set) var removals: [String]

  public init(
    set: KeyValuePairs<String, String> = [:], append: KeyValuePairs<String, String> = [:], remove: [String] = []
  ) {
    settings = set.map { Setting(name: $0, value: .string($1), action: .overwrite) }
    removals = remove
    for (name, value) in append { self.append(name, value) }
  }

  /// Sets a header, replacing what values it has.
  public mutating func set(_ name: String, _ value: String) { set(name, .string(value), .overwrite) }

  /// Adds a value to a header, or the header.
  public mutating func append(_ name: String, _ value: String) { set(name, .string(value), .append) }

  /// Sets a header to a value of any form, as the action says.
  public mutating func set(_ name: String, _ value: HeaderValue, _ action: Action) {
    settings.append(Setting(name: name, value: value, action: action))
  }

  /// Removes a header. Envoy ignores the removal of `host` and of names that begin with a colon.
  public mutating func remove(_ name: String) { removals.append(name) }

  public var isEmpty: Bool { settings.isEmpty && removals.isEmpty }
}

/// The value of a header: text, or bytes that need not be UTF-8.
public enum HeaderValue: Sendable, Hashable {
  case string(String)
  case bytes([UInt8])
}

extension HeaderMutation {
  /// A header changes that Envoy's choice of a route always depends on. What else routes may match, only their
  /// author knows.
  func changesRoute(_ phase: Phase) -> Bool {
    guard phase.direction == .request else { return false }
    return settings.contains { setting in
      switch setting.name.utf8.first {
      case UInt8(ascii: ":"), UInt8(ascii: "h"), UInt8(ascii: "H"):
        Self.routingHeaders.contains(setting.name.lowercased())
      default: false
      }
    }
  }

  private static let routingHeaders: Set<String> = [":path", ":authority", ":method", ":scheme", "host"]
}
