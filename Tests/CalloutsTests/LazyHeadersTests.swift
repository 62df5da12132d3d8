// SPDX-License-Identifier: Apache-2.0
import Callouts
import EnvoyAPI
import SwiftProtobuf
import Synchronization
import Testing

@Suite("Headers that nobody has copied")
struct LazyHeadersTests {
  @Test("are copied once, when they are first read")
  func once() throws {
    let store = Store(["name": "value", "other": ""])
    let headers = try ProcessingRequest(.requestHeaders, LazyHeaders(store, endOfStream: true), attributes: nil)
      .headers()
    #expect(headers.endOfStream)
    #expect(store.reads == 0)
    #expect(headers["NAME"] == "value")
    #expect(headers["other"] == "")
    #expect(headers["missing"] == nil)
    #expect(headers.map(\.name) == ["name", "other"])
    #expect(store.reads == 1)
  }

  @Test("are not copied when they are given up, and nobody is left who could read them")
  func unread() {
    let store = Store(["name": "value"])
    var request = ProcessingRequest(.requestHeaders, LazyHeaders(store, endOfStream: false), attributes: nil)
    request.giveUpHeaders()
    #expect(store.reads == 0)
  }

  @Test("are copied when they are given up while somebody has them")
  func kept() throws {
    let store = Store(["name": "value"])
    var request = ProcessingRequest(.responseHeaders, LazyHeaders(store, endOfStream: false), attributes: nil)
    let kept = try request.headers()
    request.giveUpHeaders()
    #expect(store.reads == 1)
    store.clear()
    #expect(kept["name"] == "value")
    #expect(store.reads == 1)
  }

  @Test("are in the request's message, with the attributes")
  func message() throws {
    let store = Store([":status": "200"])
    let attributes = Google_Protobuf_Struct(fields: ["response.code": 200])
    let lazy = LazyHeaders(store, endOfStream: true)
    let message = try ProcessingRequest(.responseHeaders, lazy, attributes: attributes).message()
    #expect(message.responseHeaders.headers.headers.map(\.key) == [":status"])
    #expect(message.responseHeaders.headers.headers.map(\.rawValue) == [.init("200".utf8)])
    #expect(message.responseHeaders.endOfStream)
    #expect(message.attributes["envoy.filters.http.ext_proc"] == attributes)
  }
}

private final class Store: HeaderStore {
  private let state: Mutex<(headers: [(String, String)], reads: Int)>

  init(_ headers: KeyValuePairs<String, String>) { state = Mutex((headers.map { ($0.key, $0.value) }, 0)) }

  var reads: Int { state.withLock { $0.reads } }

  func clear() { state.withLock { $0.headers = [] } }

  func withHeaders(_ body: (UnsafeBufferPointer<RawHeader>) -> Void) {
    let headers = state.withLock { state in
      state.reads += 1
      return state.headers.map { (Array($0.0.utf8), Array($0.1.utf8)) }
    }
    var raw: [RawHeader] = []
    func give(_ index: Int) {
      guard index < headers.count else { return raw.withUnsafeBufferPointer(body) }
      headers[index].0.withUnsafeBytes { name in
        headers[index].1.withUnsafeBytes { value in
          raw.append((name, value))
          give(index + 1)
        }
      }
    }
    give(0)
  }
}
