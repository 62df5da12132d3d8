// SPDX-License-Identifier: Apache-2.0
import CalloutJSON
import CalloutJWT

/// What filter_config says. What is not understood is refused: a mistake in it must not let tokens pass.
struct Options {
  let keyFile: String
  let format: JWTKeyFile.Format
  let audience: String?
  let issuer: String?
  let leeway: Int

  private static let formats: [(name: String, format: JWTKeyFile.Format)] = [
    ("public_key", .publicKey), ("secret", .secret), ("jwks", .jwks),
  ]

  /// - Parameter text: JSON, or nothing.
  init(_ text: String) throws {
    guard let members = text.isEmpty ? JSONObject() : try? JSONValue(parsing: text).object else {
      throw Problem("is no JSON object")
    }
    let names = Self.formats.map(\.name) + ["audience", "issuer", "leeway"]
    if let unknown = members.first(where: { !names.contains($0.name) }) {
      throw Problem("has no member '\(unknown.name)', but \(names.joined(separator: ", "))")
    }
    let keys = Self.formats.filter { members[$0.name] != nil }
    guard let key = keys.first else { throw Problem("has none of 'public_key', 'secret' and 'jwks'") }
    guard keys.count == 1 else { throw Problem("has both '\(key.name)' and '\(keys[1].name)': give one") }
    keyFile = try Self.string(key.name, members) ?? ""
    format = key.format
    audience = try Self.string("audience", members)
    issuer = try Self.string("issuer", members)
    guard let leeway = members["leeway"].map(\.int) ?? 0 else {
      throw Problem("has 'leeway', which is to be a whole number")
    }
    self.leeway = leeway
  }

  private static func string(_ name: String, _ members: JSONObject) throws -> String? {
    guard let value = members[name] else { return nil }
    guard let string = value.string else { throw Problem("has '\(name)', which is to be a string") }
    return string
  }

  struct Problem: Error, CustomStringConvertible {
    let description: String

    init(_ problem: String) { description = "filter_config \(problem)" }
  }
}
