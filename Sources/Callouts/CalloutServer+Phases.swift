// SPDX-License-Identifier: Apache-2.0

extension CalloutServer {
  /// The phases that the callout is to be asked about: what `configuration.phases` says, or what hooks are overridden
  /// for. Where neither is known these are headers, which is what Envoy sends by default.
  package func handledPhases(_ configuration: Configuration) -> Set<Phase> {
    configuration.phases ?? Set(Phase.allCases.filter { handles($0, configuration) })
  }

  private func handles(_ phase: Phase, _ configuration: Configuration) -> Bool {
    guard let hooks = overriddenHooks else { return phase == .requestHeaders || phase == .responseHeaders }
    if configuration.body(of: phase.direction).delivery == .stream {
      let stream: Hook = phase.direction == .request ? .requestStream : .responseStream
      if hooks.contains(stream) { return true }
    }
    // What `process` looks at cannot be seen.
    let isHeaders = phase == .requestHeaders || phase == .responseHeaders
    return !hooks.isDisjoint(with: Self.hooks[phase] ?? []) || (isHeaders && hooks.contains(.process))
  }

  private static let hooks: [Phase: Set<Hook>] = [
    .requestHeaders: [.requestHeaders], .responseHeaders: [.responseHeaders],
    .requestBody: [.requestBody, .body], .responseBody: [.responseBody, .body],
    .requestTrailers: [.requestTrailers], .responseTrailers: [.responseTrailers],
  ]
}
