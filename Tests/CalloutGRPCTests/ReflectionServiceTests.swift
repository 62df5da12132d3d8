// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOCore
import SwiftProtobuf
import Testing

@testable import CalloutGRPC

@Suite("reflection service", .timeLimit(.minutes(1)))
struct ReflectionServiceTests {
  private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
  private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

  private static let names = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]

  @Test("both names of the service list all services, themselves included", arguments: names)
  func list(name: String) async throws {
    let response = try await ask(.listServices("*"), name: name)
    #expect(response.listServicesResponse.service.map(\.name) == (["test.v1.Outer"] + Self.names).sorted())
    #expect(response.originalRequest.listServices == "*")
  }

  @Test(
    "whatever a file defines is found in it, and comes with the files that it imports, itself first",
    arguments: [
      "test.v1.Outer", "test.v1.Outer.Call", "test.v1.Request", "test.v1.Request.name", "test.v1.Request.Inner",
      "test.v1.Request.Inner.Deep", "test.v1.Request.Inner.Deep.depth", "test.v1.Request.Kind", "test.v1.Level",
    ])
  func symbol(symbol: String) async throws {
    let files = try await files(.fileContainingSymbol(symbol))
    #expect(files.map(\.name) == ["test/outer.proto", "test/shared.proto", "test/deep.proto"])
    #expect(files.first == Self.outer)
  }

  @Test("a file is found by its name, with what it imports")
  func filename() async throws {
    #expect(try await files(.fileByFilename("test/deep.proto")).map(\.name) == ["test/deep.proto"])
    #expect(
      try await files(.fileByFilename("test/shared.proto")).map(\.name) == ["test/shared.proto", "test/deep.proto"])
  }

  @Test("the service describes itself", arguments: ["grpc.reflection.v1.ServerReflection", "grpc.health.v1.Health"])
  func itself(symbol: String) async throws {
    let file = try #require(try await files(.fileContainingSymbol(symbol)).first)
    #expect(file.service.contains { "\(file.package).\($0.name)" == symbol })
  }

  @Test("what is not there is NOT_FOUND", arguments: ["", "test.v1", "test.v1.Outer.None", "Outer", ".test.v1.Outer"])
  func unknown(symbol: String) async throws {
    #expect(try await ask(.fileContainingSymbol(symbol)).errorResponse.errorCode == 5)
    #expect(try await ask(.fileByFilename(symbol)).errorResponse.errorCode == 5)
    #expect(try await ask(.allExtensionNumbersOfType(symbol)).errorResponse.errorCode == 5)
    #expect(
      try await ask(.fileContainingExtension(.with { $0.containingType = symbol })).errorResponse.errorCode == 5)
  }

  @Test("a type of ours has no extensions")
  func extensions() async throws {
    let response = try await ask(.allExtensionNumbersOfType("test.v1.Request"))
    #expect(response.allExtensionNumbersResponse.baseTypeName == "test.v1.Request")
    #expect(response.allExtensionNumbersResponse.extensionNumber.isEmpty)
  }

  @Test("a request for nothing is INVALID_ARGUMENT, and the stream goes on")
  func manyRequests() async throws {
    try await run { channel in
      let call = try await channel.call("/\(Self.names[0])/ServerReflectionInfo")
      try await call.send(Request())
      try await call.send(Request.with { $0.fileContainingSymbol = "none" })
      try await call.send(Request.with { $0.fileContainingSymbol = "test.v1.Outer" })
      call.halfClose()
      #expect(try await call.next(Response.self)?.errorResponse.errorCode == 3)
      #expect(try await call.next(Response.self)?.errorResponse.errorCode == 5)
      #expect(try await call.next(Response.self)?.fileDescriptorResponse.fileDescriptorProto.count == 3)
      #expect(try await call.next() == nil)
    }
  }

  private func files(_ request: Request.OneOf_MessageRequest) async throws -> [Google_Protobuf_FileDescriptorProto] {
    try await ask(request).fileDescriptorResponse.fileDescriptorProto.map {
      try Google_Protobuf_FileDescriptorProto(serializedBytes: $0)
    }
  }

  private func ask(_ question: Request.OneOf_MessageRequest, name: String = names[0]) async throws -> Response {
    var answer = Response()
    try await run { channel in
      answer = try await channel.unary("/\(name)/ServerReflectionInfo", Request.with { $0.messageRequest = question })
    }
    return answer
  }

  private func run(_ body: (GRPCChannel) async throws -> Void) async throws {
    let set =
      try Google_Protobuf_FileDescriptorSet.with { $0.file = [Self.deep, Self.shared, Self.outer] }
      .serializedBytes() as [UInt8]
    let service = GRPCService("test.v1.Outer", methods: [.echo], fileDescriptorSet: { set })
    try await TestServer.run(services: ReflectionService(reflecting: [service]).services) { server in
      try await body(server.connect())
    }
  }

  private static let deep = Google_Protobuf_FileDescriptorProto.with { $0.name = "test/deep.proto" }

  private static let shared = Google_Protobuf_FileDescriptorProto.with {
    $0.name = "test/shared.proto"
    $0.dependency = ["test/deep.proto"]
  }

  private static let outer = Google_Protobuf_FileDescriptorProto.with {
    $0.name = "test/outer.proto"
    $0.package = "test.v1"
    $0.dependency = ["test/shared.proto", "test/deep.proto"]
    $0.messageType = [
      .with {
        $0.name = "Request"
        $0.field = [.with { $0.name = "name" }]
        $0.enumType = [.with { $0.name = "Kind" }]
        $0.nestedType = [
          .with {
            $0.name = "Inner"
            $0.nestedType = [
              .with {
                $0.name = "Deep"
                $0.field = [.with { $0.name = "depth" }]
              }
            ]
          }
        ]
      }
    ]
    $0.enumType = [.with { $0.name = "Level" }]
    $0.service = [
      .with {
        $0.name = "Outer"
        $0.method = [.with { $0.name = "Call" }]
      }
    ]
  }
}
