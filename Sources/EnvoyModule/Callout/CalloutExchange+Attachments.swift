// SPDX-License-Identifier: Apache-2.0
internal import Callouts
internal import SwiftProtobuf

extension CalloutExchange {
  /// Does what goes with an answer.
  func apply(_ attachments: ReplyAttachments) throws(CalloutError) {
    guard !attachments.isEmpty else { return }
    let fields = attachments.fields
    if fields.modeOverride != nil {
      filter.warn(["mode_override is ignored: a filter in Envoy is asked about what its callout handles"])
    }
    if !fields.drains.isEmpty { filter.warn(["request_drain is ignored: it is for the full duplex body mode"]) }
    for (scope, metadata) in fields.dynamicMetadata { try envoy.check(metadata, in: scope) }
    for (scope, metadata) in fields.dynamicMetadata { envoy.setMetadata(metadata, in: scope) }
    for (scope, metadata) in fields.typedDynamicMetadata { try envoy.setTypedMetadata(metadata, in: scope) }
  }
}
