// SPDX-License-Identifier: Apache-2.0
public import NIOCore

extension ImmediateResponse {
  /// Sends the client elsewhere.
  ///
  /// - Parameter status: 301 and 308 for good, 302, 303 and 307 for now; 307 and 308 keep the method.
  public static func redirect(to location: String, status: Int = 302) -> ImmediateResponse {
    ImmediateResponse(
      status: status, headers: HeaderMutation(set: ["location": location]), details: "redirected_by_callout")
  }

  /// Refuses a request that may not be made: 403.
  public static func forbidden(_ text: String = "") -> ImmediateResponse {
    .text(text, status: 403, details: "forbidden_by_callout")
  }

  /// Asks for credentials: 401 with a `www-authenticate` header. Source: RFC 9110 §11.6.1.
  ///
  /// - Parameter challenge: such as `Bearer realm="api"`.
  public static func unauthorized(challenge: String, _ text: String = "") -> ImmediateResponse {
    var response = ImmediateResponse.text(text, status: 401, details: "unauthorized_by_callout")
    response.headers.set("www-authenticate", challenge)
    return response
  }

  /// Answers with a text.
  public static func text(
    _ text: String, status: Int = 200, details: String = "answered_by_callout"
  ) -> ImmediateResponse {
    ImmediateResponse(
      status: status, headers: text.isEmpty ? [:] : ["content-type": "text/plain; charset=utf-8"], body: text,
      details: details)
  }

  /// Answers with JSON that is encoded already.
  public static func json(
    _ json: ByteBuffer, status: Int = 200, details: String = "answered_by_callout"
  ) -> ImmediateResponse {
    ImmediateResponse(
      status: status, headers: HeaderMutation(set: ["content-type": "application/json"]), body: json,
      details: details)
  }
}
