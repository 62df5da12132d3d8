// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

extension Trial {
  /// Changes of headers that Envoy applies in its own way.
  static let mutations: [Trial] = [
    mutation(
      "routing headers",
      .of(set: [
        ":authority": "other", ":scheme": "https", ":method": "PUT", "host": "h", "x-envoy-a": "1", ":path": "/p",
      ])),
    mutation("allow_all_routing", .of(set: [":authority": "other", ":method": "PUT"])) {
      $0.mutationRules.allowAllRouting = true
    },
    mutation("host means :authority", .of(set: ["host": "other"])) { $0.mutationRules.allowAllRouting = true },
    mutation("allow_envoy", .of(set: ["x-envoy-a": "1"])) { $0.mutationRules.allowEnvoy = true },
    mutation("disallow_all", .of(set: ["x-new": "1"], remove: ["x-a"])) { $0.mutationRules.disallowAll = true },
    mutation("disallow_system", .of(set: ["x-new": "1", ":path": "/p"])) { $0.mutationRules.disallowSystem = true },
    mutation("disallow_is_error sets", .of(set: [":method": "PUT"])) { $0.mutationRules.disallowIsError = true },
    mutation("disallow_is_error removes", .of(remove: [":path"])) { $0.mutationRules.disallowIsError = true },
    mutation(
      "removals that no rule allows", .of(remove: [":path", "host", "x-a", "x-envoy-expected-rq-timeout-ms", ""])),
    mutation("an upper-case name", .of(set: ["X-New": "1"], remove: ["X-A"])),
    mutation("a bad name", .of(set: ["bad name": "1"])),
    mutation("a bad value", .of(set: ["x-new": "a\nb"])),
    mutation("a bad name to remove", .of(remove: ["bad name"])),
    mutation("many", .with { $0.setHeaders = (0..<101).map { .setting("x-\($0)", "1") } }),
    mutation("many to remove", .of(remove: (0..<101).map { "x-\($0)" })),
    mutation("too many in the end", .with { $0.setHeaders = (0..<99).map { .setting("x-\($0)", "1") } }),
    mutation("too long in the end", .of(set: ["x-long": String(repeating: "a", count: 61_440)])),
    mutation(
      "value instead of raw_value",
      .with {
        $0.setHeaders = [
          .with {
            $0.header.key = "x-a"; $0.header.value = "2"
          }
        ]
      }),
    mutation(
      "value and raw_value",
      .with {
        $0.setHeaders = [
          .with {
            $0.header.key = "x-a"; $0.header.value = "2"; $0.header.rawValue = Data("3".utf8)
          }
        ]
      }),
    mutation(
      "append",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting("x-a", "2"); $0.append = true
          }
        ]
      }),
    mutation(
      "append to :path",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting(":path", "/2"); $0.append = true
          }
        ]
      }),
    mutation(
      "append_action ADD_IF_ABSENT",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting("x-a", "2"); $0.appendAction = .addIfAbsent
          }
        ]
      }),
    mutation(
      "append_action OVERWRITE_IF_EXISTS",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting("x-n", "2"); $0.appendAction = .overwriteIfExists
          }
        ]
      }),
    mutation(
      "append_action APPEND",
      .with {
        $0.setHeaders = [
          .with {
            $0 = .setting("x-a", "2"); $0.appendAction = .appendIfExistsOrAdd
          }
        ]
      }),
    mutation("a control character", .of(set: ["x-new": "a\u{1}b"])),
    mutation("a tab", .of(set: ["x-new": "a\tb"])),
    Trial("a bad status") { message in
      guard case .responseHeaders = message.request else { return Act.pass(message) }
      return [.reply(.responseHeaders(.headers(set: [":status": "99", "x-new": "1"])))]
    },
    Trial("a body without CONTINUE_AND_REPLACE", request: post) { message in
      guard case .requestHeaders = message.request else { return Act.pass(message) }
      return [.reply(.requestHeaders(.body("instead")))]
    },
  ]

  private static func mutation(
    _ name: String, _ mutation: Mutation, filter: (inout EnvoyFilter) -> Void = { _ in }
  ) -> Trial {
    Trial("mutation: \(name)", request: HTTPRequest(fields: ["x-a": "1"]), filter: filter) { message in
      guard case .requestHeaders = message.request else { return Act.pass(message) }
      return [.reply(.requestHeaders(.with { $0.headerMutation = mutation }))]
    }
  }
}
