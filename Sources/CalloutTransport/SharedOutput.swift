// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOPosix

/// The memory that the connections of an event loop write their output into, one after the other.
///
/// A buffer of its own for each would be a good part of what an idle connection takes. Confined to the event loop.
final class SharedOutput: @unchecked Sendable {
  // Unchecked: it is only to be had on the thread whose it is.

  @exclusivity(unchecked) private var buffer = ByteBuffer()

  /// That of the event loop whose thread this is.
  static var current: SharedOutput {
    if let output = variable.currentValue { return output }
    let output = SharedOutput()
    variable.currentValue = output
    return output
  }

  private static let variable = ThreadSpecificVariable<SharedOutput>()

  /// Lends the buffer; who asks meanwhile gets another.
  func take() -> ByteBuffer {
    defer { buffer = ByteBuffer() }
    return buffer
  }

  /// Takes a buffer back, whose bytes have gone.
  func giveBack(_ buffer: consuming ByteBuffer) {
    guard buffer.storageCapacity > self.buffer.storageCapacity, buffer.storageCapacity <= Self.largest else { return }
    self.buffer = buffer
    if self.buffer.readableBytes > 0 { self.buffer.clear() }
  }

  /// What the output of one turn takes, and a little more.
  private static let largest = 512 * 1_024
}
