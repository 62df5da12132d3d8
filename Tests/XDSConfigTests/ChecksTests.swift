// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import EnvoyAPI
import EnvoyConfigAPI
import SwiftProtobuf
import Testing
import XDS
import XDSConfig

/// What trips a check, and what comes close and does not.
@Suite("Checks of a configuration") struct ChecksTests {
  typealias Kind = ConfigurationProblem.Kind

  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let kind: Kind
    let severity: ConfigurationProblem.Severity
    let bad: [Resource]
    let good: [Resource]

    init(
      _ description: String, _ kind: Kind, _ severity: ConfigurationProblem.Severity = .error, bad: Resource...,
      good: Resource...
    ) {
      testDescription = description
      self.kind = kind
      self.severity = severity
      self.bad = bad
      self.good = good
    }
  }

  @Test("each check finds what is wrong, and nothing in what is right", arguments: structure + settings + servers)
  func check(_ example: Case) {
    let found = ConfigurationCheck().problems(in: example.bad).filter { $0.kind == example.kind }
    #expect(found.count == 1, "\(ConfigurationCheck().problems(in: example.bad))")
    #expect(found.first?.severity == example.severity)
    #expect(found.allSatisfy { !$0.description.contains("\n") })
    let notFound = ConfigurationCheck().problems(in: example.good).filter { $0.kind == example.kind }
    #expect(notFound == [])
  }

  static let plain = ClusterMessage.with { $0.name = "c" }
  static let plainRoutes = RouteConfigurationMessage.to("c", name: "r")

  @Test("V1: clusters of the bootstrap may be named") func staticClusters() {
    var check = ConfigurationCheck()
    #expect(check.problems(in: [Resource(.to("c", name: "r"))]).contains { $0.kind == .unknownCluster })
    check.staticClusters = ["c"]
    #expect(!check.problems(in: [Resource(.to("c", name: "r"))]).contains { $0.kind == .unknownCluster })
  }

  @Test("V18: resources of a type that are too large together") func sizes() {
    let body = [UInt8](repeating: 0, count: 1_000_000)
    let resources = (0..<5).map { Resource(.init(typeURL: "type.example/T"), name: "\($0)", body: body) }
    #expect(ConfigurationCheck().problems(in: resources).map(\.kind) == [.size])
    #expect(ConfigurationCheck().problems(in: Array(resources.prefix(4))) == [])
  }

  @Test("V17: a certificate with the key of another") func certificates() throws {
    let (one, two) = (try TLSIdentity.selfSigned(), try TLSIdentity.selfSigned())
    func problems(_ chain: [UInt8], _ key: [UInt8]) -> [Kind] {
      let secret = SecretMessage.with {
        $0.name = "s"
        $0.tlsCertificate.certificateChain.inlineString = String(decoding: chain, as: UTF8.self)
        $0.tlsCertificate.privateKey.inlineString = String(decoding: key, as: UTF8.self)
      }
      return ConfigurationCheck().problems(in: [Resource(secret)]).map(\.kind)
    }
    #expect(problems(one.certificateChain, one.privateKey) == [])
    #expect(problems(one.certificateChain, two.privateKey) == [.certificate])
    #expect(problems(one.certificateChain, []) == [.certificate])
  }

  @Test("V15: what is sent is what hooks are for") func hooks() {
    func problems(sent: Bool, handled: Bool?) -> [String] {
      var filter = CalloutFilter.ExtProc { $0.requestBodyMode = sent ? .streamed : .none }
      filter.handledMode = handled.map { handled in .with { $0.requestBodyMode = handled ? .streamed : .none } }
      var proxy = Examples.small
      proxy.callouts[0].filter = .extProc(filter)
      return proxy.problems().map(\.description)
    }
    #expect(problems(sent: true, handled: true) == [])
    #expect(problems(sent: true, handled: nil) == [])
    #expect(
      problems(sent: true, handled: false) == [
        "callout 'AddHeader': it is sent the request body, which no hook of it is for; turn that off"
      ])
    #expect(
      problems(sent: false, handled: true) == [
        "callout 'AddHeader': its hook for the request body is never asked; have the request body sent"
      ])
  }
}
