// SPDX-License-Identifier: Apache-2.0
internal import CalloutJSON
internal import Logging

extension Logger.MetadataValue {
  /// The value as JSON: numbers and booleans where they were logged as such, not as text.
  var json: JSONValue {
    switch self {
    case .string(let text): .string(text)
    case .stringConvertible(let value): Self.json(value)
    case .array(let values): .array(values.map(\.json))
    case .dictionary(let values):
      .object(
        values.sorted { $0.key < $1.key }.reduce(into: JSONObject()) { object, member in
          object[member.key] = member.value.json
        })
    }
  }

  private static func json(_ value: any CustomStringConvertible & Sendable) -> JSONValue {
    switch value {
    case let value as Bool: .bool(value)
    case let value as any BinaryInteger: Int(exactly: value).map { .number(JSONNumber($0)) } ?? .string("\(value)")
    case let value as Double: JSONNumber(value).map { .number($0) } ?? .string("\(value)")
    default: .string(value.description)
    }
  }
}
