// SPDX-License-Identifier: Apache-2.0
import CalloutJSON

extension EnvoyConfiguration {
  /// A filter that compresses answers.
  ///
  /// - Parameter isPreferred: whether it is taken where a client likes several alike.
  func compressor(_ name: String, isPreferred: Bool) -> JSONValue {
    let (library, message) =
      switch name {
      case "br": ("brotli", "Brotli")
      case "zstd": ("zstd", "Zstd")
      default: ("gzip", "Gzip")
      }
    var compressor = typed("envoy.extensions.filters.http.compressor.v3.Compressor")
    compressor["compressor_library"] = [
      "name": .string(library),
      "typed_config": typed("envoy.extensions.compression.\(library).compressor.v3.\(message)"),
    ]
    compressor["response_direction_config"] = [
      // Ranges count the bytes of what is not compressed.
      "uncompressible_response_codes": [206],
      // A strong tag would be for other bytes, and Envoy would leave it out.
      "weaken_etag_on_compress": true,
    ]
    if isPreferred { compressor["choose_first"] = true }
    return ["name": .string("envoy.filters.http.compressor.\(library)"), "typed_config": compressor]
  }
}
