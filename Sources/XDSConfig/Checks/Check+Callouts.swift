// SPDX-License-Identifier: Apache-2.0
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf

extension ConfigurationCheck {
  /// Settings of a callout's filter, or of a route's for it.
  func settings(of configuration: Google_Protobuf_Any, _ place: String) -> [ConfigurationProblem] {
    if let filter: ExtProcMessage = configuration.unpacked() { return settings(of: filter, place) }
    if let filter: NetworkExtProcMessage = configuration.unpacked() { return settings(of: filter, place) }
    if let route: ExtProcRouteMessage = configuration.unpacked(), route.overrides.hasProcessingMode {
      return mode(route.overrides.processingMode, place)
    }
    if let route: FilterConfigMessage = configuration.unpacked() { return settings(of: route.config, place) }
    return []
  }

  private func settings(of filter: ExtProcMessage, _ place: String) -> [ConfigurationProblem] {
    var problems = mode(filter.processingMode, place)
    if filter.hasGrpcService == filter.hasHTTPService {
      problems.append(.init(.error, .contradiction, in: place, "it needs one of grpc_service and http_service"))
    }
    if filter.routeCacheAction != .default, filter.disableClearRouteCache {
      problems.append(
        .init(
          .error, .contradiction, in: place,
          "route_cache_action and disable_clear_route_cache exclude each other; leave the second out"))
    }
    if filter.observabilityMode {
      let modes = [filter.processingMode.requestBodyMode, filter.processingMode.responseBodyMode]
      if filter.allowModeOverride || modes.contains(.fullDuplexStreamed) {
        problems.append(
          .init(
            .error, .processingMode, in: place,
            "in observability mode nobody waits for answers; leave out allow_mode_override and FULL_DUPLEX_STREAMED"))
      }
    }
    problems += timeout(filter.hasMessageTimeout ? filter.messageTimeout : nil, "message_timeout", place)
    if filter.hasMaxMessageTimeout {
      problems += timeout(filter.maxMessageTimeout, "max_message_timeout", place)
      let usual = filter.hasMessageTimeout ? filter.messageTimeout : .init(seconds: 0, nanos: 200_000_000)
      if filter.maxMessageTimeout.isPositive, filter.maxMessageTimeout.nanoseconds < usual.nanoseconds {
        problems.append(
          .init(
            .error, .timeout, in: place, "max_message_timeout is less than message_timeout; make it at least as long"))
      }
    }
    return problems
  }

  private func settings(of filter: NetworkExtProcMessage, _ place: String) -> [ConfigurationProblem] {
    var problems = timeout(filter.hasMessageTimeout ? filter.messageTimeout : nil, "message_timeout", place)
    if !filter.hasGrpcService {
      problems.append(.init(.error, .contradiction, in: place, "it has no grpc_service; name the server's cluster"))
    }
    if filter.hasProcessingMode, filter.processingMode.processRead == .skip, filter.processingMode.processWrite == .skip
    {
      problems.append(
        .init(.error, .processingMode, in: place, "it sends neither direction; have it send one, or leave it out"))
    }
    return problems
  }

  private func mode(
    _ mode: Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode, _ place: String
  ) -> [ConfigurationProblem] {
    let directions = [
      ("request", mode.requestBodyMode, mode.requestTrailerMode),
      ("response", mode.responseBodyMode, mode.responseTrailerMode),
    ]
    return directions.compactMap { direction, body, trailers in
      guard body == .fullDuplexStreamed || body == .grpc, trailers != .send else { return nil }
      return .init(
        .error, .processingMode, in: place,
        "\(direction)_body_mode is full duplex, for which \(direction)_trailer_mode has to be SEND; set it")
    }
  }

  private func timeout(
    _ duration: Google_Protobuf_Duration?, _ name: String, _ place: String
  ) -> [ConfigurationProblem] {
    guard let duration, !(0...3_600_000_000_000).contains(duration.nanoseconds) else { return [] }
    return [.init(.error, .timeout, in: place, "\(name) has to be from 0 to an hour; it is \(duration.seconds) s")]
  }
}

extension Google_Protobuf_Duration {
  fileprivate var nanoseconds: Int64 { seconds * 1_000_000_000 + Int64(nanos) }
  fileprivate var isPositive: Bool { nanoseconds > 0 }
}
