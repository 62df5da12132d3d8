// SPDX-License-Identifier: Apache-2.0
internal import CalloutTransport
internal import EnvoyAPI
internal import EnvoyConfigAPI
internal import SwiftProtobuf
internal import XDS

extension ConfigurationCheck {
  /// The clusters of callouts speak HTTP/2 and take as many calls as there are requests.
  func calloutClusters(_ decoded: DecodedResources) -> [ConfigurationProblem] {
    let names = Set(decoded.filters.compactMap { Self.calloutCluster(of: $0.configuration) })
    return decoded.clusters.filter { names.contains($0.name) }.flatMap { cluster in
      var problems: [ConfigurationProblem] = []
      let place = "Cluster '\(cluster.name)'"
      if !cluster.speaksHTTP2 {
        problems.append(
          .init(
            .error, .protocolOptions, in: place, "gRPC needs HTTP/2; set http2_protocol_options in its HTTP options"))
      }
      let limits = cluster.circuitBreakers.thresholds.first { $0.priority == .default }
      let most = limits.flatMap { $0.hasMaxRequests ? Int($0.maxRequests.value) : nil } ?? 1_024
      if most < expectedConcurrency {
        problems.append(
          .init(
            .warning, .circuitBreaker, in: place,
            "it takes \(most) calls at once, and each request is one: beyond that requests fail; "
              + "raise circuit_breakers.max_requests to \(expectedConcurrency) or more"))
      }
      return problems
    }
  }

  /// The cluster of a callout's filter, or of a route's for it.
  private static func calloutCluster(of configuration: Google_Protobuf_Any) -> String? {
    if let filter: ExtProcMessage = configuration.unpacked() { return filter.grpcService.envoyGrpc.clusterName }
    if let filter: NetworkExtProcMessage = configuration.unpacked() { return filter.grpcService.envoyGrpc.clusterName }
    if let filter: ExtAuthzMessage = configuration.unpacked() { return filter.grpcService.envoyGrpc.clusterName }
    if let route: ExtProcRouteMessage = configuration.unpacked() {
      return route.overrides.grpcService.envoyGrpc.clusterName
    }
    return nil
  }

  /// A certificate and the key beside it belong together; those in files are on another machine.
  func certificates(_ decoded: DecodedResources) -> [ConfigurationProblem] {
    decoded.secrets.compactMap { secret in
      guard case .tlsCertificate(let certificate) = secret.type, let chain = certificate.certificateChain.inlined,
        let key = certificate.privateKey.inlined
      else { return nil }
      do throws(TLSError) {
        _ = try TLSContext(serverIdentity: TLSIdentity(certificateChain: chain, privateKey: key), protocols: [])
        return nil
      } catch {
        let reason =
          error.code == .privateKeyMismatch
          ? "the key does not belong to the certificate; give its own"
          : "its certificate or key cannot be used: give both as PEM, the key unencrypted"
        return .init(.error, .certificate, in: "Secret '\(secret.name)'", reason)
      }
    }
  }
}

extension ClusterMessage {
  fileprivate var speaksHTTP2: Bool {
    let any = typedExtensionProtocolOptions[HTTPProtocolOptionsMessage.protoMessageName]
    guard let options: HTTPProtocolOptionsMessage = any?.unpacked() else { return false }
    guard case .explicitHTTPConfig(let explicit) = options.upstreamProtocolOptions else { return false }
    if case .http2ProtocolOptions = explicit.protocolConfig { return true }
    return false
  }
}

extension DataSourceMessage {
  fileprivate var inlined: [UInt8]? {
    switch specifier {
    case .inlineString(let text): Array(text.utf8)
    case .inlineBytes(let bytes): Array(bytes)
    case .filename, .environmentVariable, nil: nil
    }
  }
}
