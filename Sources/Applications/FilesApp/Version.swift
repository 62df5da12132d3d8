// SPDX-License-Identifier: Apache-2.0
import HTTPTypes

/// What tells one version of a file from another.
struct Version {
  /// An entity tag, which changes with the file.
  let tag: String
  let modified: HTTPDate

  var fields: HTTPFields { [.eTag: tag, .lastModified: modified.text] }

  /// The client has this version, and need not be sent it. Source: RFC 9110 §13.1.2 and §13.1.3.
  func isKnown(to request: HTTPRequest) -> Bool {
    if let tags = request.headerFields[.ifNoneMatch] { return tags == "*" || tags.contains(tag) }
    return request.headerFields[.ifModifiedSince].flatMap(HTTPDate.init).map { modified <= $0 } ?? false
  }

  /// The range of this version that the client asks for, if it does: one of another version is none. Source: RFC 9110
  /// §13.1.5 and §14.2.
  func range(for request: HTTPRequest, now: HTTPDate = .now) -> ByteRange? {
    guard request.method == .get, let range = request.headerFields[.range] else { return nil }
    if let condition = request.headerFields[.ifRange] {
      // A file that changes twice in a second has the same time twice.
      let isSameTime = HTTPDate(condition) == modified && modified < now
      guard condition == tag || isSameTime else { return nil }
    }
    return ByteRange(range)
  }
}
