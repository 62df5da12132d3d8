// SPDX-License-Identifier: Apache-2.0

/// The gRPC status code that a denial is sent with: any but OK, with which Envoy would let the request pass.
///
/// Envoy denies with every one of them alike; other proxies, and Envoy's access logs, may tell them apart.
public enum DenialCode: Int32, Sendable, CaseIterable {
  // The raw values are those of google.rpc.Code.
  case cancelled = 1
  case unknown, invalidArgument, deadlineExceeded, notFound, alreadyExists, permissionDenied, resourceExhausted
  case failedPrecondition, aborted, outOfRange, unimplemented, `internal`, unavailable, dataLoss, unauthenticated
}
