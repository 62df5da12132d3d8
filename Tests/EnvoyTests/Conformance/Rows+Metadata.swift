// SPDX-License-Identifier: Apache-2.0
import EnvoyAPI
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Row {
  private static let receiving: Filter = {
    $0.furtherJSON = #"{"metadata_options": {"receiving_namespaces": {"untyped": ["listed"], "typed": ["typed"]}}}"#
  }

  /// The client sees dynamic metadata in a header.
  private static func metadata(
    _ rule: String, seen expected: String, _ change: @escaping @Sendable (inout ProcessingResponseMessage) -> Void
  ) -> Row {
    var row = Row(
      .metadata, rule, filter: receiving, script: answeringRequestHeaders(.requestHeaders().and(change)),
      see: { "\($0.outcome), metadata: \($0.response?.fields["x-metadata"] ?? "none")" }, seen: expected)
    row.envoy = {
      $0.routesJSON = [
        """
        {"match": {"prefix": "/"}, "route": {"cluster": "upstream"}, "response_headers_to_add":
         [{"header": {"key": "x-metadata", "value": "%DYNAMIC_METADATA(listed:key)%%DYNAMIC_METADATA(unlisted:key)%"}}]}
        """
      ]
    }
    return row
  }

  /// What of each message is seen, in order.
  private static func each(
    _ rule: String, filter: @escaping Filter = { _ in }, request: HTTPRequest = HTTPRequest(),
    _ describe: @escaping @Sendable (ProcessingRequestMessage) -> String, seen expected: String,
    older: [ClosedRange<EnvoyVersion>: String] = [:]
  ) -> Row {
    Row(
      .metadata, rule, filter: filter, request: request, script: answering { _ in nil },
      see: { $0.received.map(describe).joined(separator: ", ") }, seen: expected, older: older)
  }

  private static let structValue: Google_Protobuf_Value = .init(structValue: ["key": "value"])

  static let metadata: [Row] = [
    metadata("sets metadata of a namespace that the filter lists", seen: "200, metadata: value") {
      $0.dynamicMetadata = ["listed": structValue]
    },
    metadata("sets metadata of a namespace that the filter does not list", seen: "200, metadata: none") {
      $0.dynamicMetadata = ["unlisted": structValue]
    },
    metadata("sets metadata that is no struct", seen: "200, metadata: none") {
      $0.dynamicMetadata = ["listed": "text"]
    },
    metadata("sets typed metadata", seen: "200, metadata: none") {
      $0.typedDynamicMetadata["typed"] = (try? Google_Protobuf_Any(message: Google_Protobuf_BoolValue(true))) ?? .init()
    },
    each(
      "gets protocol_config", filter: { $0.processingMode.requestBodyMode = .buffered }, request: post,
      { $0.hasProtocolConfig ? "request body \($0.protocolConfig.requestBodyMode.name)" : "none" },
      seen: "request body BUFFERED, none, none"),
    each(
      "gets protocol_config where headers are not sent",
      filter: {
        $0.processingMode.requestHeaderMode = .skip
        $0.processingMode.requestBodyMode = .buffered
      }, request: post,
      { $0.hasProtocolConfig ? "request body \($0.protocolConfig.requestBodyMode.name)" : "none" },
      seen: "request body BUFFERED, none"),
    each(
      "gets attributes",
      filter: {
        $0.requestAttributes = ["request.path"]
        $0.responseAttributes = ["response.code"]
        $0.processingMode.requestBodyMode = .buffered
      }, request: post,
      { message in
        let fields = message.attributes["envoy.filters.http.ext_proc"]?.fields ?? [:]
        return fields.isEmpty ? "none" : fields.keys.sorted().joined(separator: " ")
      }, seen: "request.path, none, response.code"),
    each(
      "gets observability_mode", filter: { $0.observabilityMode = true },
      { $0.observabilityMode ? "observed" : "not" }, seen: "observed, observed"),
    each("gets flow_control_init", { $0.hasFlowControlInit ? "flow control" : "none" }, seen: "none, none"),
    each("gets metadata_context", { $0.hasMetadataContext ? "a context" : "none" }, seen: "a context, a context"),
    each(
      "gets header values", request: HTTPRequest(fields: ["x-name": "v"]),
      { message in
        guard let header = message.requestHeaders.headers.headers.first(where: { $0.key == "x-name" }) else {
          return "-"
        }
        return "value '\(header.value)' raw_value '\(String(decoding: header.rawValue, as: UTF8.self))'"
      }, seen: "value '' raw_value 'v', -"),
    Row(
      .metadata, "sends a field that Envoy does not know with an answer",
      script: answeringRequestHeaders(
        .requestHeaders { $0.set("x-new", "1") }.and { try? $0.merge(serializedBytes: [0x9a, 0x06, 0x00]) }),
      see: { $0.upstreamHeader("x-new") }, seen: "upstream gets x-new: 1"),
  ]
}
