// SPDX-License-Identifier: Apache-2.0
internal import CNghttp2

/// Header fields that never change and never go away, which nghttp2 therefore reads in place.
package struct PreparedFields: @unchecked Sendable {
  // Unchecked: the memory is written once, before the value exists, and is never freed.
  let entries: UnsafeBufferPointer<nghttp2_nv>

  package init(_ fields: KeyValuePairs<StaticString, StaticString>) {
    let entries = UnsafeMutableBufferPointer<nghttp2_nv>.allocate(capacity: fields.count)
    for (index, field) in fields.enumerated() {
      entries.initializeElement(
        at: index,
        to: nghttp2_nv(
          name: UnsafeMutablePointer(mutating: field.key.utf8Start),
          value: UnsafeMutablePointer(mutating: field.value.utf8Start),
          namelen: field.key.utf8CodeUnitCount, valuelen: field.value.utf8CodeUnitCount,
          flags: UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)))
    }
    self.entries = UnsafeBufferPointer(entries)
  }
}

extension HeaderFields {
  /// Calls `body` with the fields in nghttp2's form, valid during the call; nghttp2 copies what it keeps.
  func withNameValues<Result>(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: max(1, count)) { entries in
      var used = 0
      return withAllFields { name, value in
        entries.initializeElement(
          at: used,
          to: nghttp2_nv(
            name: UnsafeMutablePointer(mutating: name.baseAddress!),
            value: UnsafeMutablePointer(mutating: value.baseAddress ?? name.baseAddress!),
            namelen: name.count, valuelen: value.count, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
        used += 1
      } then: {
        body(UnsafeBufferPointer(rebasing: entries[..<used]))
      }
    }
  }
}
