// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Synchronization

/// What reached the upstream.
final class Seen: Sendable {
  private let requests = Mutex<[HTTPRequest]>([])

  func note(_ request: HTTPRequest) { requests.withLock { $0.append(request) } }

  var last: HTTPRequest? { requests.withLock(\.last) }
  var all: [HTTPRequest] { requests.withLock { $0 } }
  var count: Int { requests.withLock(\.count) }
}
