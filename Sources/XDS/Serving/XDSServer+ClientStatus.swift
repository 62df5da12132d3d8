// SPDX-License-Identifier: Apache-2.0
internal import CalloutGRPC
internal import EnvoyAPI
internal import NIOCore
internal import SwiftProtobuf

// CSDS: what each client has, as far as its answers tell.

extension XDSServer {
  var clientStatusService: GRPCService {
    let service = service
    return GRPCService(
      "envoy.service.status.v3.ClientStatusDiscoveryService",
      methods: [
        .unary("FetchClientStatus") { (request: Envoy_Service_Status_V3_ClientStatusRequest, context) in
          await Self.status(request, for: Peer(context), service)
        },
        GRPCMethod("StreamClientStatus") { requests, responses, context in
          for try await bytes in requests {
            let request = try Envoy_Service_Status_V3_ClientStatusRequest(grpcMessage: bytes)
            try await responses.send(await Self.status(request, for: Peer(context), service))
          }
        },
      ],
      fileDescriptorSet: { EnvoyAPIDescriptors.fileDescriptorSet })
  }

  private static func status(
    _ request: Envoy_Service_Status_V3_ClientStatusRequest, for peer: Peer, _ service: DiscoveryService
  ) async -> Envoy_Service_Status_V3_ClientStatusResponse {
    var response = Envoy_Service_Status_V3_ClientStatusResponse()
    for stream in service.open {
      let configuration = try? await stream.eventLoop.submit { () -> Envoy_Service_Status_V3_ClientConfig? in
        let call = stream.value
        guard request.matches(call.info.node), service.allows(call.info.node, to: peer) else { return nil }
        return call.clientConfig(withContents: !request.excludeResourceContents)
      }.get()
      if let configuration = configuration ?? nil { response.config.append(configuration) }
    }
    return response
  }
}

extension Envoy_Service_Status_V3_ClientStatusRequest {
  fileprivate func matches(_ node: Node) -> Bool {
    nodeMatchers.isEmpty || nodeMatchers.contains { $0.nodeID.matches(node.id) }
  }
}

extension Envoy_Type_Matcher_V3_StringMatcher {
  fileprivate func matches(_ text: String) -> Bool {
    func folded(_ text: String) -> String { ignoreCase ? text.lowercased() : text }
    let text = folded(text)
    return switch matchPattern {
    case .exact(let pattern): text == folded(pattern)
    case .prefix(let pattern): text.hasPrefix(folded(pattern))
    case .suffix(let pattern): text.hasSuffix(folded(pattern))
    case .contains(let pattern): text.utf8.contains(folded(pattern).utf8)
    // RE2's expressions are not understood here.
    case .safeRegex: false
    case nil: true
    }
  }
}
