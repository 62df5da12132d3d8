// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite("Errors in a gRPC proxy's file: routes") struct RouteErrorTests {
  private static let backends = "backends: [{ name: a, endpoints: 'h:1' }, { name: b, endpoints: 'h:1' }]\nroutes:\n- "

  /// A key of a route on line 4, and the beginning of the error.
  @Test(
    "routes",
    arguments: [
      ("host: a", "4: unknown key 'host' in a route: one of authority, service, method, metadata, backend"),
      ("authority: ''", "4: 'authority' of a route is '': a host"),
      ("authority: '*'", "4: 'authority' of a route is '*': a host, as api.example.com, or all below one"),
      ("service: /a.B", "4: 'service' of a route is '/a.B': a full name, as shop.v1.Orders"),
      ("service: a.B*", "4: 'service' of a route is 'a.B*': a full name"),
      ("service: .*", "4: 'service' of a route is '.*': a full name"),
      ("method: a.B/C", "4: 'method' of a route is 'a.B/C': a method's name alone"),
      ("method: ''", "4: 'method' of a route is '': a method's name alone"),
      ("metadata: x-a", "4: 'metadata' of a route has to be a mapping"),
      ("metadata:\n    grpc-a: b", "5: 'grpc-a' of metadata cannot be used: metadata name 'grpc-a' is reserved; take"),
      ("metadata: { x-a-bin: b }", "4: 'x-a-bin' of metadata cannot be used: metadata 'x-a-bin': text under"),
      ("metadata: { x-a: [b] }", "4: 'x-a' of metadata has to be a text"),
      ("metadata: { x-a: 1, X-A: 2 }", "4: the metadata 'X-A' is there twice; keep one"),
      ("refuse: { code: INTERNAL }", "3: a route has both 'backend' and 'refuse'; keep one"),
      ("deadline: 15", "4: 'deadline' of a route is '15': a time with its unit"),
      ("deadline: 0s", "4: 'deadline' of a route is '0s': a time over 0"),
      ("max_message_size: 4MiB", "4: 'max_message_size' of a route is '4MiB': a number from 1 to 4294967295"),
      ("set_metadata:\n    TE: a", "5: 'TE' of set_metadata cannot be used: metadata name 'te' is reserved; take"),
      ("set_metadata: { a b: c }", "4: 'a b' of set_metadata cannot be used: metadata name 'a b' is not a token"),
      ("set_metadata: { x-a: é }", "4: 'x-a' of set_metadata cannot be used: metadata 'x-a': text is not printable"),
      ("set_metadata: { x-a: }", "4: 'x-a' of set_metadata has no value; give it one, or use 'remove_metadata'"),
      ("set_metadata: { x-a: [] }", "4: 'x-a' of set_metadata has no value; give it one"),
      ("set_metadata: { x-a: b, X-A: c }", "4: the metadata 'X-A' is there twice; keep one"),
      ("remove_metadata: grpc-timeout", "4: 'grpc-timeout' of remove_metadata cannot be used: metadata name"),
      ("remove_metadata: [x-a, x-a]", "4: the metadata 'x-a' is there twice; keep one"),
      ("remove_metadata: X-A\n  set_metadata: { x-a: b }", "4: 'x-a' is set, which removes what the client sent"),
    ])
  func route(text: String, error: String) {
    expectError(error, in: Self.backends + "backend: a\n  \(text)")
  }

  @Test(
    "what routes do, and their order",
    arguments: [
      ("{ backend: c }", "3: unknown backend 'c': one of a, b"),
      ("{ service: a.B }", "3: a route has no 'backend' or 'refuse'; give it one"),
      ("{ refuse: INTERNAL }", "3: 'refuse' of a route has to be a mapping"),
      ("{ refuse: { message: a } }", "3: 'refuse' has no 'code'; give it one"),
      ("{ refuse: { code: OK } }", "3: 'code' of 'refuse' is 'OK': one of CANCELLED, UNKNOWN, INVALID_ARGUMENT"),
      ("{ refuse: { code: 7 } }", "3: 'code' of 'refuse' is '7': one of CANCELLED"),
      ("{ refuse: { status: INTERNAL } }", "3: unknown key 'status' in 'refuse': one of code, message"),
      (
        "{ refuse: { code: INTERNAL }, deadline: 1s }",
        "3: a route with 'refuse' goes to no backend; leave 'deadline' out"
      ),
      (
        "{ backend: a }\n- { service: a.B, backend: b }",
        "4: no call gets to this route: that of line 3 is for every call; put that last"
      ),
      (
        "{ service: a.B, backend: a }\n- { method: C, backend: a }\n- { service: a.B, backend: b }",
        "5: no call gets to this route: that of line 3 is for the same calls; keep one"
      ),
      (
        "{ authority: Example.com, backend: a }\n- { authority: example.COM, backend: b }",
        "4: no call gets to this route: that of line 3 is for the same calls; keep one"
      ),
      (
        "{ method: C, backend: a }\n- { service: shop.*, backend: a }\n- { service: shop.v1.Orders, backend: b }",
        "5: no call gets to this route: that of line 4 is for all of its calls; put that behind it"
      ),
    ])
  func routes(text: String, error: String) {
    expectError(error, in: Self.backends + text)
  }

  @Test(
    "the file",
    arguments: [
      ("", " it is empty: it needs 'routes'"), ("backends: []", "1: the file has no 'routes'; give it one"),
      ("routes: []", "1: 'routes' of the file are none; give one"),
      ("routes: { backend: a }", "1: unknown backend 'a': there is none"),
      ("upstreams: []", "1: unknown key 'upstreams' in the file: one of backends, routes"),
      ("- a", "1: the file has to be a mapping"), ("routes: [", "2: it is no YAML: "),
    ])
  func file(text: String, error: String) { expectError(error, in: text) }
}
