// SPDX-License-Identifier: Apache-2.0

extension HTTPHeaders {
  /// Whether one of the values of a header is this one; the header's name may be in any case.
  public func contains(_ name: String, value: String) -> Bool { values(of: name).contains(value) }

  /// The cookies of a request by name, the first where a name comes twice. Source: RFC 6265 §4.2.
  public var cookies: [String: String] {
    var cookies: [String: String] = [:]
    for field in values(of: "cookie") {
      for pair in field.split(separator: ";") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { continue }
        let name = Self.trimmed(parts[0])
        guard !name.isEmpty, cookies[name] == nil else { continue }
        cookies[name] = Self.unquoted(Self.trimmed(parts[1]))
      }
    }
    return cookies
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return String(text)
  }

  private static func unquoted(_ value: String) -> String {
    guard value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") else { return value }
    return String(value.dropFirst().dropLast())
  }
}
