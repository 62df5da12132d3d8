// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import Callouts

extension EnvoyBytes {
  init(_ bytes: UnsafeRawBufferPointer) {
    self.init(pointer: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), length: bytes.count)
  }

  var buffer: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: pointer, count: length) }
}

extension String {
  /// The bytes as text, invalid UTF-8 repaired.
  init(_ bytes: EnvoyBytes) { self.init(decoding: bytes.buffer, as: UTF8.self) }

  /// Calls `body` with the text's bytes.
  func withEnvoyBytes<Result>(_ body: (EnvoyBytes) -> Result) -> Result { withBytes { body(EnvoyBytes($0)) } }
}
