// SPDX-License-Identifier: Apache-2.0
internal import CEnvoyABI

/// What becomes of headers.
enum HeadersStatus: Int32 {
  case proceed
  /// They wait here; what follows them is told.
  case wait
}

/// What becomes of what a body's hook was told of.
enum DataStatus: Int32 {
  case proceed
  /// It is buffered, and Envoy refuses the message once it is over its limit.
  case buffer
  /// It is buffered, and Envoy reads no more once it is over its limit.
  case wait
  /// It is dropped, and what follows is told.
  case drop
}

/// What becomes of trailers.
enum TrailersStatus: Int32 {
  case proceed
  /// They wait here.
  case wait
}
