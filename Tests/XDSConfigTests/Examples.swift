// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import EnvoyAPI
import EnvoyConfigAPI
import ExtProcTesting
import Foundation
import SwiftProtobuf
import XDS
import XDSConfig

/// A callout of this server, as the framework would describe it.
let addHeader = Callout("AddHeader", .extProc(.init()), at: CalloutServerLocation([.init("127.0.0.1", 8_080)]))

/// One about connections.
let noTelnet = Callout("NoTelnet", .networkExtProc(.init()), at: CalloutServerLocation([.init("127.0.0.1", 8_080)]))

enum Examples {
  /// The example of `docs/proxy-yaml.md`.
  static func documented() throws -> String {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appending(path: "docs/proxy-yaml.md"), encoding: .utf8)
    let parts = text.split(separator: "```", omittingEmptySubsequences: false)
    return String(parts[1].dropFirst("yaml\n".count))
  }

  /// One HTTP listener with a callout and an upstream.
  static var small: ProxyConfiguration {
    ProxyConfiguration(
      listeners: [
        .http(
          .init(
            "web", at: .init("127.0.0.1", 10_000), routes: [.init(.prefix("/"), to: "api")], callouts: ["AddHeader"]))
      ],
      upstreams: [.init("api", at: [.init("127.0.0.1", 9_000)])],
      callouts: [addHeader])
  }

  /// As much as there is, with certificates that Envoy can read.
  static func large(_ certificate: ProxyCertificate) throws -> ProxyConfiguration {
    var proxy = try ProxyConfiguration(yaml: documented(), ownCallouts: [addHeader, noTelnet])
    for index in proxy.listeners.indices {
      guard case .http(var listener) = proxy.listeners[index] else { continue }
      listener.tls?.certificate = certificate
      listener.tls?.named[0].certificate = certificate
      listener.tls?.clientAuthorities = certificate.chain
      listener.allowsWebSocket = true
      listener.accessLog = .file("/dev/null")
      proxy.listeners[index] = .http(listener)
    }
    for index in proxy.upstreams.indices where proxy.upstreams[index].tls != nil {
      proxy.upstreams[index].tls?.authorities = certificate.chain
      proxy.upstreams[index].tls?.certificate = certificate
      proxy.upstreams[index].healthCheck = .init(.grpc(service: "api"))
    }
    for index in proxy.callouts.indices where proxy.callouts[index].server.tls != nil {
      proxy.callouts[index].server.tls?.authorities = certificate.chain
    }
    return proxy
  }
}

extension ProxyCertificate {
  static func selfSigned() throws -> ProxyCertificate {
    let identity = try TLSIdentity.selfSigned()
    return ProxyCertificate(
      chain: .inline(String(decoding: identity.certificateChain, as: UTF8.self)),
      privateKey: .inline(String(decoding: identity.privateKey, as: UTF8.self)))
  }
}

extension Sequence<Resource> {
  /// The message of the only resource of that type and name.
  func message<Content: Message>(_ type: ResourceType, _ name: String, as: Content.Type = Content.self) throws
    -> Content
  {
    let found = filter { $0.type == type && $0.name == name }
    guard found.count == 1 else { throw ExampleError("\(found.count) resources \(type) '\(name)'") }
    return try Content(unpackingAny: found[0].message)
  }
}

struct ExampleError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
