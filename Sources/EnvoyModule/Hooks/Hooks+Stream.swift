// SPDX-License-Identifier: Apache-2.0
package import CEnvoyABI

// What Envoy calls about a stream, on the stream's worker. The stream's object is kept from `new` to `destroy`.

extension UnsafeRawPointer {
  /// The object of a stream. It is held while it is used, for Envoy may destroy the filter within a hook.
  fileprivate var stream: FilterStream { Unmanaged<FilterStream>.fromOpaque(self).takeUnretainedValue() }
}

@c(envoy_dynamic_module_on_http_filter_new) @implementation
package func filterNew(_ configuration: UnsafeRawPointer, _ envoy: UnsafeMutableRawPointer) -> UnsafeRawPointer? {
  let configuration = Unmanaged<FilterBox>.fromOpaque(configuration).takeUnretainedValue()
  let stream = configuration.filter.makeStream(EnvoyStream(envoy))
  return UnsafeRawPointer(Unmanaged.passRetained(stream).toOpaque())
}

@c(envoy_dynamic_module_on_http_filter_destroy) @implementation
package func filterDestroy(_ filter: UnsafeRawPointer) {
  Unmanaged<FilterStream>.fromOpaque(filter).takeRetainedValue().destroyed()
}

@c(envoy_dynamic_module_on_http_filter_request_headers) @implementation
package func requestHeaders(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ endOfStream: Bool
) -> Int32 {
  filter.stream.requestHeaders(endOfStream: endOfStream).rawValue
}

@c(envoy_dynamic_module_on_http_filter_request_body) @implementation
package func requestBody(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ endOfStream: Bool
) -> Int32 {
  filter.stream.requestBody(endOfStream: endOfStream).rawValue
}

@c(envoy_dynamic_module_on_http_filter_request_trailers) @implementation
package func requestTrailers(_ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer) -> Int32 {
  filter.stream.requestTrailers().rawValue
}

@c(envoy_dynamic_module_on_http_filter_response_headers) @implementation
package func responseHeaders(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ endOfStream: Bool
) -> Int32 {
  filter.stream.responseHeaders(endOfStream: endOfStream).rawValue
}

@c(envoy_dynamic_module_on_http_filter_response_body) @implementation
package func responseBody(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ endOfStream: Bool
) -> Int32 {
  filter.stream.responseBody(endOfStream: endOfStream).rawValue
}

@c(envoy_dynamic_module_on_http_filter_response_trailers) @implementation
package func responseTrailers(_ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer) -> Int32 {
  filter.stream.responseTrailers().rawValue
}

@c(envoy_dynamic_module_on_http_filter_scheduled) @implementation
package func scheduled(_ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ event: UInt64) {
  filter.stream.scheduled()
}

@c(envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark) @implementation
package func downstreamAboveHighWatermark(_ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer) {
  filter.stream.downstreamIsFull(true)
}

@c(envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark) @implementation
package func downstreamBelowLowWatermark(_ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer) {
  filter.stream.downstreamIsFull(false)
}

@c(envoy_dynamic_module_on_http_filter_stream_complete) @implementation
package func streamComplete(_ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer) {}

// Envoy wants these too, which are about requests that a filter makes of Envoy; ours make none.

@c(envoy_dynamic_module_on_http_filter_http_callout_done) @implementation
package func httpCalloutDone(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ callout: UInt64, _ result: Int32,
  _ headers: UnsafePointer<EnvoyHeader>?, _ headerCount: Int, _ body: UnsafePointer<EnvoyBytes>?, _ bodyCount: Int
) {}

@c(envoy_dynamic_module_on_http_filter_http_stream_headers) @implementation
package func httpStreamHeaders(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ stream: UInt64,
  _ headers: UnsafePointer<EnvoyHeader>?, _ count: Int, _ endOfStream: Bool
) {}

@c(envoy_dynamic_module_on_http_filter_http_stream_data) @implementation
package func httpStreamData(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ stream: UInt64,
  _ body: UnsafePointer<EnvoyBytes>?, _ count: Int, _ endOfStream: Bool
) {}

@c(envoy_dynamic_module_on_http_filter_http_stream_trailers) @implementation
package func httpStreamTrailers(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ stream: UInt64,
  _ trailers: UnsafePointer<EnvoyHeader>?, _ count: Int
) {}

@c(envoy_dynamic_module_on_http_filter_http_stream_complete) @implementation
package func httpStreamComplete(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ stream: UInt64
) {}

@c(envoy_dynamic_module_on_http_filter_http_stream_reset) @implementation
package func httpStreamReset(
  _ envoy: UnsafeMutableRawPointer, _ filter: UnsafeRawPointer, _ stream: UInt64, _ reason: Int32
) {}
