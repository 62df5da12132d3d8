// SPDX-License-Identifier: Apache-2.0
public import CalloutServing
internal import Foundation

extension EnvoyConfiguration.Authorization {
  /// The same filter in a real Envoy, which asks the server at an address.
  ///
  /// `contextExtensions` and `initialMetadata` are not taken over: they are not the filter's alone.
  public init(_ address: ListenAddress, trusting roots: [UInt8]? = nil, _ filter: AuthorizationFilter) throws {
    self.init(address, trusting: roots)
    failureModeAllow = filter.failureModeAllow
    var further: [String: Any] = [
      "failure_mode_allow_header_add": filter.failureModeAllowHeaderAdd,
      "status_on_error": ["code": filter.statusOnError],
      "encode_raw_headers": filter.encodeRawHeaders,
      "validate_mutations": filter.validateMutations,
    ]
    if let body = filter.requestBody {
      further["with_request_body"] = [
        "max_request_bytes": body.maxRequestBytes, "allow_partial_message": body.allowPartialMessage,
        "pack_as_bytes": body.packAsBytes,
      ]
    }
    furtherJSON = String(decoding: try JSONSerialization.data(withJSONObject: further), as: UTF8.self)
  }
}
