// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The lines of standard input as they come, read by a thread of their own: who reads them blocks.
var standardInput: AsyncStream<String> {
  AsyncStream { lines in
    Thread.detachNewThread {
      while let line = readLine() { lines.yield(line) }
      lines.finish()
    }
  }
}
