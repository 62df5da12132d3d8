// SPDX-License-Identifier: Apache-2.0
public import NIOCore

extension ByteBuffer {
  /// The readable bytes in pieces of at most so many, none of them copied; nothing where there are none.
  public func chunks(ofAtMost length: Int) -> some Sequence<ByteBuffer> {
    precondition(length > 0)
    return sequence(state: self) { rest in
      rest.readableBytes == 0 ? nil : rest.readSlice(length: Swift.min(length, rest.readableBytes))
    }
  }
}
