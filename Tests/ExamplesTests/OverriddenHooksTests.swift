// SPDX-License-Identifier: Apache-2.0
import ExtProc
import NetworkExtProc
import Testing

@testable import AddBody
@testable import Basic
@testable import BodyLogger
@testable import NetworkBasic
@testable import NetworkFilter
@testable import ObservabilityServer
@testable import Redirect

@Suite("Hooks of the examples")
struct OverriddenHooksTests {
  @Test("the hooks of an example are seen")
  func hooks() {
    #expect(Basic().overriddenHooks == [.requestHeaders, .responseHeaders, .requestBody, .responseBody])
    #expect(AddBody().overriddenHooks == [.requestBody, .responseBody])
    #expect(BodyLogger().overriddenHooks == [.requestStream, .responseStream])
    #expect(ObservabilityServer().overriddenHooks == [.requestHeaders, .responseHeaders, .body])
    #expect(Redirect().overriddenHooks == [.requestHeaders])
    #expect(NetworkBasic().overriddenHooks == [.readData, .writeData, .connectionEnd])
    #expect(NetworkFilter().overriddenHooks == [.readData])
  }
}
