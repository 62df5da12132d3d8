// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// What hooks noted, in order.
final class Log: Sendable {
  private let noted = Mutex<[String]>([])

  func note(_ line: String) { noted.withLock { $0.append(line) } }

  var lines: [String] { noted.withLock { $0 } }
}
