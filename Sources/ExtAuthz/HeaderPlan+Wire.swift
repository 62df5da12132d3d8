// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
internal import SwiftProtobuf

// As seen with Envoy 1.36 to 1.40, which all do the same: they read `value` and take `raw_value` for nothing. Of a
// request's headers they read `append` alone, `append_action` has no effect; and what is to be appended is dropped where
// the header is missing. Of a response's headers they read `append_action`, unless there is an `append`. Of a denial's
// headers they add each one, also the second of a name, but drop those with `append`.
// Source: envoy.config.core.v3.HeaderValueOption.

typealias HeaderOption = Envoy_Config_Core_V3_HeaderValueOption

extension HeaderPlan {
  /// The headers of a request to set and to remove, where `headers` is what it has.
  static func forRequest(
    _ mutation: HeaderMutation, having headers: HTTPHeaders
  ) throws(CalloutError) -> (set: [HeaderOption], remove: [String]) {
    var (set, remove): ([HeaderOption], [String]) = ([], [])
    for plan in try plans(mutation, isPresent: { headers.contains($0) }) {
      switch plan.outcome {
      case .removed: remove.append(plan.name)
      case .replaced(let values):
        try plan.checkSingle(values.count)
        for (index, value) in values.enumerated() { set.append(plan.requestOption(value, appends: index > 0)) }
      case .appended(let values):
        try plan.checkSingle(values.count + 1)
        for value in values { set.append(plan.requestOption(value, appends: true)) }
      case .untouched, .addedIfAbsent, .replacedIfPresent: break
      }
    }
    return (set, remove)
  }

  /// The headers of the upstream's response to add or to set.
  static func forResponse(_ mutation: HeaderMutation) throws(CalloutError) -> [HeaderOption] {
    var options: [HeaderOption] = []
    for plan in try plans(mutation, isPresent: { _ in nil }) {
      switch plan.outcome {
      case .untouched: break
      case .removed: throw .illegal("ext_authz cannot remove the response's header '\(plan.name)'")
      case .appended(let values): for value in values { options.append(plan.option(value, .appendIfExistsOrAdd)) }
      case .replaced(let values):
        guard values.count == 1 || plan.name != "set-cookie" else {
          throw .illegal("ext_authz cannot set 'set-cookie' to several values: append them")
        }
        // Envoy appends first and sets then, so that all values are set as one (RFC 9110 §5.2).
        options.append(plan.option(values.joined(separator: ", "), .overwriteIfExistsOrAdd))
      case .addedIfAbsent(let value): options.append(plan.option(value, .addIfAbsent))
      case .replacedIfPresent(let value): options.append(plan.option(value, .overwriteIfExists))
      }
    }
    return options
  }

  /// The headers of an answer that the proxy makes.
  static func forAnswer(_ mutation: HeaderMutation) throws(CalloutError) -> [HeaderOption] {
    var options: [HeaderOption] = []
    for plan in try plans(mutation, isPresent: { _ in false }) {
      guard case .replaced(let values) = plan.outcome else { continue }
      for value in values { options.append(plan.option(value, .appendIfExistsOrAdd)) }
    }
    return options
  }

  private func requestOption(_ value: String, appends: Bool) -> HeaderOption {
    var option = option(value, appends ? .appendIfExistsOrAdd : .overwriteIfExistsOrAdd)
    option.append.value = appends
    return option
  }

  private func option(_ value: String, _ action: HeaderOption.HeaderAppendAction) -> HeaderOption {
    var option = HeaderOption()
    option.header.key = name
    option.header.value = value
    option.appendAction = action
    return option
  }

  /// Envoy would make a list of the values, `GET,POST` as a method.
  private func checkSingle(_ count: Int) throws(CalloutError) {
    guard count > 1, name.hasPrefix(":") || name == "host" else { return }
    throw .illegal("'\(name)' can have only one value: set it")
  }
}
