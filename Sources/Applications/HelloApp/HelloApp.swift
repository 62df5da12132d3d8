// SPDX-License-Identifier: Apache-2.0

// Answers every request with a greeting, within Envoy: a whole program that has no process of its own.

import EnvoyModule
import HTTPTypes

struct HelloApp: HTTPApplication {
  func handle(_ request: HTTPRequest, body: RequestBody, response: consuming ResponseWriter) async throws {
    try await response.send(
      HTTPResponse(status: .ok, headerFields: [.contentType: "text/plain"]), body: "hello\n")
  }
}

@c public func envoyModuleRegister() {
  EnvoyModule.register("hello") { _ in HelloApp() }
}
