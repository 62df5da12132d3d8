// SPDX-License-Identifier: Apache-2.0
public import Callouts
import Logging
import NIOCore
import SwiftProtobuf
import Synchronization

/// All trials by name.
public enum Trials {
  public static let all: [String: @Sendable () -> CalloutServer] =
    headers.merging(bodies) { $1 }.merging(answers) { $1 }.merging(failures) { $1 }.merging(streams) { $1 }
    .merging(context) { $1 }.merging(others) { $1 }

  struct Failure: Error {}

  /// Long enough that nothing is answered at once.
  static func pause() async throws { try await Task.sleep(for: .milliseconds(5)) }

  /// Each trial and another that waits before it answers.
  private static func bothWays(
    _ name: String, _ phases: Set<Phase>, _ configure: @escaping @Sendable (inout CalloutServer.Configuration) -> Void,
    _ answer: @escaping Trial.Answer
  ) -> [String: @Sendable () -> CalloutServer] {
    [
      name: { Trial(phases, configure, answer: answer) },
      "\(name), waiting": {
        Trial(phases, configure) { request, context in
          try await pause()
          return try await answer(request, context)
        }
      },
      "\(name), on the thread pool": {
        Trial(phases) {
          configure(&$0)
          $0.hookExecutor = .concurrent
        } answer: {
          try await answer($0, $1)
        }
      },
    ]
  }

  static let headers = bothWays("headers", [.requestHeaders, .responseHeaders], { _ in }) { request, _ in
    switch request.phase {
    case .requestHeaders:
      var mutation = HeaderMutation(
        set: ["x-set": "1", "X-Upper": "2", "x-empty": "", ":authority": "ignored.example"],
        append: ["x-list": "b", "x-blank": ""],
        remove: ["x-gone", "x-missing"])
      if try request.headers().path == "/old" { mutation.set(":path", "/new") }
      return .requestHeaders(.mutate(mutation))
    default: return .responseHeaders(.mutate(set: ["x-response": "1"], append: ["x-more": "2"], remove: ["x-upstream"]))
    }
  }

  static let bodies =
    bothWays("pieces", [.requestBody, .responseBody], { _ in }) { request, _ in
      let body = try request.body()
      let reply = BodyReply.replace(body.string.uppercased() + (body.endOfStream ? "." : ""))
      return request.phase == .requestBody ? .requestBody(reply) : .responseBody(reply)
    }
    .merging(bothWays("pieces that pass", [.requestBody, .responseBody], { _ in }) { _, _ in nil }) { $1 }
    .merging(
      bothWays("whole", [.requestHeaders, .requestBody, .responseBody], whole) { request, _ in
        guard request.phase != .requestHeaders else { return nil }
        let body = try request.body()
        let mutation = HeaderMutation(set: ["x-length": "\(body.bytes.readableBytes)"])
        let reply = BodyReply.replace(String(body.string.reversed()) + "!", mutation: mutation)
        return request.phase == .requestBody ? .requestBody(reply) : .responseBody(reply)
      }
    ) { $1 }
    .merging(bothWays("whole that passes", [.requestBody, .responseBody], whole) { _, _ in nil }) { $1 }
    .merging(bothWays("whole over the limit", [.requestBody], limited(.reject)) { _, _ in nil }) { $1 }
    .merging(
      bothWays("whole over the limit that passes", [.requestBody], limited(.passThrough)) { _, _ in
        .requestBody(.replace("never"))
      }
    ) { $1 }
    .merging(
      bothWays(
        "trailers", [.requestBody, .requestTrailers, .responseBody, .responseTrailers], { _ in }
      ) { request, _ in
        switch request.phase {
        case .requestTrailers: .requestTrailers(.mutate(set: ["x-new-trailer": "1"], remove: ["x-trailer"]))
        case .responseTrailers: .responseTrailers(.mutate(set: ["x-new-trailer": "2"]))
        default: nil
        }
      }
    ) { $1 }
    .merging(
      bothWays("replaced body", [.requestHeaders, .requestBody, .responseHeaders, .responseBody], { _ in }) {
        request, _ in
        switch request.phase {
        case .requestHeaders: .requestHeaders(.replace(body: ByteBuffer(string: "ours")))
        case .responseHeaders: .responseHeaders(.replace(body: ByteBuffer(string: "ours too")))
        default: throw Failure()
        }
      }
    ) { $1 }

  private static let whole: @Sendable (inout CalloutServer.Configuration) -> Void = {
    $0.requestBody = .whole(upTo: 4 << 20)
    $0.responseBody = .whole(upTo: 4 << 20)
  }

  private static func limited(
    _ overLimit: BodyHandling.OverLimit
  ) -> @Sendable (inout CalloutServer.Configuration) -> Void {
    { $0.requestBody = .whole(upTo: 4, overLimit: overLimit) }
  }

  static let answers =
    bothWays("immediate", [.requestHeaders], { _ in }) { _, _ in
      .immediate(
        ImmediateResponse(
          status: 403, headers: ["x-why": "not you", "content-type": "application/x"], body: "no entry",
          details: "denied"))
    }
    .merging(
      bothWays("immediate to a body", [.requestBody], { _ in }) { _, _ in
        .immediate(ImmediateResponse(status: 403, body: "no entry"))
      }
    ) { $1 }
    .merging(
      bothWays("immediate to a response", [.responseHeaders], { _ in }) { _, _ in
        .immediate(ImmediateResponse(status: 502, body: "no answer"))
      }
    ) { $1 }
    .merging(
      bothWays("streamed answer", [.requestHeaders], { _ in }) { _, _ in
        .requestHeaders(
          .streamed(
            StreamedImmediateResponse(status: 201, headers: ["x-from": "callout"]) { writer in
              for part in ["a", "b", "c"] {
                try await writer.write(part)
                try await pause()
              }
              return ["x-last": "1"]
            }))
      }
    ) { $1 }
    .merging(
      bothWays("long streamed answer", [.requestHeaders], { _ in }) { _, _ in
        .requestHeaders(
          .streamed(
            StreamedImmediateResponse(status: 200) { writer in
              let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 50_000)
              for _ in 0..<100 { try await writer.write(piece) }
              return [:]
            }))
      }
    ) { $1 }
    .merging(
      bothWays("generated message", [.requestHeaders], { _ in }) { _, _ in
        var message = ProcessingResponseMessage()
        message.requestHeaders.response.headerMutation.setHeaders = [
          .with {
            $0.header.key = "x-set"
            $0.header.rawValue = .init("1".utf8)
            $0.append.value = false
          }
        ]
        return ProcessingResponse(message)
      }
    ) { $1 }

  static let failures =
    bothWays("throwing", [.requestHeaders], { _ in }) { _, _ in throw Failure() }
    .merging(
      bothWays("throwing that passes", [.requestHeaders, .requestBody], { $0.failurePolicy = PerPhase(.passThrough) }) {
        _, _ in throw Failure()
      }
    ) { $1 }
    .merging(
      bothWays(
        "throwing with an answer", [.requestHeaders],
        { $0.failurePolicy = PerPhase(.immediate(ImmediateResponse(status: 503, body: "later"))) }
      ) { _, _ in throw Failure() }
    ) { $1 }
    .merging(bothWays("denying", [.requestHeaders], { _ in }) { _, _ in throw Denial("not you") }) { $1 }
    .merging(
      bothWays("illegal", [.requestHeaders], { _ in }) { _, _ in .requestHeaders(.mutate(set: ["bad name": "1"])) }
    ) { $1 }
    .merging([
      "late that passes": {
        Trial([.requestHeaders]) {
          $0.softDeadline = .milliseconds(20)
          $0.latePolicy = PerPhase(.giveUp(.passThrough))
        } answer: { _, _ in
          try await Task.sleep(for: .seconds(60))
          return .requestHeaders(.mutate(set: ["x-set": "never"]))
        }
      }
    ]) { $1 }

  static let context =
    bothWays(
      "attributes", [.requestHeaders, .responseHeaders],
      {
        $0.requestAttributes = ["request.path", "request.method"]
        $0.responseAttributes = ["response.code"]
      }
    ) { request, context in
      guard request.phase == .responseHeaders else { return nil }
      let path = context.attribute("request.path")?.stringValue ?? "none"
      let code = context.attribute("response.code")?.numberValue ?? 0
      return .responseHeaders(.mutate(set: ["x-attributes": "\(path) \(Int(code))"]))
    }
    .merging(
      bothWays("state", [.requestHeaders, .requestBody, .responseHeaders], { _ in }) { request, context in
        // A body comes in any number of pieces.
        if !context[Seen.self].hasSuffix("\(request.phase!) ") { context[Seen.self] += "\(request.phase!) " }
        guard request.phase == .responseHeaders else { return nil }
        return .responseHeaders(.mutate(set: ["x-seen": context[Seen.self]]))
      }
    ) { $1 }

  /// Trials of what is not alike in both ways, or cannot be seen by a client alone.
  static let others: [String: @Sendable () -> CalloutServer] = [
    "timing out": {
      Trial([.requestHeaders]) {
        $0.messageTimeout = .milliseconds(20)
      } answer: { _, _ in
        try await Task.sleep(for: .seconds(60))
        return nil
      }
    },
    "asking for more time": {
      Trial([.requestHeaders]) {
        $0.messageTimeout = .milliseconds(100)
      } answer: { _, context in
        context.overrideMessageTimeout(.seconds(20))
        try await Task.sleep(for: .milliseconds(300))
        return nil
      }
    },
    "metadata": {
      Trial([.requestHeaders, .responseHeaders]) { request, context in
        guard request.phase == .responseHeaders else {
          let metadata: Google_Protobuf_Struct = [
            "text": "a", "number": 1.5, "flag": true, "list": .init(listValue: ["x", "y"]),
          ]
          return .requestHeaders(.continue.settingMetadata(metadata, in: "trial"))
        }
        let fields = context.filterMetadata["trial"]?.fields ?? [:]
        let text = fields["text"]?.stringValue ?? "-"
        let flag = fields["flag"]?.boolValue ?? false
        return .responseHeaders(.mutate(set: ["x-metadata": "\(text) \(fields["number"]?.numberValue ?? 0) \(flag)"]))
      }
    },
    "nested metadata": {
      Trial([.requestHeaders]) { _, _ in
        .requestHeaders(.continue.settingMetadata(["outer": .init(structValue: ["inner": "deep"])], in: "trial"))
      }
    },
    // Hooks of one exchange run one at a time, also where a response comes before its request has ended.
    "waiting for everything": {
      Trial(Set(Phase.allCases)) { _, context in
        guard !context[IsBusy.self] else { throw Failure() }
        context[IsBusy.self] = true
        try await pause()
        context[IsBusy.self] = false
        return nil
      }
    },
    "logging its end": { LoggingItsEnd() },
    "counting its exchanges": { Counting() },
    "counting its exchanges, on the thread pool": { Counting(.concurrent) },
    "slow streamed answer": {
      Trial([.requestHeaders]) {
        $0.messageTimeout = .milliseconds(100)
      } answer: { _, _ in
        .requestHeaders(
          .streamed(
            StreamedImmediateResponse(status: 200) { writer in
              for part in ["a", "b", "c", "d"] {
                try await writer.write(part)
                try await Task.sleep(for: .milliseconds(50))
              }
              return [:]
            }))
      }
    },
    // 256 MiB for whoever asks for anything else, and how much of them was written.
    "endless streamed answer": {
      let written = Mutex(0)
      return Trial([.requestHeaders]) { request, _ in
        guard try request.headers().path != "/written" else {
          return .immediate(ImmediateResponse(status: 200, body: "\(written.withLock { $0 })"))
        }
        let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 1 << 20)
        return .requestHeaders(
          .streamed(
            StreamedImmediateResponse(status: 200) { writer in
              for _ in 0..<256 {
                try await writer.write(piece)
                written.withLock { $0 += 1 }
              }
              return [:]
            }))
      }
    },
    "whole, after a long wait": {
      Trial([.requestHeaders, .requestBody]) {
        $0.requestBody = .whole(upTo: 8 << 20)
      } answer: { request, _ in
        guard request.phase == .requestBody else {
          try await Task.sleep(for: .milliseconds(300))
          return nil
        }
        return .immediate(ImmediateResponse(status: 200, body: "\(try request.body().bytes.readableBytes)"))
      }
    },
    "late, and never ending": {
      Trial([.requestHeaders, .responseHeaders]) {
        $0.messageTimeout = .milliseconds(200)
        $0.softDeadline = .milliseconds(20)
        $0.latePolicy = PerPhase(.giveUp(.passThrough))
      } answer: { request, _ in
        guard request.phase == .requestHeaders else { return nil }
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
        return nil
      }
    },
    "typed metadata": {
      Trial([.requestHeaders]) { _, _ in
        var reply = HeadersReply.continue
        reply.typedDynamicMetadata["trial"] = try Google_Protobuf_Any(message: Google_Protobuf_StringValue("typed"))
        return .requestHeaders(reply)
      }
    },
    "other metadata": {
      Trial([.requestHeaders]) { _, _ in
        let list: Google_Protobuf_Value = .init(listValue: ["z"])
        return .requestHeaders(.continue.settingMetadata(["list": list, "text": list, "number": "2"], in: "trial"))
      }
    },
    "never ending": {
      Trial([.requestHeaders]) { _, context in
        context.logger.warning("hook begins")
        do {
          try await Task.sleep(for: .seconds(600))
        } catch {
          context.logger.warning("hook is cancelled")
        }
        return nil
      }
    },
  ]

  /// Tells how exchanges end.
  private final class LoggingItsEnd: CalloutServer, @unchecked Sendable {
    override func onRequestHeaders(_ headers: HTTPHeaders, context: CalloutContext) async throws -> HeadersReply {
      if headers.path == "/throw" { throw Failure() }
      if headers.path == "/wait" { try await Task.sleep(for: .seconds(600)) }
      return .continue
    }

    override var configuration: Configuration {
      var configuration = Configuration()
      configuration.messageTimeout = .seconds(20)
      return configuration
    }

    override func onStreamEnd(_ ending: StreamEnding, context: CalloutContext) {
      switch ending {
      case .completed: context.logger.warning("ends completed")
      case .cancelled: context.logger.warning("ends cancelled")
      case .failed: context.logger.warning("ends failed")
      default: context.logger.warning("ends otherwise")
      }
    }
  }

  private enum IsBusy: CalloutContextKey { static let defaultValue = false }

  private enum Seen: CalloutContextKey { static let defaultValue = "" }
}
