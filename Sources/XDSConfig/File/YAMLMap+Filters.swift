// SPDX-License-Identifier: Apache-2.0
internal import ConfigurationFile
internal import EnvoyAPI

extension YAMLMap {
  /// The settings of a callout's filter, with those of `filter` where the file says nothing.
  func filter(from filter: CalloutFilter) throws(ConfigurationFileError) -> CalloutFilter {
    switch filter {
    case .extProc(let filter): .extProc(try self.filter(from: filter))
    case .networkExtProc(let filter): .networkExtProc(try self.filter(from: filter))
    case .extAuthz(let filter): .extAuthz(try self.filter(from: filter))
    }
  }

  private func filter(from base: CalloutFilter.ExtProc) throws(ConfigurationFileError) -> CalloutFilter.ExtProc {
    var filter = base
    filter.processingMode = try processingMode(from: base.processingMode)
    if let value = self["message_timeout"] { filter.messageTimeout = try value.duration() }
    if let value = self["max_message_timeout"] { filter.maxMessageTimeout = try value.durationOrNone() }
    if let value = self["fail_open"] { filter.failOpen = try value.bool() }
    if let value = self["status_on_error"] { filter.statusOnError = try value.number(400...599) }
    if let value = self["request_attributes"] { filter.requestAttributes = try value.texts() }
    if let value = self["response_attributes"] { filter.responseAttributes = try value.texts() }
    if let value = self["forward_headers"] { filter.forwardedHeaders = try value.texts() }
    if let value = self["forward_metadata"] { filter.forwardedNamespaces = try value.texts() }
    if let value = self["accept_metadata"] { filter.acceptedNamespaces = try value.texts() }
    if let value = self["header_rules"] { filter.headerRules = try value.headerRules() }
    if let value = self["observe_only"] { filter.observabilityMode = try value.bool() }
    if let value = self["allow_mode_override"] { filter.allowModeOverride = try value.bool() }
    if let value = self["send_body_at_once"] { filter.sendsBodyAtOnce = try value.bool() }
    if let value = self["route_cache"] {
      filter.routeCache = try value.choice(["when_asked": .whenServerAsks, "clear": .clear, "retain": .retain])
    }
    return filter
  }

  private func filter(from base: CalloutFilter.NetworkExtProc) throws(ConfigurationFileError)
    -> CalloutFilter.NetworkExtProc
  {
    var filter = base
    if let value = self["read"] { filter.processesRead = try value.bool() }
    if let value = self["write"] { filter.processesWrite = try value.bool() }
    if let value = self["message_timeout"] { filter.messageTimeout = try value.duration() }
    if let value = self["fail_open"] { filter.failOpen = try value.bool() }
    if let value = self["forward_metadata"] { filter.forwardedNamespaces = try value.texts() }
    return filter
  }

  private func filter(from base: CalloutFilter.ExtAuthz) throws(ConfigurationFileError) -> CalloutFilter.ExtAuthz {
    var filter = base
    if let value = self["timeout"] { filter.timeout = try value.duration() }
    if let value = self["fail_open"] { filter.failOpen = try value.bool() }
    if let value = self["status_on_error"] { filter.statusOnError = try value.number(400...599) }
    if let value = self["max_body"] { filter.maxRequestBytes = try value.number(1...(.max)) }
    if let value = self["allow_partial_body"] { filter.allowPartialBody = try value.bool() }
    if let value = self["forward_headers"] { filter.forwardedHeaders = try value.texts() }
    if let value = self["forward_metadata"] { filter.forwardedNamespaces = try value.texts() }
    if let value = self["clear_route_cache"] { filter.clearRouteCache = try value.bool() }
    if let value = self["peer_certificate"] { filter.includePeerCertificate = try value.bool() }
    if let value = self["tls_session"] { filter.includeTLSSession = try value.bool() }
    return filter
  }
}

extension YAMLValue {
  fileprivate func headerRules() throws(ConfigurationFileError) -> CalloutFilter.ExtProc.HeaderRules {
    let map = try map(
      "'header_rules'",
      keys: ["routing", "envoy", "no_system", "none", "allow", "disallow", "forbidden_is_error"])
    var rules = CalloutFilter.ExtProc.HeaderRules()
    rules.allowAllRouting = try map["routing"]?.bool() ?? false
    rules.allowEnvoy = try map["envoy"]?.bool() ?? false
    rules.disallowSystem = try map["no_system"]?.bool() ?? false
    rules.disallowAll = try map["none"]?.bool() ?? false
    rules.allowExpression = try map["allow"]?.text()
    rules.disallowExpression = try map["disallow"]?.text()
    rules.disallowIsError = try map["forbidden_is_error"]?.bool() ?? false
    return rules
  }
}
