// SPDX-License-Identifier: Apache-2.0
import ExtProcTesting
import Foundation
import SwiftProtobuf

// What trials are made of.

func bodies(_ mode: BodySendMode) -> (inout ProcessingMode) -> Void {
  { ($0.requestBodyMode, $0.responseBodyMode) = (mode, mode) }
}

func everything(_ mode: BodySendMode) -> (inout ProcessingMode) -> Void {
  {
    bodies(mode)(&$0)
    ($0.requestTrailerMode, $0.responseTrailerMode) = (.send, .send)
  }
}

let post = HTTPRequest("POST", "/path", fields: ["x-a": "1"], body: "hello")
let chunked = HTTPRequest("POST", "/path", body: "hello", isChunked: true)
let trailing = HTTPRequest("POST", "/path", body: "hello", trailers: ["x-t": "1"])
let trailingAnswer = HTTPResponse(body: "answer", trailers: ["x-u": "1"])
let modes: [BodySendMode] = [.none, .streamed, .buffered, .bufferedPartial, .fullDuplexStreamed]

extension Common {
  var continuingAndReplacing: Common {
    var common = self
    common.status = .continueAndReplace
    return common
  }
}

extension Envoy_Config_Core_V3_HeaderValueOption {
  static func setting(_ name: String, _ value: String) -> Self {
    .with {
      $0.header.key = name
      $0.header.rawValue = Data(value.utf8)
    }
  }
}

extension ProcessingResponseMessage {
  static func local(_ fields: KeyValuePairs<String, String>, isLast: Bool = false) -> Self {
    with {
      $0.streamedImmediateResponse.headersResponse = .with {
        $0.endOfStream = isLast
        $0.headers.headers = fields.map { name, value in
          .with {
            $0.key = name
            $0.rawValue = Data(value.utf8)
          }
        }
      }
    }
  }

  static func localBody(_ text: String, _ isLast: Bool) -> Self {
    with {
      $0.streamedImmediateResponse.bodyResponse = .with {
        $0.body = Data(text.utf8)
        $0.endOfStream = isLast
      }
    }
  }
}
