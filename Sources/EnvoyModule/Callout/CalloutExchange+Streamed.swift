// SPDX-License-Identifier: Apache-2.0
internal import Callouts

extension CalloutExchange {
  /// Begins an answer that is written piece by piece.
  func begin(_ streamed: StreamedImmediateResponse, _ asked: Asked) throws(CalloutError) {
    throw .illegal("not yet")
  }
}
