// SPDX-License-Identifier: Apache-2.0

import CalloutJSON
import ExtProc
import NIOCore

/// Why a request goes to no provider; the client is told in OpenAI's form.
struct GatewayError: Error, Hashable {
  let status: Int
  let message: String

  /// The client is to blame.
  static func invalid(_ message: String) -> GatewayError { GatewayError(status: 400, message: message) }

  /// The gateway is to blame, or who runs it.
  static func failure(_ message: String) -> GatewayError { GatewayError(status: 500, message: message) }

  /// Credentials of the gateway's own are missing: no 401, for which clients would ask for other ones of theirs.
  static func noCredentials(_ remedy: String) -> GatewayError { .failure("no credentials: \(remedy)") }

  /// Source: OpenAI's API, error codes.
  var body: JSONValue {
    ["error": ["message": .string(message), "type": status < 500 ? "invalid_request_error" : "server_error"]]
  }

  var response: ImmediateResponse {
    .json(ByteBuffer(bytes: body.serialized()), status: status, details: "refused_by_llm_gateway")
  }
}
