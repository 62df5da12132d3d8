// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC

/// Which calls a route is for, in the form in which calls are compared.
struct RouteMatcher: Sendable {
  private let authority: Authority?
  private let service: Service?
  private let method: String?
  private let metadata: [(name: String, value: String?)]

  private struct Authority {
    /// In lower case; of all hosts below one, it begins with a dot.
    var text: String
    var hasPort: Bool
    var isSuffix: Bool
  }

  private enum Service {
    case exactly(String)
    /// Services whose names begin with it; it ends with a dot.
    case inPackage(String)
  }

  init(_ match: GRPCRoute.Match) {
    authority = match.authority.map { text in
      let text = text.lowercased()
      let isSuffix = text.hasPrefix("*.")
      return Authority(
        text: isSuffix ? String(text.dropFirst()) : text, hasPort: Self.host(of: text) != text, isSuffix: isSuffix)
    }
    service = match.service.map { $0.hasSuffix(".*") ? .inPackage(String($0.dropLast())) : .exactly($0) }
    method = match.method
    metadata = match.metadata.map { ($0.key, $0.value) }
  }

  func matches(_ call: IncomingCall) -> Bool {
    if let method, call.method != method { return false }
    if let service, !Self.matches(call.service, service) { return false }
    if let authority, !Self.matches(call.authority.lowercased(), authority) { return false }
    guard !metadata.isEmpty else { return true }
    let received = call.metadata
    return metadata.allSatisfy { name, value in
      guard let value else { return !received.strings(name).isEmpty || !received.binaries(name).isEmpty }
      return received.strings(name).contains(value)
    }
  }

  private static func matches(_ name: Substring, _ service: Service) -> Bool {
    switch service {
    case .exactly(let expected): name == expected
    case .inPackage(let prefix): name.hasPrefix(prefix)
    }
  }

  private static func matches(_ name: String, _ authority: Authority) -> Bool {
    let name = authority.hasPort ? name : host(of: name)
    return authority.isSuffix ? name.hasSuffix(authority.text) : name == authority.text
  }

  /// The authority without its port; brackets of an IPv6 address stay.
  private static func host(of authority: String) -> String {
    guard let colon = authority.lastIndex(of: ":"), authority[colon...].dropFirst().allSatisfy(\.isNumber),
      !authority[..<colon].contains(":") || authority[..<colon].hasSuffix("]")
    else { return authority }
    return String(authority[..<colon])
  }
}

extension RouteMatcher {
  /// Whether it matches every call that another one matches.
  func covers(_ other: RouteMatcher) -> Bool {
    if let method, other.method != method { return false }
    if let service, !(other.service.map { Self.covers(service, $0) } ?? false) { return false }
    if let authority, !(other.authority.map { Self.covers(authority, $0) } ?? false) { return false }
    return metadata.allSatisfy { name, value in
      other.metadata.contains { $0.name == name && (value == nil || $0.value == value) }
    }
  }

  private static func covers(_ service: Service, _ other: Service) -> Bool {
    switch other {
    case .exactly(let name): matches(name[...], service)
    case .inPackage(let prefix):
      if case .inPackage(let wider) = service { prefix.hasPrefix(wider) } else { false }
    }
  }

  private static func covers(_ authority: Authority, _ other: Authority) -> Bool {
    // The text that stands for all hosts below one ends as each of them does.
    (authority.isSuffix || !other.isSuffix) && matches(other.text, authority)
  }
}
