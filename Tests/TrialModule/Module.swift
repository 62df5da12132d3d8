// SPDX-License-Identifier: Apache-2.0
import Callouts
import EnvoyModule
import TrialCallouts

@c public func envoyModuleRegister() {
  for (name, make) in Trials.all { EnvoyModule.register(name) { _ in make() } }
  EnvoyModule.register("application") { _ in TrialApplication() }
  EnvoyModule.register("limited application") { _ in
    TrialApplication(limits: RequestLimits(body: 4, time: .milliseconds(50)))
  }
  EnvoyModule.register("application that does not start") { _ in TrialApplication(failsToStart: true) }
  EnvoyModule.register("mounted") { _ in
    Mounts(["/": Named(name: "rest"), "/api": Named(name: "api"), "/api/v2/": Named(name: "v2")])
  }
  EnvoyModule.register("named") { configuration in Named(name: configuration.text) }
  EnvoyModule.register("configured") { configuration in
    guard configuration.text != "{}" else { throw Unusable() }
    return Configured(configuration.text)
  }
  EnvoyModule.register("unknown attribute", UnknownAttribute.self)
}

private struct Unusable: Error, CustomStringConvertible {
  let description = "give it something"
}

/// Tells its configuration.
private final class Configured: CalloutServer, @unchecked Sendable {
  private var text = ""

  convenience init(_ text: String) {
    self.init()
    self.text = text
  }

  override func onResponseHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
    .mutate(set: ["x-configuration": text])
  }
}

private final class UnknownAttribute: CalloutServer, @unchecked Sendable {
  override var configuration: Configuration {
    var configuration = Configuration()
    configuration.requestAttributes = ["request.nonsense"]
    return configuration
  }
}
