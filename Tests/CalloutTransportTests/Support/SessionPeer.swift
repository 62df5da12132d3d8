// SPDX-License-Identifier: Apache-2.0
import CalloutTransport
import NIOCore

/// A session, with what happened on it written down.
final class SessionPeer {
  /// What arrived on one stream.
  struct Record {
    var sections: [HeaderFields] = []
    var data = ByteBuffer()
    var hasEnded = false
    var closedWith: HTTP2ErrorCode?
  }

  let session: HTTP2Session
  /// Every event in order, as text.
  private(set) var log: [String] = []
  private(set) var records: [Int32: Record] = [:]
  /// Gives credit back at once for data that arrives.
  var consumesData = true
  /// Writes nothing down, where the number of events would be too large to keep.
  var isQuiet = false
  /// Called with each header section that arrives, so that a server can answer.
  var onHeaders: (HTTP2Stream) -> Void = { _ in }

  init(_ role: HTTP2Session.Role, configuration: HTTP2Configuration = HTTP2Configuration()) {
    session = HTTP2Session(role: role, configuration: configuration)
  }

  deinit { connectionClosed() }

  func receive(_ bytes: ByteBuffer) throws {
    defer { collect() }
    try session.receive(bytes)
  }

  func takeOutput(limit: Int = .max) throws -> ByteBuffer {
    var output = ByteBuffer()
    defer { collect() }
    try session.writeOutput(to: &output, limit: limit)
    return output
  }

  func connectionClosed() {
    session.connectionClosed()
    collect()
  }

  func record(_ id: Int32) -> Record { records[id] ?? Record() }

  private func collect() {
    while let event = session.nextEvent() {
      if isQuiet { handle(event) } else { note(event) }
    }
  }

  private func handle(_ event: consuming HTTP2Event) {
    switch consume event {
    case .headers(let stream, _): onHeaders(stream.takeUnretainedValue())
    case .data(let stream, let data): if consumesData { stream.takeUnretainedValue().consumed(data.readableBytes) }
    case .terminated(let code): note(.terminated(code))
    default: break
    }
  }

  private func note(_ event: consuming HTTP2Event) {
    switch consume event {
    case .headers(let stream, let fields):
      let stream = stream.takeUnretainedValue()
      log.append("headers \(stream.id)")
      records[stream.id, default: Record()].sections.append(fields)
      onHeaders(stream)
    case .data(let stream, let data):
      let stream = stream.takeUnretainedValue()
      log.append("data \(stream.id) \(data.readableBytes)")
      records[stream.id, default: Record()].data.writeImmutableBuffer(data)
      if consumesData { stream.consumed(data.readableBytes) }
    case .end(let stream):
      let stream = stream.takeUnretainedValue()
      log.append("end \(stream.id)")
      records[stream.id, default: Record()].hasEnded = true
    case .drained(let stream): log.append("drained \(stream.takeUnretainedValue().id)")
    case .closed(let stream, let code):
      log.append("closed \(stream.id) \(code)")
      records[stream.id, default: Record()].closedWith = code
    case .goAway(let code, let lastStream): log.append("goAway \(code) \(lastStream)")
    case .pingAcknowledged: log.append("pingAcknowledged")
    case .terminated(let code): log.append("terminated \(code)")
    }
  }
}

/// A client and a server session joined in memory.
struct SessionPair {
  let client: SessionPeer
  let server: SessionPeer

  init(client: HTTP2Configuration = HTTP2Configuration(), server: HTTP2Configuration = HTTP2Configuration()) throws {
    self.client = SessionPeer(.client, configuration: client)
    self.server = SessionPeer(.server, configuration: server)
    try exchange()
  }

  /// Moves bytes both ways until neither side has any more.
  func exchange() throws {
    while true {
      let fromClient = try client.takeOutput()
      if fromClient.readableBytes > 0 { try server.receive(fromClient) }
      let fromServer = try server.takeOutput()
      if fromServer.readableBytes > 0 { try client.receive(fromServer) }
      if fromClient.readableBytes + fromServer.readableBytes == 0 { return }
    }
  }

  /// Opens a request at the client and moves it to the server.
  func open(_ fields: HeaderFields = .request) throws -> (client: HTTP2Stream, server: HTTP2Stream) {
    let stream = try client.session.openStream(fields)
    try exchange()
    return (stream, server.session.stream(stream.id)!)
  }
}

/// A server session, whose client is whatever frames a test writes.
struct RawServer {
  let peer: SessionPeer

  /// Has the preface and the SETTINGS exchange behind it, unless `greeted` is false.
  init(_ configuration: HTTP2Configuration = HTTP2Configuration(), greeted: Bool = true) throws {
    peer = SessionPeer(.server, configuration: configuration)
    guard greeted else { return }
    try peer.receive(Frame.preface)
    try send(.settings(), .settingsAck)
  }

  /// Hands frames to the server; returns what it sends.
  @discardableResult
  func send(_ frames: Frame...) throws -> [Frame] { try send(frames) }

  @discardableResult
  func send(_ frames: [Frame]) throws -> [Frame] {
    try peer.receive(ByteBuffer(frames: frames))
    return try peer.takeOutput().frames
  }
}

extension HeaderFields {
  static let request: HeaderFields = [
    ":method": "POST", ":scheme": "http", ":path": "/a/b", ":authority": "test",
  ]
  static let response: HeaderFields = [":status": "200"]

  var pairs: [String] {
    var pairs: [String] = []
    forEach { pairs.append("\(String(decoding: $0, as: UTF8.self)): \(String(decoding: $1, as: UTF8.self))") }
    return pairs
  }
}
