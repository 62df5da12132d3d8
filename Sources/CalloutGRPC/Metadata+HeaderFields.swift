// SPDX-License-Identifier: Apache-2.0
package import CalloutTransport

extension Metadata {
  /// The metadata among a header section's fields; reserved fields are gRPC's own and malformed ones nobody's.
  package init(_ fields: HeaderFields) {
    self.init()
    fields.forEach { name, value in
      _ = appendWire(name: String(decoding: name, as: UTF8.self), value: value)
    }
  }
}
