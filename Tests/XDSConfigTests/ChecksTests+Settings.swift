// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import EnvoyConfigAPI
import SwiftProtobuf
import XDS
import XDSConfig

extension ChecksTests {
  static let settings = [
    Case(
      "V5: no server", .contradiction, bad: Resource(.filter("f", ExtProc())),
      good: Resource(.filter("f", extProc("c")))),
    Case(
      "V5: two servers", .contradiction, bad: filter { $0.httpService = .init() }, good: filter { _ in }),
    Case(
      "V6: route_cache_action beside disable_clear_route_cache", .contradiction,
      bad: filter {
        $0.routeCacheAction = .retain
        $0.disableClearRouteCache = true
      }, good: filter { $0.disableClearRouteCache = true }),
    Case(
      "V7: full duplex without trailers", .processingMode,
      bad: filter { $0.processingMode.requestBodyMode = .fullDuplexStreamed },
      good: filter {
        $0.processingMode.requestBodyMode = .fullDuplexStreamed
        $0.processingMode.requestTrailerMode = .send
      }),
    Case(
      "V7: full duplex of a route without trailers", .processingMode,
      bad: route { $0.responseBodyMode = .fullDuplexStreamed },
      good: route {
        $0.responseBodyMode = .fullDuplexStreamed
        $0.responseTrailerMode = .send
      }),
    Case(
      "V7: observability with mode overrides", .processingMode,
      bad: filter {
        $0.observabilityMode = true
        $0.allowModeOverride = true
      }, good: filter { $0.observabilityMode = true }),
    Case(
      "V7: network ext_proc of neither direction", .processingMode,
      bad: network {
        $0.processingMode.processRead = .skip
        $0.processingMode.processWrite = .skip
      }, good: network { $0.processingMode.processRead = .skip }),
    Case(
      "V8: over an hour", .timeout, bad: filter { $0.messageTimeout = .init(seconds: 3_601) },
      good: filter { $0.messageTimeout = .init(seconds: 3_600) }),
    Case(
      "V8: over an hour for connections", .timeout, bad: network { $0.messageTimeout = .init(seconds: 3_601) },
      good: network { $0.messageTimeout = .init(seconds: 3_600) }),
    Case(
      "V8: less than usual", .timeout, bad: filter { $0.maxMessageTimeout = .init(nanos: 100_000_000) },
      good: filter { $0.maxMessageTimeout = .init(nanos: 200_000_000) }),
    Case(
      "V14: BUFFERED with little room", .bufferLimit, .warning,
      bad: Resource(listener(.buffered, limit: 32 << 10)), good: Resource(listener(.buffered, limit: 1 << 20)),
      Resource(listener(.streamed, limit: 32 << 10, name: "m"))),
  ]

  static let servers = [
    Case(
      "V9: too few calls at once", .circuitBreaker, .warning, bad: Resource(.filter("f", extProc("c"))),
      Resource(cluster(requests: 1_024)), good: Resource(.filter("f", extProc("c"))),
      Resource(cluster(requests: 10_000))),
    Case(
      "V9: Envoy's own limit", .circuitBreaker, .warning, bad: Resource(.filter("f", extProc("c"))),
      Resource(cluster(requests: nil)), good: Resource(cluster(requests: nil))),
    Case(
      "V10: a gRPC server without HTTP/2", .protocolOptions, bad: Resource(.filter("f", extProc("c"))), Resource(plain),
      good: Resource(.filter("f", extProc("c"))), Resource(cluster(requests: nil))),
    Case(
      "V10: a route's gRPC server without HTTP/2", .protocolOptions,
      bad: Resource(
        RouteConfigurationMessage.with {
          $0.typedPerFilterConfig["f"] = .packed(
            Envoy_Extensions_Filters_Http_ExtProc_V3_ExtProcPerRoute.with {
              $0.overrides.grpcService.envoyGrpc.clusterName = "c"
            })
        }), Resource(plain), good: Resource(plain)),
  ]

  private static func filter(_ set: (inout ExtProc) -> Void) -> Resource { Resource(.filter("f", extProc("c", set))) }

  private static func network(_ set: (inout NetworkExtProc) -> Void) -> Resource {
    Resource(
      .filter(
        "f",
        NetworkExtProc.with {
          $0.grpcService.envoyGrpc.clusterName = "c"
          set(&$0)
        }))
  }

  private static func route(
    _ set: (inout Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode) -> Void
  ) -> Resource {
    Resource(
      RouteConfigurationMessage.with {
        $0.typedPerFilterConfig["f"] = .packed(
          Envoy_Extensions_Filters_Http_ExtProc_V3_ExtProcPerRoute.with { set(&$0.overrides.processingMode) })
      })
  }

  private static func listener(
    _ mode: Envoy_Extensions_Filters_Http_ExtProc_V3_ProcessingMode.BodySendMode, limit: UInt32, name: String = "l"
  ) -> ListenerMessage {
    var listener = ListenerMessage.http(
      name, .srds, [.typed("f", extProc("c") { $0.processingMode.requestBodyMode = mode })])
    listener.perConnectionBufferLimitBytes = .init(limit)
    return listener
  }

  private static func cluster(requests: UInt32?) -> ClusterMessage {
    .with {
      $0.name = "c"
      let options = Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions.with {
        $0.explicitHTTPConfig.http2ProtocolOptions = .init()
      }
      $0.typedExtensionProtocolOptions["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"] = .packed(options)
      if let requests { $0.circuitBreakers.thresholds = [.with { $0.maxRequests = .init(requests) }] }
    }
  }
}
