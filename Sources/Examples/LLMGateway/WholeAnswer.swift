// SPDX-License-Identifier: Apache-2.0

import CalloutJSON
import ExtProc
import NIOCore

/// A provider's answer that is no stream: collected, translated, and sent on as one.
struct WholeAnswer: Sendable {
  private let dialect: any Dialect
  private let limit: Int
  private var held = ByteBuffer()
  private var isDone = false

  /// - Parameter limit: the longest answer that is collected, in bytes; a longer one passes as it came. In BUFFERED
  ///   Envoy has a limit of its own before this.
  init(_ dialect: any Dialect, upTo limit: Int = 16 << 20) {
    self.dialect = dialect
    self.limit = limit
  }

  /// Takes a piece and returns what goes to the client for it, nil where that is the piece itself.
  mutating func receive(_ piece: HTTPBody) -> ByteBuffer? {
    guard !isDone else { return nil }
    held.writeImmutableBuffer(piece.bytes)
    let completion = held.readableBytes <= limit ? translated() : nil
    // A body that trailers follow is whole without a last piece.
    isDone = piece.endOfStream || completion != nil || held.readableBytes > limit
    guard isDone else { return ByteBuffer() }
    defer { held = ByteBuffer() }
    return completion ?? held
  }

  /// The answer in OpenAI's form; nil where it is no JSON, or not all of it, or not the provider's.
  private func translated() -> ByteBuffer? {
    // Most pieces show by their last byte that they are not the last.
    let lastByte = held.readableBytesView.last { !" \t\r\n".utf8.contains($0) }
    guard lastByte == UInt8(ascii: "}"), let answer = try? JSONValue(parsing: held.readableBytesView),
      let completion = dialect.completion(of: answer)
    else { return nil }
    return ByteBuffer(bytes: completion.serialized())
  }
}
