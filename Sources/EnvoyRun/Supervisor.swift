// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import Foundation
import UnixSignals

/// Runs Envoy until it ends or is told to, and anew with each change where that is wanted.
struct Supervisor {
  let command: EnvoyRun
  let executable: String
  let source: ModuleSource
  let library: ModuleLibrary

  private enum Event {
    case signal
    case ended(EnvoyChild, Int32)
    case changed(EnvoySetup)
  }

  /// Throws `ExitCode` where Envoy ends by itself.
  func run() async throws {
    // Before anything is started that a signal would leave behind.
    let signals = await UnixSignalsSequence(trapping: Self.endings)
    let folder = FileManager.default.temporaryDirectory.appending(path: "envoyrun-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(at: folder) }
    let isSelfSigned = command.tlsPort != nil && command.cert == nil
    let identity = isSelfSigned ? try TLSFiles.selfSigned(in: folder) : nil
    let (events, happened) = AsyncStream.makeStream(of: Event.self)
    let stopping = Task { for await _ in signals { happened.yield(.signal) } }
    defer { stopping.cancel() }
    var next = events.makeAsyncIterator()
    let make: EnvoySetup.Maker = { try await EnvoySetup($0, command, executable, identity: identity, in: folder) }
    var setup = try await make(library)
    while true {
      let envoy = try await setup.start()
      let watching = watch(envoy, setup, make) { happened.yield($0) }
      var event = await next.next()
      // The end of one that was replaced is no news.
      while case .ended(let other, _) = event, other !== envoy { event = await next.next() }
      for task in watching { task.cancel() }
      switch event {
      case .signal, nil: return await envoy.end()
      case .ended(_, let status): throw ExitCode(status)
      case .changed(let new):
        await envoy.end()
        setup.remove()
        setup = new
      }
    }
  }

  private func watch(
    _ envoy: EnvoyChild, _ setup: EnvoySetup, _ make: @escaping EnvoySetup.Maker,
    _ tell: @escaping @Sendable (Event) -> Void
  ) -> [Task<Void, Never>] {
    var tasks = [Task { tell(.ended(envoy, await envoy.status)) }, Task { await envoy.announce() }]
    if command.reload {
      let reloading = Reloading(source: source, make: make)
      tasks.append(Task { if let new = await reloading.change(of: setup.library) { tell(.changed(new)) } })
    }
    return tasks
  }

  /// What ends it: a closed terminal too, but for where that is ignored, as nohup has it.
  private static var endings: [UnixSignal] {
    var hangup = sigaction()
    sigaction(SIGHUP, nil, &hangup)
    let isIgnored = unsafeBitCast(hangup.__sigaction_handler.sa_handler, to: Int.self) == 1
    return [.sigterm, .sigint, .sigquit] + (isIgnored ? [] : [.sighup])
  }
}
