// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import Synchronization

/// Headers that stay where they are until somebody reads them, so that a hook that reads none costs no copy.
///
/// They may be read on any thread. Whoever has them calls `copy()` before they change or go, unless nobody is left who
/// could read them.
package final class LazyHeaders: Sendable {
  /// No body and no trailers follow.
  let endOfStream: Bool
  private let store: any HeaderStore
  private let copied = Mutex<ByteBuffer?>(nil)

  package init(_ store: any HeaderStore, endOfStream: Bool) {
    self.store = store
    self.endOfStream = endOfStream
  }

  /// Copies the headers, if nobody has yet.
  package func copy() { _ = message }

  /// A serialized HttpHeaders message, as Envoy's ext_proc filter writes it.
  var message: ByteBuffer {
    copied.withLock { copied in
      if let copied { return copied }
      var message = ByteBuffer()
      store.withHeaders { message.write($0, endOfStream: endOfStream) }
      copied = message
      return message
    }
  }
}

/// Where headers are that nobody has read yet.
package protocol HeaderStore: Sendable {
  typealias RawHeader = (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)

  /// Calls `body` with all headers, in order.
  func withHeaders(_ body: (UnsafeBufferPointer<RawHeader>) -> Void)
}

extension ByteBuffer {
  fileprivate mutating func write(_ headers: UnsafeBufferPointer<HeaderStore.RawHeader>, endOfStream: Bool) {
    // HttpHeaders{headers = 1 HeaderMap{headers = 1 HeaderValue{key = 1, raw_value = 3}}, end_of_stream = 3}
    func size(of header: HeaderStore.RawHeader) -> Int {
      Protobuf.sizeOfField(header.name.count) + Protobuf.sizeOfField(header.value.count)
    }
    let map = headers.reduce(0) { $0 + Protobuf.sizeOfField(size(of: $1)) }
    writeProtobuf(size: Protobuf.sizeOfField(map) + (endOfStream ? 2 : 0)) { writer in
      writer.head(field: 1, length: map)
      for header in headers {
        writer.head(field: 1, length: size(of: header))
        writer.bytes(field: 1, header.name)
        writer.bytes(field: 3, header.value)
      }
      if endOfStream { writer.varint(field: 3, 1) }
    }
  }
}
