// SPDX-License-Identifier: Apache-2.0

// What libFuzzer tries: the first byte chooses what is tried with the others. Built by scripts/fuzz only.

import CalloutGRPC
import CalloutTransport
import Callouts
import EnvoyAPI
import NIOCore
import SwiftProtobuf

private typealias Try = @convention(c) (UnsafePointer<UInt8>, Int) -> CInt

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: Try) -> CInt

/// What SwiftPM makes the program's `main`.
@_cdecl("Fuzz_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  var (count, arguments) = (count, arguments)
  return runDriver(&count, &arguments) { fuzz($0, $1) }
}

private func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let input = UnsafeBufferPointer(start: start, count: count)
  guard let choice = input.first else { return 0 }
  let bytes = ByteBuffer(bytes: input.dropFirst())
  switch choice % 9 {
  case 0: readRequest(bytes)
  case 1: answerRequests(bytes)
  case 2: cutMessages(bytes)
  case 3: readFields(bytes)
  case 4: readJSON(bytes)
  case 5: verifyToken(bytes)
  case 6: readEvents(bytes)
  case 7: readKeys(bytes)
  default: receiveFrames(bytes)
  }
  return 0
}

/// Reads all that a callout can read of a request.
private func readRequest(_ bytes: ByteBuffer) {
  guard let request = try? ProcessingRequest(serialized: bytes) else { return }
  if let headers = try? request.headers() {
    // A name that is not UTF-8 is repaired, and no longer the one that was sent.
    for (name, _) in headers where !name.contains("\u{fffd}") {
      precondition(headers.contains(name) && headers[name] != nil && !headers.values(of: name).isEmpty)
    }
  }
  _ = try? request.body().string
}

/// A stream: messages, each behind a byte for its length and one for the answer that a callout gives.
private func answerRequests(_ bytes: ByteBuffer) {
  var bytes = bytes
  var configuration = CalloutServer.Configuration()
  configuration.allowModeOverride = true
  var state = ProcessingState(ProcessingState.Filter(configuration))
  var collector = BodyCollector(.whole(upTo: 1_000, overLimit: .passThrough))
  while let length: UInt8 = bytes.readInteger(), let answer: UInt8 = bytes.readInteger(),
    let message = bytes.readSlice(length: min(Int(length), bytes.readableBytes))
  {
    guard var request = try? ProcessingRequest(serialized: message), (try? state.receive(request)) != nil else { return }
    if state.hasFlowControlWork { state.sendFlowControl(check) }
    guard let phase = request.phase else { continue }
    if answer & 0x80 != 0, let body = try? request.body() {
      switch collector.receive(body, state.mode(of: phase.direction)) {
      case .deliver(let whole?), .giveBack(let whole): request = request.completing(whole)
      case .collect: state.consumed(body.bytes.readableBytes, phase.direction)
      case .deliver(nil), .pass, .reject: break
      }
    }
    try? state.answer(request, with: response(answer, phase), send: check)
  }
}

/// Each message that is sent is a ProcessingResponse, as the generated code sees it.
private func check(_ write: (inout ByteBuffer) -> Void) {
  var buffer = ByteBuffer()
  write(&buffer)
  guard (try? ProcessingResponseMessage(serializedBytes: Array(buffer: buffer))) != nil else {
    fatalError("what was sent is no ProcessingResponse: \(buffer.hexDump(format: .compact))")
  }
}

private func response(_ answer: UInt8, _ phase: Phase) -> ProcessingResponse {
  let mutation = HeaderMutation(set: ["name": "value", ":path": "/"], append: ["list": "1"], remove: ["old"])
  let text = String(repeating: "x", count: Int(answer) * 400)
  switch (answer % 8, phase) {
  case (0, _): return .continue(phase)
  case (1, .requestHeaders): return .requestHeaders(.mutate(mutation))
  case (1, .responseHeaders): return .responseHeaders(.replace(body: ByteBuffer(string: text), mutation: mutation))
  case (2, .requestHeaders):
    return .requestHeaders(.continue.overridingMode(ModeOverride(requestBody: .init(rawValue: Int(answer >> 3)))))
  case (3, .requestHeaders): return .requestHeaders(.streamed(StreamedImmediateResponse(status: 200)))
  case (_, .requestBody): return .requestBody(.replace(text, mutation: mutation))
  case (_, .responseBody): return .responseBody(.replace(text).settingMetadata(["a": "b"], in: "c"))
  case (_, .requestTrailers): return .requestTrailers(.mutate(mutation))
  case (_, .responseTrailers): return .responseTrailers(.mutate(mutation))
  default: return .immediate(ImmediateResponse(status: Int(answer) * 4, headers: mutation, body: ByteBuffer(string: text)))
  }
}

/// The bytes of a gRPC stream, in pieces whose length the bytes themselves say.
private func cutMessages(_ bytes: ByteBuffer) {
  var bytes = bytes
  var deframer = MessageDeframer(maxMessageLength: 1_000)
  while let length: UInt8 = bytes.readInteger() {
    deframer.append(bytes.readSlice(length: min(Int(length), bytes.readableBytes))!)
    do throws(GRPCStatus) {
      while let message = try deframer.next() {
        precondition(message.payload.readableBytes <= 1_000)
        if message.compressed { _ = try? Gzip.decompress(message.payload, maxLength: 1_000) }
      }
    } catch {
      return
    }
  }
}

/// Values of gRPC's header fields.
private func readFields(_ bytes: ByteBuffer) {
  let view = Array(bytes.readableBytesView)
  _ = GRPCTimeout.parse(view)
  let text = PercentEncoding.decode(view)
  precondition(PercentEncoding.decode(Array(PercentEncoding.encode(text).utf8)) == text)
  let value = String(decoding: view, as: UTF8.self)
  _ = Array(Metadata(["a-bin": value, "grpc-timeout": value]))
  _ = Compression.accepted(value)
}

/// A client's bytes behind its preface, on a session that answers whatever it is asked.
private func receiveFrames(_ bytes: ByteBuffer) {
  let session = HTTP2Session(role: .server)
  defer {
    session.connectionClosed()
    while session.nextEvent() != nil {}
  }
  var input = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
  input.writeBytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
  input.writeImmutableBuffer(bytes)
  do throws(HTTP2Error) {
    try session.receive(input)
    answerEvents(session)
    var output = ByteBuffer()
    try session.writeOutput(to: &output, limit: 1 << 20)
  } catch {}
}

private func answerEvents(_ session: HTTP2Session) {
  while let event = session.nextEvent() {
    switch consume event {
    case .headers(let stream, _):
      let stream = stream.takeUnretainedValue()
      guard !stream.isClosed else { continue }
      stream.sendHeaders([":status": "200"])
      stream.write { $0.writeString("hello") }
    case .data(let stream, let data): stream.takeUnretainedValue().consumed(data.readableBytes)
    case .end(let stream):
      let stream = stream.takeUnretainedValue()
      if !stream.isClosed { stream.end(trailers: ["grpc-status": "0"]) }
    default: break
    }
  }
}
