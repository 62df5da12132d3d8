// SPDX-License-Identifier: Apache-2.0

/// A cookie for the client to keep, as a `set-cookie` header has it. Source: RFC 6265 §4.1.
public struct SetCookie: Sendable, Hashable {
  public enum SameSite: String, Sendable {
    case strict = "Strict"
    case lax = "Lax"
    case none = "None"
  }

  public var name: String
  public var value: String
  /// Seconds that the client keeps it, or nil until it is closed; 0 has it forgotten.
  public var maxAge: Int?
  public var domain: String?
  public var path: String?
  /// It is sent over TLS only.
  public var isSecure: Bool
  /// Scripts do not see it.
  public var isHTTPOnly: Bool
  public var sameSite: SameSite?

  public init(
    _ name: String, _ value: String, maxAge: Int? = nil, domain: String? = nil, path: String? = nil,
    isSecure: Bool = false, isHTTPOnly: Bool = false, sameSite: SameSite? = nil
  ) {
    self.name = name
    self.value = value
    self.maxAge = maxAge
    self.domain = domain
    self.path = path
    self.isSecure = isSecure
    self.isHTTPOnly = isHTTPOnly
    self.sameSite = sameSite
  }

  /// Has the client forget a cookie; domain and path are those it was set with.
  public static func removing(_ name: String, domain: String? = nil, path: String? = nil) -> SetCookie {
    SetCookie(name, "", maxAge: 0, domain: domain, path: path)
  }

  /// The header's value.
  ///
  /// Throws a `CalloutError` where the name is no token, or another part has characters that would end it.
  public func headerValue() throws(CalloutError) -> String {
    guard HeaderMutation.isToken(name) else { throw .illegal("'\(name)' is no name of a cookie") }
    for part in [value, domain ?? "", path ?? ""] {
      guard part.utf8.allSatisfy({ (0x20..<0x7f).contains($0) && $0 != UInt8(ascii: ";") }) else {
        throw .illegal("a part of cookie '\(name)' has a control character, a semicolon or no ASCII")
      }
    }
    var parts = ["\(name)=\(value)"]
    if let maxAge { parts.append("Max-Age=\(maxAge)") }
    if let domain { parts.append("Domain=\(domain)") }
    if let path { parts.append("Path=\(path)") }
    if isSecure { parts.append("Secure") }
    if isHTTPOnly { parts.append("HttpOnly") }
    if let sameSite { parts.append("SameSite=\(sameSite.rawValue)") }
    return parts.joined(separator: "; ")
  }
}

extension HeaderMutation {
  /// Adds a cookie to a response, beside those that it sets already; throws where the cookie is malformed.
  public mutating func setCookie(_ cookie: SetCookie) throws(CalloutError) {
    append("set-cookie", try cookie.headerValue())
  }
}
