// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import ExtAuthz
internal import NIOCore
internal import SwiftProtobuf

extension AuthorizationState {
  mutating func handle(ok response: Envoy_Service_Auth_V3_OkHttpResponse) throws(ExchangeFailure) {
    try checkLegal(response)
    if response.headers.contains(where: { $0.header.key.isEmpty }) {
      exchange.warnings.append("a header without a name was set, which servers refuse")
    }
    for option in response.headers where option.header.value.isEmpty && !option.header.rawValue.isEmpty {
      warn(option.header.key, "its value is in `raw_value`, which Envoy ignores, so that it is empty; use `value`")
    }
    // Envoy sets first, appends then, and removes last.
    for option in response.headers where !option.append.value { section.set(name(of: option), option.header.value) }
    for option in response.headers where option.append.value { append(option) }
    for name in response.headersToRemove { remove(name.lowercased()) }
    guard section.all.count <= HeaderMutator.maxCount, section.byteCount <= HeaderMutator.maxBytes else {
      throw invalid("there are \(section.all.count) headers of \(section.byteCount) bytes, more than Envoy takes")
    }
    changeQuery(response)
    responseChanges = response.responseHeadersToAdd
    pass()
  }

  private func checkLegal(_ response: Envoy_Service_Auth_V3_OkHttpResponse) throws(ExchangeFailure) {
    for option in response.headers + (filter.validateMutations ? response.responseHeadersToAdd : [])
    where !isLegal(option.header.key, option.header.value) {
      let reason = "the header '\(option.header.key)' has a character that it cannot have"
      throw filter.validateMutations
        ? invalid(reason) : ExchangeFailure(503, "filter_removed_required_request_headers", reason)
    }
    for parameter in response.queryParametersToSet
    where filter.validateMutations && parameter.value.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7f }) {
      throw invalid("the query parameter '\(parameter.key)' is not percent-encoded")
    }
  }

  private func name(of option: Option) -> String {
    let name = option.header.key.lowercased()
    return name == "host" ? ":authority" : name
  }

  private mutating func append(_ option: Option) {
    let name = name(of: option)
    guard let index = section.all.firstIndex(where: { $0.name == name }) else {
      return warn(name, "it has `append`, but the request has no such header; set it")
    }
    section.all[index].value += ",\(option.header.value)"
  }

  private mutating func remove(_ name: String) {
    if name.hasPrefix(":") || name == "host" { return warn(name, "Envoy never removes it") }
    section.remove(name)
  }

  /// Source: Envoy's QueryParamsMulti, which compares names as they are written, and sorts by them.
  private mutating func changeQuery(_ response: Envoy_Service_Auth_V3_OkHttpResponse) {
    guard !response.queryParametersToSet.isEmpty || !response.queryParametersToRemove.isEmpty else { return }
    let path = section[":path"] ?? ""
    let parts = path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    var parameters: [String: [String]] = [:]
    for parameter in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
      let pair = parameter.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      parameters[String(pair[0]), default: []].append(pair.count > 1 ? String(pair[1]) : "")
    }
    for parameter in response.queryParametersToSet { parameters[parameter.key] = [parameter.value] }
    for name in response.queryParametersToRemove { parameters[name] = nil }
    let query = parameters.sorted { $0.key < $1.key }.flatMap { name, values in values.map { "\(name)=\($0)" } }
    section.set(":path", String(parts[0]) + (query.isEmpty ? "" : "?" + query.joined(separator: "&")))
  }

  /// The upstream answers, and the client gets that with the server's headers.
  mutating func receive(_ response: HTTPResponse) {
    var fields = HTTPFields(section: response)
    // Envoy goes through them once for each kind, whatever their order.
    for option in responseChanges where kind(of: option) == .appendIfExistsOrAdd {
      fields.add(name(of: option), option.header.value)
    }
    for option in responseChanges where kind(of: option) == .overwriteIfExistsOrAdd {
      fields.set(name(of: option), option.header.value)
    }
    for option in responseChanges where kind(of: option) == .addIfAbsent && !fields.contains(name(of: option)) {
      fields.add(name(of: option), option.header.value)
    }
    for option in responseChanges where kind(of: option) == .overwriteIfExists && fields.contains(name(of: option)) {
      fields.set(name(of: option), option.header.value)
    }
    exchange.response = HTTPResponse(
      section: fields, body: response.body, hasBody: response.body.readableBytes > 0, trailers: response.trailers)
  }

  /// `append` where it is there, else `append_action`.
  private func kind(of option: Option) -> Option.HeaderAppendAction {
    guard option.hasAppend else { return option.appendAction }
    return option.append.value ? .appendIfExistsOrAdd : .overwriteIfExistsOrAdd
  }
}
