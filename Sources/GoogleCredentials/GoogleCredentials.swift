// SPDX-License-Identifier: Apache-2.0
public import AsyncHTTPClient

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// Who this program is to Google's APIs: an access token, and the project it runs in.
///
///     let credentials = GoogleCredentials()
///     let token = try await credentials.accessToken()
///
/// The token is that of the environment variable GOOGLE_ACCESS_TOKEN where it is set, else the one that the metadata
/// server has for the machine's service account. GCE_METADATA_HOST tells where another metadata server is, as it does
/// to Google's own libraries.
public actor GoogleCredentials {
  private let fixedToken: String?
  private let metadata: ComputeMetadata
  private let now: @Sendable () -> ContinuousClock.Instant
  private var token: AccessToken?
  private var fetch: Task<Void, Never>?
  private var lastFetch = 0
  private var waiters: [Int: CheckedContinuation<String, any Error>] = [:]
  private var lastWaiter = 0

  /// Makes credentials, without asking for any yet.
  ///
  /// - Parameter environment: where the variables are looked up.
  public init(
    environment: [String: String] = ProcessInfo.processInfo.environment, client: HTTPClient = .shared
  ) {
    self.init(environment: environment, client: client) { .now }
  }

  package init(
    environment: [String: String], client: HTTPClient, now: @escaping @Sendable () -> ContinuousClock.Instant
  ) {
    // What comes from a file often ends in a line break, which no header may have.
    fixedToken = environment["GOOGLE_ACCESS_TOKEN"]?.split(whereSeparator: \.isWhitespace).first.map(String.init)
    metadata = ComputeMetadata(host: environment["GCE_METADATA_HOST"], client: client)
    self.now = now
  }

  /// The access token, for a header `authorization: Bearer …`; it is good for some minutes more.
  ///
  /// Waits where one has to be fetched, once for all who wait. Throws a `GoogleCredentialsError` where none is to be
  /// had, or a `CancellationError` in a task that is cancelled.
  public func accessToken() async throws -> String {
    if let fixedToken { return fixedToken }
    if let token, token.expiry - Self.margin > now() { return token.value }
    lastWaiter += 1
    let waiter = lastWaiter
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
        waiters[waiter] = continuation
        if fetch == nil { startFetch() }
      }
    } onCancel: {
      Task { await self.giveUp(waiter) }
    }
  }

  /// Forgets a token that an API has refused before its time, so that the next one is fetched anew.
  public func forget(_ token: String) {
    if self.token?.value == token { self.token = nil }
  }

  /// The id of the project that the machine belongs to; throws as `accessToken` does.
  public func projectID() async throws -> String { try await metadata.get("project/project-id", for: "project id") }

  /// How many wait for a token.
  package var waiting: Int { waiters.count }

  private func giveUp(_ waiter: Int) {
    guard let continuation = waiters.removeValue(forKey: waiter) else { return }
    continuation.resume(throwing: CancellationError())
    guard waiters.isEmpty else { return }
    fetch?.cancel()
    fetch = nil
  }

  private func startFetch() {
    lastFetch += 1
    let number = lastFetch
    fetch = Task {
      let result: Result<AccessToken, any Error>
      do {
        result = .success(try await metadata.accessToken(now: now))
      } catch {
        result = .failure(error)
      }
      // Nobody waited for this one any more.
      guard number == lastFetch, fetch != nil else { return }
      fetch = nil
      token = try? result.get()
      let waiters = waiters
      self.waiters = [:]
      for continuation in waiters.values { continuation.resume(with: result.map(\.value)) }
    }
  }

  /// The metadata server itself keeps a token until the last four minutes of its life, so asking earlier is in vain.
  private static let margin = Duration.seconds(225)
}

/// Why there is no token, or no project id, in one line.
public struct GoogleCredentialsError: Error, Sendable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
