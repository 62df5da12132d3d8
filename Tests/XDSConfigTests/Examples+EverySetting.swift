// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import SwiftProtobuf
import XDSConfig

extension Examples {
  /// Callouts of each kind with all their settings, on and off, with what routes can say of them.
  static var everySetting: ProxyConfiguration {
    var extProc = CalloutFilter.ExtProc {
      $0.requestBodyMode = .fullDuplexStreamed
      $0.requestTrailerMode = .send
      $0.responseBodyMode = .buffered
    }
    extProc.requestAttributes = ["request.path"]
    extProc.responseAttributes = ["response.code"]
    extProc.messageTimeout = .milliseconds(1_500)
    extProc.maxMessageTimeout = .seconds(10)
    extProc.failOpen = true
    extProc.statusOnError = 503
    extProc.headerRules.allowAllRouting = true
    extProc.headerRules.allowEnvoy = true
    extProc.headerRules.disallowSystem = true
    extProc.headerRules.disallowAll = true
    extProc.headerRules.allowExpression = "x-a.*"
    extProc.headerRules.disallowExpression = "x-b.*"
    extProc.headerRules.disallowIsError = true
    extProc.forwardedHeaders = [":path", "x-*"]
    extProc.allowModeOverride = true
    extProc.allowedOverrideModes = [.with { $0.responseBodyMode = .streamed }]
    extProc.forwardedNamespaces = ["a"]
    extProc.acceptedNamespaces = ["b"]
    extProc.routeCache = .retain
    extProc.disableImmediateResponse = true
    extProc.sendsBodyAtOnce = true

    var observer = CalloutFilter.ExtProc()
    observer.observabilityMode = true
    observer.routeCache = .clear

    var authorization = CalloutFilter.ExtAuthz()
    authorization.timeout = .seconds(1)
    authorization.failOpen = true
    authorization.statusOnError = 401
    authorization.maxRequestBytes = 1_000
    authorization.allowPartialBody = true
    authorization.forwardedHeaders = ["x-*"]
    authorization.clearRouteCache = true
    authorization.forwardedNamespaces = ["a"]
    authorization.includePeerCertificate = true
    authorization.includeTLSSession = true

    var network = CalloutFilter.NetworkExtProc()
    network.processesWrite = false
    network.failOpen = true
    network.forwardedNamespaces = ["a"]

    let server = CalloutServerLocation([.unix("/run/callout.sock")])
    var route = ProxyConfiguration.Route(.regex("/a.*"), to: "api")
    var override = ProxyConfiguration.CalloutOverride.on
    override.processingMode = .with { $0.requestHeaderMode = .skip }
    override.failOpen = false
    override.requestAttributes = ["request.id"]
    override.responseAttributes = ["response.size"]
    var context = ProxyConfiguration.CalloutOverride.on
    context.contextExtensions = ["b": "2", "a": "1"]
    route.callouts = ["Everything": override, "Observer": .on, "Authorize": context]
    route.headers = [
      .init("a", .exact("1")), .init("b", .prefix("1")), .init("c", .suffix("1")), .init("d", .contains("1")),
      .init("e", .regex("1+")), .init("f", .present(true)), .init("g", .present(false)),
    ]
    var forward = ProxyConfiguration.Forward(to: "api")
    forward.retries = 2
    forward.timeout = nil
    var plain = ProxyConfiguration.Route(.prefix("/"), .forward(forward))
    plain.callouts = ["Everything": .off, "Authorize": .off]
    var listener = ProxyConfiguration.HTTPListener(
      "web", at: .init("::1", 10_000), routes: [route, plain],
      callouts: ["Authorize", .init("Observer", isEnabled: false), "Everything"])
    listener.isEdge = false
    listener.idleTimeout = nil
    listener.streamIdleTimeout = nil
    listener.requestTimeout = nil
    var tcp = ProxyConfiguration.TCPListener("tcp", at: .unix("/tmp/tcp.sock"), to: "api", callouts: ["Network"])
    tcp.idleTimeout = nil
    tcp.accessLog = .standardOutput
    var upstream = ProxyConfiguration.Upstream("api", at: [.init("api.internal", 80), .init("10.0.0.1", 80)])
    upstream.healthCheck = .init(.tcp)
    upstream.balancing = .random
    return ProxyConfiguration(
      listeners: [.http(listener), .tcp(tcp)], upstreams: [upstream],
      callouts: [
        Callout("Everything", .extProc(extProc), at: server), Callout("Observer", .extProc(observer), at: server),
        Callout("Authorize", .extAuthz(authorization), at: server),
        Callout("Network", .networkExtProc(network), at: server),
      ])
  }
}
