// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import SwiftProtobuf

/// Applies a reply's changes to a header section as Envoy does, and keeps what it ignored.
struct HeaderMutator {
  let rules: EnvoyFilter.MutationRules
  /// A content-length that the reply sets is dropped, for the body may still change.
  var dropsContentLength = false
  /// With CONTINUE_AND_REPLACE, `:method` may always be set.
  var replacesMessage = false
  private(set) var warnings: [String] = []

  /// Envoy's own limits for a header section, its `max_headers_count` and `max_request_headers_kb`.
  static let (maxCount, maxBytes) = (100, 60 * 1_024)

  init(rules: EnvoyFilter.MutationRules, dropsContentLength: Bool = false) {
    self.rules = rules
    self.dropsContentLength = dropsContentLength
  }

  mutating func apply(
    _ mutation: Envoy_Service_ExtProc_V3_HeaderMutation, to fields: inout HTTPFields
  ) throws(ExchangeFailure) {
    guard max(mutation.removeHeaders.count, mutation.setHeaders.count) <= Self.maxCount else {
      throw .refused(
        "header_mutation_operation_count_exceeds_limit",
        "a header_mutation has more than \(Self.maxCount) headers to set or to remove; send fewer")
    }
    for name in mutation.removeHeaders { try remove(name, from: &fields) }
    for option in mutation.setHeaders where option.hasHeader { try set(option, in: &fields) }
    guard fields.all.count <= Self.maxCount, fields.byteCount <= Self.maxBytes else {
      throw .refused(
        "header_mutation_result_exceeds_limit",
        "there are \(fields.all.count) headers of \(fields.byteCount) bytes after the header_mutation, more than "
          + "\(Self.maxCount) or \(Self.maxBytes) bytes; set fewer")
    }
  }

  private mutating func remove(_ given: String, from fields: inout HTTPFields) throws(ExchangeFailure) {
    guard given.utf8.allSatisfy({ $0.isInHeaderNames }) else {
      throw .refused(
        "header_mutation_remove_contains_invalid_character",
        "the name of a header to remove, '\(given)', has a character that names cannot have")
    }
    let name = given.lowercased()
    if name.hasPrefix(":") || name == "host" { return try ignore("the removal of \(name)", "no rule allows that") }
    if let reason = reasonAgainst(name) { return try ignore("the removal of \(name)", reason) }
    fields.remove(name)
  }

  private mutating func set(
    _ option: Envoy_Config_Core_V3_HeaderValueOption, in fields: inout HTTPFields
  ) throws(ExchangeFailure) {
    let (given, bytes) = (option.header.key, option.header.rawValue)
    guard given.utf8.allSatisfy({ $0.isInHeaderNames }), bytes.allSatisfy({ $0.isInHeaderValues }) else {
      throw .refused(
        "header_mutation_set_contains_invalid_character",
        "the header '\(given)' has a character in its name or value that those cannot have")
    }
    if given.isEmpty { warnings.append("a header without a name was set, which servers and clients refuse") }
    if bytes.isEmpty, !option.header.value.isEmpty {
      warnings.append("the header \(given) became empty: its value is in `value`, which Envoy ignores; use `raw_value`")
    }
    let name = given.lowercased() == "host" ? ":authority" : given.lowercased()
    try set(name, String(decoding: bytes, as: UTF8.self), appends: option.append.value, in: &fields)
  }

  private mutating func set(
    _ name: String, _ value: String, appends: Bool, in fields: inout HTTPFields
  ) throws(ExchangeFailure) {
    if name == "content-length", dropsContentLength {
      return warnings.append("content-length was dropped: in this body mode the length is not known in advance")
    }
    let appends = appends && fields.contains(name)
    if !(replacesMessage && name == ":method") {
      if appends, name.hasPrefix(":") {
        return try ignore("a second \(name)", "it can have only one value", sets: true)
      }
      if let reason = reasonAgainst(name) ?? Self.reasonAgainst(name, value) {
        return try ignore("the new value of \(name)", reason, sets: true)
      }
    }
    if appends { fields.add(name, value) } else { fields.set(name, value) }
  }

  private mutating func ignore(_ change: String, _ reason: String, sets: Bool = false) throws(ExchangeFailure) {
    guard rules.disallowIsError else { return warnings.append("\(change) was ignored: \(reason)") }
    throw .refused(
      sets ? "header_mutation_set_headers_failed" : "header_mutation_remove_headers_failed",
      "\(change) is not allowed and the filter has disallow_is_error: \(reason)")
  }

  private func reasonAgainst(_ name: String) -> String? {
    if rules.disallowAll { return "the filter's mutation_rules have disallow_all" }
    if !rules.allowAllRouting, [":authority", "host", ":method", ":scheme"].contains(name) {
      return "the filter's mutation_rules have no allow_all_routing"
    }
    if rules.disallowSystem, name.hasPrefix(":") { return "the filter's mutation_rules have disallow_system" }
    if !rules.allowEnvoy, name.hasPrefix("x-envoy") { return "the filter's mutation_rules have no allow_envoy" }
    return nil
  }

  private static func reasonAgainst(_ name: String, _ value: String) -> String? {
    switch name {
    case ":status" where Int(value).map { $0 < 200 } ?? true: "'\(value)' is not a status of 200 or more"
    default: nil
    }
  }
}

extension UInt8 {
  /// Characters of a token, and the colon of a pseudo-header (RFC 9110, section 5.6.2).
  fileprivate var isInHeaderNames: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    default: ":!#$%&'*+-.^_`|~".utf8.contains(self)
    }
  }

  fileprivate var isInHeaderValues: Bool { self >= 0x20 && self != 0x7f || self == UInt8(ascii: "\t") }
}
