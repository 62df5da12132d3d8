// SPDX-License-Identifier: Apache-2.0

extension CalloutServer {
  /// How hooks are run, what they are given of a body, and what happens when one fails or is late.
  public struct Configuration: Sendable {
    /// Where hooks run.
    public var hookExecutor = HookExecutor.eventLoop
    /// How a request's body reaches the callout.
    public var requestBody = BodyHandling.chunks
    /// How a response's body reaches the callout.
    public var responseBody = BodyHandling.chunks
    /// What happens, in each phase, to a message whose hook throws or answers what Envoy would refuse.
    public var failurePolicy = PerPhase(FailurePolicy.failStream)
    /// The time after which a hook counts as late, or nil for never.
    ///
    /// Each late hook is counted in the metric `ext_proc_late_hooks_total`. Envoy's `message_timeout` is 200 ms by
    /// default; a little less, such as 180 ms, tells what it would have given up, and `latePolicy` can act first.
    public var softDeadline: Duration?
    /// What happens, in each phase, to a message whose hook is late. Envoy has no timeout in the full duplex and GRPC
    /// body modes, so that there is nothing to extend.
    public var latePolicy = PerPhase(LatePolicy.wait)
    /// What Envoy's filter has as `message_timeout`: half of it is the longest that an answer is held back, which
    /// `BodyHandling.whole` has to do in the STREAMED mode.
    public var messageTimeout = Duration.milliseconds(200)
    /// What the hooks are for, or nil: then it is seen from what is overridden. Say it where `process` is overridden, of
    /// which only headers are assumed. A filter that this server configures by xDS is sent this.
    public var phases: Set<Phase>?
    /// The attributes that such a filter sends with requests and with responses, such as `request.path`.
    public var requestAttributes: [String] = []
    public var responseAttributes: [String] = []
    /// Envoy's filter has `allow_mode_override`. Without it Envoy ignores a `modeOverride`, so that none is sent.
    public var allowModeOverride = false
    /// What Envoy's filter has as `mutation_rules`: decides which changes of headers are warned of, because Envoy
    /// silently drops them.
    public var mutationRules = MutationRules()

    public init() {}

    /// How the body of a direction reaches the callout.
    public func body(of direction: Direction) -> BodyHandling {
      direction == .request ? requestBody : responseBody
    }
  }

  public enum FailurePolicy: Sendable {
    /// The gRPC stream ends with an error. Envoy answers 500, or goes on without the callout where its filter has
    /// `failure_mode_allow`.
    case failStream
    /// The part passes unchanged.
    case passThrough
    /// The client gets this answer at once.
    case immediate(ImmediateResponse)
  }

  public enum LatePolicy: Sendable {
    /// It is only counted.
    case wait
    /// Envoy is asked, once, for this much time from now on, which it grants between 1 ms and its filter's
    /// `max_message_timeout`, whose default of 0 grants nothing. Source: ProcessingResponse.override_message_timeout.
    case extend(Duration)
    /// The hook's task is cancelled, its answer no longer waited for, and this happens instead. Later messages of
    /// the stream wait until the hook has ended.
    case giveUp(FailurePolicy)
  }
}

/// A value for each phase.
///
///     configuration.failurePolicy = PerPhase(.failStream)
///     configuration.failurePolicy[.responseBody] = .passThrough
public struct PerPhase<Value: Sendable>: Sendable {
  private var common: Value
  private var others: [Phase: Value] = [:]

  /// The same value for every phase.
  public init(_ value: Value) { common = value }

  public subscript(phase: Phase) -> Value {
    get { others[phase] ?? common }
    set { others[phase] = newValue }
  }
}
