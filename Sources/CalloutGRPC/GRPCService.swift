// SPDX-License-Identifier: Apache-2.0
package import CalloutTransport

/// A gRPC service: a full name, such as `grpc.health.v1.Health`, and its methods.
public struct GRPCService: Sendable {
  /// The package and service name, without slashes.
  public let name: String
  package let methods: [GRPCMethod]
  let fileDescriptorSet: @Sendable () -> [UInt8]
  /// It stands for the methods that no other service has.
  package private(set) var isForUnknownMethods = false

  /// Makes a service of its methods.
  ///
  /// - Parameter fileDescriptorSet: gives a serialized `google.protobuf.FileDescriptorSet` with the service's file
  ///   and all it imports, for server reflection; asked only when a client is.
  public init(
    _ name: String, methods: [GRPCMethod], fileDescriptorSet: @escaping @Sendable () -> [UInt8] = { [] }
  ) {
    self.name = name
    self.methods = methods
    self.fileDescriptorSet = fileDescriptorSet
  }
}

extension GRPCService {
  /// What is asked for every method that no other service of the server has; its name is `*`.
  package init(unknownMethods method: GRPCMethod) {
    self.init("*", methods: [method])
    isForUnknownMethods = true
  }
}

/// One method of a service, and what to do with a call of it.
public struct GRPCMethod: Sendable {
  /// The method's name alone, such as `Check`.
  public let name: String
  package let kind: Kind

  package enum Kind: Sendable {
    /// The handler is given the call's messages.
    case messages(@Sendable (ServerCall) -> any ServerCallHandler)
    /// The handler is given the call's stream as it is, from the headers on.
    case stream(@Sendable (HTTP2Stream, GRPCServerConnection) -> any ServerStreamHandler)
  }

  package init(_ name: String, makeHandler: @escaping @Sendable (ServerCall) -> any ServerCallHandler) {
    self.name = name
    kind = .messages(makeHandler)
  }

  package init(
    _ name: String, stream: @escaping @Sendable (HTTP2Stream, GRPCServerConnection) -> any ServerStreamHandler
  ) {
    self.name = name
    kind = .stream(stream)
  }
}

/// Who handles a stream of the server.
package protocol ServerStreamHandler: HTTP2StreamHandler {
  /// The server is shutting down and its grace period is over: finish the call now.
  func shutDown()
}
