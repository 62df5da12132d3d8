// SPDX-License-Identifier: Apache-2.0

/// A JSON value that keeps what is often lost: the order of an object's members and the text of a number.
///
///     var request = try JSONValue(parsing: body)
///     request["model"] = "other"
///     request["stop"] = nil
///     let bytes = request.serialized()
///
/// Source: RFC 8259.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

extension JSONValue: Hashable {
  /// Strings are equal where their bytes are, not where Unicode has them equivalent.
  public static func == (a: JSONValue, b: JSONValue) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }

  public func hash(into hasher: inout Hasher) {
    switch self {
    case .null: hasher.combine(0)
    case .bool(let value): hasher.combine(value)
    case .number(let value): hasher.combine(value)
    case .string(let value): for byte in value.utf8 { hasher.combine(byte) }
    case .array(let value): hasher.combine(value)
    case .object(let value): hasher.combine(value)
    }
  }
}

/// A number as it was written, since no type of ours holds them all. Source: RFC 8259 §6.
public struct JSONNumber: Sendable, Hashable {
  /// Such as `1`, `-0.5` or `1e400`.
  public let text: String

  init(text: String) { self.text = text }

  public init(_ value: Int) { text = "\(value)" }

  /// Makes a number of a double; nil for infinity and what is not a number, which JSON has not.
  public init?(_ value: Double) {
    guard value.isFinite else { return nil }
    text = "\(value)"
  }

  /// It was written without a fraction and an exponent.
  public var isInteger: Bool { !text.contains { ".eE".contains($0) } }

  /// The integer, or nil where it was written as something else or does not fit.
  public var int: Int? { isInteger ? Int(text) : nil }

  /// The nearest double, infinite where the number is too large.
  public var double: Double { Double(text) ?? .nan }
}

extension JSONValue {
  public var isNull: Bool { self == .null }

  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  public var number: JSONNumber? {
    if case .number(let value) = self { value } else { nil }
  }

  public var int: Int? { number?.int }

  public var double: Double? { number?.double }

  public var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  public var array: [JSONValue]? {
    if case .array(let value) = self { value } else { nil }
  }

  public var object: JSONObject? {
    if case .object(let value) = self { value } else { nil }
  }

  /// A member of an object, or nil where there is none, or the value is no object.
  ///
  /// Setting a member makes an object of a value that was none; setting it to nil removes it.
  public subscript(name: String) -> JSONValue? {
    get { object?[name] }
    set {
      var object = object ?? JSONObject()
      object[name] = newValue
      self = .object(object)
    }
  }

  /// An element of an array, or nil where there is none, or the value is no array.
  public subscript(index: Int) -> JSONValue? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(nilLiteral: ()) { self = .null }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .number(JSONNumber(value)) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral members: (String, JSONValue)...) {
    var object = JSONObject()
    for (name, value) in members { object[name] = value }
    self = .object(object)
  }
}
