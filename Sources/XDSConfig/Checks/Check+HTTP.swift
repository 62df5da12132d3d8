// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf

extension ConfigurationCheck {
  /// Each domain of a route configuration is one host's.
  func domains(_ decoded: DecodedResources) -> [ConfigurationProblem] {
    decoded.routes.flatMap { place, configuration in
      var owners: [String: String] = [:]
      return configuration.virtualHosts.flatMap { host in
        host.domains.compactMap { domain -> ConfigurationProblem? in
          guard let owner = owners.updateValue(host.name, forKey: domain.lowercased()) else { return nil }
          return .init(
            .error, .duplicateDomain, in: place,
            "the domain '\(domain)' is there twice, in the hosts '\(owner)' and '\(host.name)'; keep one")
        }
      }
    }
  }

  /// Where bodies are buffered there is room for them.
  func bufferLimits(_ decoded: DecodedResources) -> [ConfigurationProblem] {
    decoded.managers.compactMap { place, listener, manager in
      let limit = listener.hasPerConnectionBufferLimitBytes ? listener.perConnectionBufferLimitBytes.value : 1 << 20
      let buffers = manager.httpFilters.contains { filter in
        switch filter.configType {
        case .typedConfig(let configuration): Self.buffersBodies(configuration)
        case .configDiscovery: decoded.extensions[filter.name].map(Self.buffersBodies) ?? false
        case nil: false
        }
      }
      guard buffers, limit <= 64 << 10 else { return nil }
      return .init(
        .warning, .bufferLimit, in: place,
        "a callout gets bodies BUFFERED, and those over \(limit) bytes are refused with 413; "
          + "raise per_connection_buffer_limit_bytes, or send bodies STREAMED")
    }
  }

  private static func buffersBodies(_ configuration: Google_Protobuf_Any) -> Bool {
    guard let filter: ExtProcMessage = configuration.unpacked() else { return false }
    return filter.processingMode.requestBodyMode == .buffered || filter.processingMode.responseBodyMode == .buffered
  }
}

extension ProxyConfiguration {
  /// What callouts are sent is what their hooks are for.
  func unusedHooks() -> [ConfigurationProblem] {
    callouts.flatMap { callout -> [ConfigurationProblem] in
      guard case .extProc(let filter) = callout.filter, let handled = filter.handledMode, !filter.allowModeOverride
      else {
        return []
      }
      let place = "callout '\(callout.name)'"
      return filter.processingMode.parts.compactMap { part, isSent in
        guard let isHandled = handled.parts[part], isHandled != isSent else { return nil }
        return .init(
          .warning, .unusedHook, in: place,
          isSent
            ? "it is sent the \(part), which no hook of it is for; turn that off"
            : "its hook for the \(part) is never asked; have the \(part) sent")
      }.sorted { $0.text < $1.text }
    }
  }
}

extension Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode {
  /// Whether each part of an exchange is sent.
  fileprivate var parts: [String: Bool] {
    [
      "request headers": requestHeaderMode != .skip, "response headers": responseHeaderMode != .skip,
      "request body": requestBodyMode != .none, "response body": responseBodyMode != .none,
      // Full duplex needs trailers, hook or no hook.
      "request trailers": requestTrailerMode == .send && requestBodyMode != .fullDuplexStreamed,
      "response trailers": responseTrailerMode == .send && responseBodyMode != .fullDuplexStreamed,
    ]
  }
}
