// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import EnvoyConfigAPI
import SwiftProtobuf
import Testing
import XDS
import XDSConfig

@Suite("Consistency of resources") struct ConsistencyTests {
  typealias Kind = ConfigurationProblem.Kind

  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let resources: [Resource]
    let problems: Set<Kind>

    init(_ description: String, _ resources: [Resource], _ problems: Kind...) {
      testDescription = description
      self.resources = resources
      self.problems = Set(problems)
    }
  }

  private static let cluster = Resource(.eds("c"))
  private static let endpoints = Resource(ClusterLoadAssignmentMessage.of("c"))
  private static let route = Resource(.to("c", name: "r"))
  private static let other = Resource(.to("c", name: "other"))
  private static let listener = Resource(.http("l", .rds("r")))
  private static let scoped = Resource(.http("s", .srds))
  private static let inlineScoped = Resource(.http("i", .scopes("r")))
  private static let scope = Resource(
    ScopedRouteConfigurationMessage.with {
      $0.name = "scope"
      $0.routeConfigurationName = "r"
    })
  private static let scopeOfOther = Resource(
    ScopedRouteConfigurationMessage.with {
      $0.name = "scope"
      $0.routeConfigurationName = "other"
    })

  @Test("AC-65: which sets of resources belong together", arguments: cases)
  func consistency(_ example: Case) {
    let problems = ConfigurationCheck().problems(in: example.resources)
    #expect(Set(problems.map(\.kind)) == example.problems, "\(problems)")
  }

  static let cases = [
    Case("a: everything", [cluster, endpoints, route, listener]),
    Case("b: endpoints alone", [endpoints], .unusedResource),
    Case("c: a cluster without its endpoints", [cluster], .missingResource),
    Case("d: a listener without routes", [cluster, endpoints, listener], .missingResource),
    Case(
      "e: a listener with other routes", [cluster, endpoints, listener, other], .missingResource, .unusedResource),
    Case("f: a listener with its routes", [cluster, endpoints, listener, route]),
    Case("g: a scoped listener with a scope alone", [scoped, scope], .missingResource),
    Case("h: and the scope's routes", [cluster, endpoints, scoped, scope, route]),
    Case("i: inline scopes with routes", [cluster, endpoints, inlineScoped, route]),
    Case(
      "j: inline scopes with other routes", [cluster, endpoints, inlineScoped, other], .missingResource,
      .unusedResource),
    Case(
      "k: a scoped and a plain listener with the routes of both",
      [cluster, endpoints, scoped, scopeOfOther, other, listener, route]),
    Case("l: nothing", []),
    Case("a resource that is none of its type", [Resource(.cluster, name: "c", body: [0xff])], .unreadable),
    Case("one of a type that nobody knows", [Resource(.init(typeURL: "type.example/T"), name: "t", body: [1])]),
  ]

  @Test("what is missing is an error, what is unused a warning, and both say what to do") func words() throws {
    let problems = ConfigurationCheck().problems(in: [Self.cluster, Self.endpoints, Self.listener, Self.other])
    #expect(
      problems.map(\.description) == [
        "Listener 'l': it needs the RouteConfiguration 'r', which does not exist: one of other",
        "RouteConfiguration 'other': no listener asks for these routes; name them in one, or leave them out",
      ])
    #expect(problems.map(\.severity) == [.error, .warning])
  }
}
