// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI
internal import Callouts
internal import NIOCore

/// One HTTP stream of Envoy's, as a filter sees it.
///
/// To be used on the stream's worker alone, and not after the filter is destroyed. Bytes that it hands out are Envoy's,
/// until the hook ends or anything is changed.
struct EnvoyStream {
  let pointer: UnsafeMutableRawPointer

  init(_ pointer: UnsafeMutableRawPointer) { self.pointer = pointer }

  /// Lets the request, or the response, go on to the next filter.
  func proceed(_ direction: Direction) {
    switch direction {
    case .request: envoy_dynamic_module_callback_http_filter_continue_decoding(pointer)
    case .response: envoy_dynamic_module_callback_http_filter_continue_encoding(pointer)
    }
  }

  /// False of Envoy 1.38, which takes a response that stops while its request goes on for one that goes on.
  static var continuesDirectionsApart: Bool { envoyContinuesDirectionsApart() }

  func clearRouteCache() { envoy_dynamic_module_callback_http_clear_route_cache(pointer) }

  /// What the filter's per-route configuration made, where the stream's route has one.
  var routeConfiguration: UnsafeRawPointer? {
    envoy_dynamic_module_callback_get_most_specific_route_config(pointer)
  }

  /// A handle by which any thread may ask for `scheduled` on the stream's worker.
  func makeScheduler() -> UnsafeMutableRawPointer {
    envoy_dynamic_module_callback_http_filter_scheduler_new(pointer)
  }
}

// MARK: Headers

/// One of a stream's four header maps.
enum HeaderKind: Int32 {
  case requestHeaders, requestTrailers, responseHeaders, responseTrailers

  init(headersOf direction: Direction) { self = direction == .request ? .requestHeaders : .responseHeaders }
  init(trailersOf direction: Direction) { self = direction == .request ? .requestTrailers : .responseTrailers }
}

/// A header map that is read when somebody reads it.
struct EnvoyHeaders: HeaderStore, @unchecked Sendable {
  // Unchecked: Envoy changes nothing while the worker is at work, and whoever reads meanwhile does so under a lock.

  let envoy: EnvoyStream
  let kind: HeaderKind

  func withHeaders(_ body: (EnvoyStream.Headers) -> Void) { envoy.withHeaders(kind, body) }
}

extension EnvoyStream {
  typealias Headers = UnsafeBufferPointer<HeaderStore.RawHeader>

  /// Calls `body` with all headers of a map, in order.
  func withHeaders<Result>(_ kind: HeaderKind, _ body: (Headers) throws -> Result) rethrows -> Result {
    let count = envoy_dynamic_module_callback_http_get_headers_size(pointer, kind.rawValue)
    return try withUnsafeTemporaryAllocation(of: EnvoyHeader.self, capacity: max(count, 1)) { found in
      let isThere =
        count > 0 && envoy_dynamic_module_callback_http_get_headers(pointer, kind.rawValue, found.baseAddress!)
      return try withUnsafeTemporaryAllocation(
        of: HeaderStore.RawHeader.self, capacity: max(count, 1)
      ) { headers in
        let count = isThere ? count : 0
        for index in 0..<count {
          let header = found[index]
          headers.initializeElement(
            at: index,
            to: (
              UnsafeRawBufferPointer(start: header.name, count: header.nameLength),
              UnsafeRawBufferPointer(start: header.value, count: header.valueLength)
            ))
        }
        return try body(Headers(start: headers.baseAddress, count: count))
      }
    }
  }

  /// The first value of a header, or nil where it is missing.
  func header(_ name: String, _ kind: HeaderKind) -> String? {
    name.withBytes { name in
      var value = EnvoyBytes()
      var count = 0
      let isThere = envoy_dynamic_module_callback_http_get_header(
        pointer, kind.rawValue, EnvoyBytes(name), &value, 0, &count)
      return isThere && count > 0 ? String(value) : nil
    }
  }

  func has(_ name: UnsafeRawBufferPointer, _ kind: HeaderKind) -> Bool {
    var value = EnvoyBytes()
    var count = 0
    let isThere = envoy_dynamic_module_callback_http_get_header(
      pointer, kind.rawValue, EnvoyBytes(name), &value, 0, &count)
    return isThere && count > 0
  }

  func set(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ kind: HeaderKind) {
    envoySetHeader(pointer, kind.rawValue, EnvoyBytes(name), EnvoyBytes(value))
  }

  func set(_ name: String, _ value: String, _ kind: HeaderKind) {
    name.withBytes { name in value.withBytes { set(name, $0, kind) } }
  }

  func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ kind: HeaderKind) {
    envoyAddHeader(pointer, kind.rawValue, EnvoyBytes(name), EnvoyBytes(value))
  }

  func remove(_ name: UnsafeRawBufferPointer, _ kind: HeaderKind) {
    envoySetHeader(pointer, kind.rawValue, EnvoyBytes(name), EnvoyBytes(pointer: nil, length: 0))
  }

  func remove(_ name: String, _ kind: HeaderKind) { name.withBytes { remove($0, kind) } }

  /// Changes headers as Envoy does it: removes first, then sets, each in order.
  ///
  /// Returns the name of a header that was set to an empty value, which removes it: Envoy gives a module no other means.
  func apply(_ mutation: HeaderMutation, _ kind: HeaderKind) -> String? {
    guard !mutation.isEmpty else { return nil }
    var empty: String?
    mutation.forEachRemoval { remove($0, kind) }
    mutation.forEachSetting { name, value, action in
      if value.isEmpty { empty = String(decoding: name, as: UTF8.self) }
      switch action {
      case .append: add(name, value, kind)
      case .overwrite: set(name, value, kind)
      case .addIfAbsent: if !has(name, kind) { set(name, value, kind) }
      case .overwriteIfExists: if has(name, kind) { set(name, value, kind) }
      }
    }
    return empty
  }
}
