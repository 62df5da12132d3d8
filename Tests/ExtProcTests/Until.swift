// SPDX-License-Identifier: Apache-2.0

/// Asks again and again until the answer is yes, or the test's time is over: for what tells no one when it changes.
func until(_ condition: () async throws -> Bool) async throws {
  while try await !condition() {
    try Task.checkCancellation()
    await Task.yield()
  }
}
