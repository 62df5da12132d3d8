// SPDX-License-Identifier: Apache-2.0

/// Where the hooks of a callout run.
public enum HookExecutor: Sendable {
  /// On the event loop of the connection: fastest, and nothing may block.
  case eventLoop
  /// On the shared thread pool, for hooks that compute for long: two thread hops a message. Where the body of an HTTP
  /// exchange is handled as a stream, hooks run on the event loop all the same, for two of them may be under way at once.
  case concurrent
}
