// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import EnvoyAPI
public import XDSConfig

extension CalloutServer {
  /// What Envoy's filter has to be like for this callout: it is sent what hooks are overridden for, or what
  /// `configuration.phases` says.
  public var calloutFilter: CalloutFilter {
    let configuration = configuration
    var filter = CalloutFilter.ExtProc()
    filter.processingMode = processingMode(configuration)
    filter.handledMode = configuration.phases == nil && overriddenHooks == nil ? nil : filter.processingMode
    filter.requestAttributes = configuration.requestAttributes
    filter.responseAttributes = configuration.responseAttributes
    filter.messageTimeout = configuration.messageTimeout
    filter.allowModeOverride = configuration.allowModeOverride
    filter.headerRules.allowAllRouting = configuration.mutationRules.allowAllRouting
    filter.headerRules.allowEnvoy = configuration.mutationRules.allowEnvoy
    return .extProc(filter)
  }

  private typealias Mode = Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode

  private func processingMode(_ configuration: Configuration) -> Mode {
    let phases = handledPhases(configuration)
    var mode = Mode()
    mode.requestHeaderMode = phases.contains(.requestHeaders) ? .send : .skip
    mode.responseHeaderMode = phases.contains(.responseHeaders) ? .send : .skip
    mode.requestBodyMode = phases.contains(.requestBody) ? configuration.requestBody.mode : .none
    mode.responseBodyMode = phases.contains(.responseBody) ? configuration.responseBody.mode : .none
    mode.requestTrailerMode =
      phases.contains(.requestTrailers) || mode.requestBodyMode == .fullDuplexStreamed ? .send : .skip
    mode.responseTrailerMode =
      phases.contains(.responseTrailers) || mode.responseBodyMode == .fullDuplexStreamed ? .send : .skip
    return mode
  }
}

extension BodyHandling {
  /// The mode in which Envoy gives a body as the hooks want it.
  fileprivate var mode: Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode.BodySendMode {
    switch delivery {
    case .chunks: .streamed
    case .whole: .buffered
    case .stream: .fullDuplexStreamed
    }
  }
}
