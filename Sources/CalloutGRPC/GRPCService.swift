// SPDX-License-Identifier: Apache-2.0

/// A gRPC service: a full name, such as `grpc.health.v1.Health`, and its methods.
public struct GRPCService: Sendable {
  /// The package and service name, without slashes.
  public let name: String
  package let methods: [GRPCMethod]
  let fileDescriptorSet: @Sendable () -> [UInt8]

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

/// One method of a service, and what to do with a call of it.
public struct GRPCMethod: Sendable {
  /// The method's name alone, such as `Check`.
  public let name: String
  package let makeHandler: @Sendable (ServerCall) -> any ServerCallHandler

  package init(_ name: String, makeHandler: @escaping @Sendable (ServerCall) -> any ServerCallHandler) {
    self.name = name
    self.makeHandler = makeHandler
  }
}
