// SPDX-License-Identifier: Apache-2.0
internal import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Server reflection: tells clients such as grpcurl which services there are and what their messages look like.
///
/// Served as `grpc.reflection.v1` and, for older clients, under its earlier name `v1alpha`, whose messages are the
/// same.
package struct ReflectionService: Sendable {
  private let serviceNames: [String]
  private let descriptors: @Sendable () -> [[UInt8]]

  /// Reflects the given services and itself.
  package init(reflecting services: [GRPCService]) {
    serviceNames = (services.map(\.name) + Self.names).sorted()
    descriptors = { services.map { $0.fileDescriptorSet() } + [GRPCDescriptors.fileDescriptorSet] }
  }

  package var services: [GRPCService] {
    Self.names.map { name in
      GRPCService(
        name, methods: [GRPCMethod("ServerReflectionInfo", streams: answer)],
        fileDescriptorSet: { GRPCDescriptors.fileDescriptorSet })
    }
  }

  private static let names = [
    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
  ]

  private func answer(
    _ requests: GRPCRequests, _ responses: GRPCResponses, _ context: GRPCServerContext
  ) async throws {
    let files = try DescriptorIndex(descriptors())
    for try await bytes in requests {
      let request = try Grpc_Reflection_V1_ServerReflectionRequest(grpcMessage: bytes)
      var response = Grpc_Reflection_V1_ServerReflectionResponse()
      response.validHost = request.host
      response.originalRequest = request
      response.messageResponse = answer(request, files)
      try await responses.send(response)
    }
  }

  private func answer(
    _ request: Grpc_Reflection_V1_ServerReflectionRequest, _ files: DescriptorIndex
  ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
    switch request.messageRequest {
    case .listServices:
      .listServicesResponse(
        .with { $0.service = serviceNames.map { name in .with { $0.name = name } } })
    case .fileByFilename(let name):
      files.closure(ofFile: name).map(Self.fileResponse) ?? Self.notFound("file", name)
    case .fileContainingSymbol(let name):
      files.file(containing: name).flatMap(files.closure).map(Self.fileResponse) ?? Self.notFound("symbol", name)
    case .fileContainingExtension(let request):
      // Proto3 messages, which is all that is served here, have no extensions.
      Self.notFound("extension of", request.containingType)
    case .allExtensionNumbersOfType(let name):
      files.file(containing: name) == nil
        ? Self.notFound("type", name) : .allExtensionNumbersResponse(.with { $0.baseTypeName = name })
    case nil:
      .errorResponse(
        .with {
          $0.errorCode = Int32(GRPCStatus.Code.invalidArgument.rawValue)
          $0.errorMessage = "the request asks for nothing"
        })
    }
  }

  private static func fileResponse(
    _ files: [Data]
  ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
    .fileDescriptorResponse(.with { $0.fileDescriptorProto = files })
  }

  private static func notFound(
    _ kind: String, _ name: String
  ) -> Grpc_Reflection_V1_ServerReflectionResponse.OneOf_MessageResponse {
    .errorResponse(
      .with {
        $0.errorCode = Int32(GRPCStatus.Code.notFound.rawValue)
        $0.errorMessage = "unknown \(kind) '\(name)'"
      })
  }
}

/// Finds file descriptors by name and by what they define.
private struct DescriptorIndex {
  private var files: [String: Google_Protobuf_FileDescriptorProto] = [:]
  private var fileBySymbol: [String: String] = [:]

  init(_ sets: [[UInt8]]) throws {
    for set in sets {
      for file in try Google_Protobuf_FileDescriptorSet(serializedBytes: set).file where files[file.name] == nil {
        files[file.name] = file
        index(file)
      }
    }
  }

  func file(containing symbol: String) -> String? { fileBySymbol[symbol] }

  /// The serialized descriptor of a file and then those of all it imports, each once.
  func closure(ofFile name: String) -> [Data]? {
    guard files[name] != nil else { return nil }
    var names = [name]
    var seen: Set<String> = [name]
    var next = 0
    while next < names.count {
      for dependency in files[names[next]]?.dependency ?? [] where seen.insert(dependency).inserted {
        names.append(dependency)
      }
      next += 1
    }
    return names.compactMap { try? files[$0]?.serializedBytes() }
  }

  private mutating func index(_ file: Google_Protobuf_FileDescriptorProto) {
    let prefix = file.package.isEmpty ? "" : file.package + "."
    for message in file.messageType { index(message, prefix, in: file.name) }
    for type in file.enumType { fileBySymbol[prefix + type.name] = file.name }
    for service in file.service {
      fileBySymbol[prefix + service.name] = file.name
      for method in service.method { fileBySymbol["\(prefix)\(service.name).\(method.name)"] = file.name }
    }
  }

  private mutating func index(_ message: Google_Protobuf_DescriptorProto, _ prefix: String, in file: String) {
    let name = prefix + message.name
    fileBySymbol[name] = file
    for field in message.field { fileBySymbol["\(name).\(field.name)"] = file }
    for nested in message.nestedType { index(nested, name + ".", in: file) }
    for type in message.enumType { fileBySymbol["\(name).\(type.name)"] = file }
  }
}
