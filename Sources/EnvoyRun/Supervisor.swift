// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import CalloutTransport
import Foundation
import UnixSignals

/// Files of a certificate chain and its key, PEM.
struct TLSFiles {
  let certificate: String
  let privateKey: String
}

/// Runs Envoy until it ends or is told to, and anew with each change where that is wanted.
struct Supervisor {
  let command: EnvoyRun
  let executable: String
  let source: ModuleSource
  let library: ModuleLibrary
  let filter: ModuleFilter

  private enum Event {
    case signal
    case ended(EnvoyChild, Int32)
    case changed(ModuleLibrary)
  }

  /// Throws `ExitCode` where Envoy ends by itself.
  func run() async throws {
    // Before anything is started that a signal would leave behind.
    let signals = await UnixSignalsSequence(trapping: Self.endings)
    let folder = FileManager.default.temporaryDirectory.appending(path: "envoyrun-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    let identity = try selfSigned(in: folder)
    let (events, happened) = AsyncStream.makeStream(of: Event.self)
    let stopping = Task { for await _ in signals { happened.yield(.signal) } }
    defer { stopping.cancel() }
    var next = events.makeAsyncIterator()
    var library = library
    while true {
      let configuration = command.envoyConfiguration(filter, library, identity: identity)
      let envoy = try await EnvoyChild(
        executable, try configuration.yaml(), library, in: folder, workers: command.workers,
        logLevel: command.logLevel)
      let watching = watch(envoy) { happened.yield($0) }
      var event = await next.next()
      // The end of one that was replaced is no news.
      while case .ended(let other, _) = event, other !== envoy { event = await next.next() }
      for task in watching { task.cancel() }
      switch event {
      case .signal, nil: return await envoy.end()
      case .ended(_, let status): throw ExitCode(status)
      case .changed(let new):
        await envoy.end()
        library = new
      }
    }
  }

  /// What ends it: a closed terminal too, but for where that is ignored, as nohup has it.
  private static var endings: [UnixSignal] {
    var hangup = sigaction()
    sigaction(SIGHUP, nil, &hangup)
    let isIgnored = unsafeBitCast(hangup.__sigaction_handler.sa_handler, to: Int.self) == 1
    return [.sigterm, .sigint, .sigquit] + (isIgnored ? [] : [.sighup])
  }

  private func watch(_ envoy: EnvoyChild, _ tell: @escaping @Sendable (Event) -> Void) -> [Task<Void, Never>] {
    var tasks = [Task { tell(.ended(envoy, await envoy.status)) }, Task { await envoy.announce() }]
    if command.reload { tasks.append(Task { if let library = await changed() { tell(.changed(library)) } }) }
    return tasks
  }

  /// Waits for a change that can be built; nil where the task is cancelled.
  private func changed() async -> ModuleLibrary? {
    var seen = source.lastChange
    while (try? await Task.sleep(for: .seconds(1))) != nil {
      let change = source.lastChange
      guard change != seen else { continue }
      seen = change
      do {
        return try await source.library()
      } catch {
        FileHandle.standardError.write(Data("envoyrun: what runs stays: \(error)\n".utf8))
      }
    }
    return nil
  }

  /// A certificate for localhost, where TLS is wanted and none was given.
  private func selfSigned(in folder: URL) throws -> TLSFiles? {
    guard command.tlsPort != nil, command.cert == nil else { return nil }
    let identity = try TLSIdentity.selfSigned()
    let (certificate, key) = (folder.appending(path: "cert.pem"), folder.appending(path: "key.pem"))
    try Data(identity.certificateChain).write(to: certificate)
    try Data(identity.privateKey).write(to: key)
    return TLSFiles(certificate: certificate.path, privateKey: key.path)
  }
}
