# SPDX-License-Identifier: Apache-2.0
"""gRPC's own Python library at either end of our proxy.

  proxy_peer.py client TARGET [CERTIFICATE]          runs every case, prints "ok NAME" or "FAIL NAME: why" for each
  proxy_peer.py backend ADDRESS [CERTIFICATE KEY]    prints "serving on PORT", serves until it is ended, and prints
                                                     "begun METHOD SECONDS-LEFT" and "ended METHOD" for each call

Messages are plain bytes, so that nothing needs to be generated.
"""

import concurrent.futures
import os
import queue
import sys
import threading

import grpc

SERVICE = "/test.Pings/"
DETAILS = bytes(range(256))
LARGE = 6 * 1024 * 1024
TIMEOUT = 20
OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class Cases:
    """What a client sees, each case a method; those of the list in ProxyCases.swift, under the same names."""

    def __init__(self, channel):
        self._channel = channel

    def _ask(self, method, message=b"", **options):
        return self._channel.unary_unary(SERVICE + method).with_call(message, timeout=TIMEOUT, **options)

    def _list(self, method, message):
        return self._channel.unary_stream(SERVICE + method)(message, timeout=TIMEOUT)

    def _converse(self, method, **options):
        requests = Requests()
        return requests, self._channel.stream_stream(SERVICE + method)(requests, **{"timeout": TIMEOUT, **options})

    def p1_client_metadata(self):
        for _ in range(50):
            answer, _ = self._ask("PingEmpty", metadata=[("test-client-header", "true")])
            same(answer, b"42 I like kittens.")

    def p2_headers_and_trailers(self):
        answer, call = self._ask("Ping", b"foo", metadata=[("test-client-header", "true")])
        same(answer, b"42 foo")
        same(values(call.initial_metadata(), "test-client-header"), ["true"])
        same([tuple(entry) for entry in call.trailing_metadata()], [("ping-trailer", "Arbitrary trailer text")])

    def p3_application_error(self):
        error = failure(lambda: self._ask("PingError"))
        same((error.code(), error.details()), (grpc.StatusCode.FAILED_PRECONDITION, "Userspace error."))

    def p4_director_error(self):
        error = failure(lambda: self._ask("Ping", metadata=[("test-reject-rpc-if-in-context", "true")]))
        same((error.code(), error.details()), (grpc.StatusCode.PERMISSION_DENIED, "testing rejection"))

    def p5_ping_pong(self):
        for _ in range(50):
            requests, answers = self._converse("PingStream")
            for number in range(20):
                requests.put(b"foo")
                same(next(answers), b"%d foo" % number)
                if number == 0:
                    same(values(answers.initial_metadata(), "ping-header"), ["Arbitrary header text"])
            requests.end()
            same(list(answers), [])
            same(answers.code(), grpc.StatusCode.OK)
            same([entry.key for entry in answers.trailing_metadata()], ["ping-trailer"])

    def p6_bytes_unchanged(self):
        requests, answers = self._converse("Echo")
        for message in (b"\xde\xad\xbe\xef", b"\x55"):
            requests.put(message)
            same(next(answers), message)
        requests.end()
        same(list(answers), [])

    def p7_conformance(self):
        self._conformance()

    def p8_conformance_compressed(self):
        self._conformance(compression=grpc.Compression.Gzip)

    def _conformance(self, **options):
        metadata = [("test-client-header", "I like turtles.")]
        answer, call = self._ask("Ping", b"foo " * 500, metadata=metadata, **options)
        same(answer, b"42 " + b"foo " * 500)
        same(values(call.initial_metadata(), "test-client-header"), ["I like turtles."])
        same(failure(lambda: self._ask("PingError", **options)).code(), grpc.StatusCode.FAILED_PRECONDITION)
        answers = self._list("PingList", b"foo")
        same(list(answers), [b"%d foo" % number for number in range(10)])
        requests, conversation = self._converse("PingStream", **options)
        for number in range(25):
            requests.put(b"foo " * 500)
            same(next(conversation), b"%d " % number + b"foo " * 500)
        requests.end()
        same(list(conversation), [])
        for call in (answers, conversation):
            same(values(call.initial_metadata(), "ping-header"), ["Arbitrary header text"])
            same(values(call.trailing_metadata(), "ping-trailer"), ["Arbitrary trailer text"])

    def headers_before_messages(self):
        requests, answers = self._converse("HeadersFirst")
        same(values(answers.initial_metadata(), "x-early"), ["yes"])
        requests.put(b"now")
        same(next(answers), b"now")
        requests.end()
        same(list(answers), [])

    def trailers_only(self):
        error = failure(lambda: self._ask("NotFound"))
        same((error.code(), error.details()), (grpc.StatusCode.NOT_FOUND, "no such thing \u263a\n"))
        same([entry.key for entry in error.initial_metadata() or ()], [])
        same(values(error.trailing_metadata(), "x-trailer"), ["kept"])

    def rich_status(self):
        error = failure(lambda: self._ask("RichError"))
        same(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        same(values(error.trailing_metadata(), "grpc-status-details-bin"), [DETAILS])

    def metadata_in_order(self):
        metadata = [("x-twice", "a"), ("x-data-bin", b"\x00\xff\xab"), ("x-twice", "b, c"), ("x-data-bin", b"")]
        _, call = self._ask("Metadata", metadata=metadata)
        for received in (call.initial_metadata(), call.trailing_metadata()):
            same([tuple(entry) for entry in received if entry.key.startswith("x-")], metadata)

    def client_ends_first(self):
        call = self._channel.stream_unary(SERVICE + "Collect")
        same(call((bytes(size) for size in (27_182, 8, 0, 45_904)), timeout=TIMEOUT), b"73094")

    def server_ends_first(self):
        requests, answers = self._converse("Finish")
        requests.put(b"x")
        same(list(answers), [b"done"])
        same(answers.code(), grpc.StatusCode.OK)

    def cancel(self):
        requests, answers = self._converse("Sleep")
        same(values(answers.initial_metadata(), "x-early"), ["yes"])
        answers.cancel()
        same(answers.code(), grpc.StatusCode.CANCELLED)
        same(self._ask("WaitForSleeper")[0], b"ended")

    def deadline(self):
        _, answers = self._converse("Sleep", timeout=4)
        same(failure(lambda: next(answers)).code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        same(self._ask("WaitForSleeper")[0], b"ended")

    def large_and_empty_messages(self):
        requests, answers = self._converse("Echo")
        for message in (bytes(LARGE), b"", b"x"):
            requests.put(message)
            same(next(answers) == message, True)
        requests.end()
        same(list(answers), [])

    def compressed_both_ways(self):
        message = b"again and again " * 10_000
        same(self._ask("Compressed", message, compression=grpc.Compression.Gzip)[0], message)

    def unknown_method(self):
        same(failure(lambda: self._ask("None")).code(), grpc.StatusCode.UNIMPLEMENTED)


class Backend(grpc.GenericRpcHandler):
    """The service; PingService.swift has the same."""

    def __init__(self):
        self._sleepers_ended = threading.Semaphore(0)

    def service(self, details):
        streaming = {
            "PingList": self.ping_list, "PingStream": self.ping_stream, "HeadersFirst": self.headers_first,
            "Finish": self.finish, "Sleep": self.sleep, "Echo": self.echo, "Collect": self.collect,
        }
        single = {
            "PingEmpty": self.ping_empty, "Ping": self.ping, "PingError": self.ping_error, "NotFound": self.not_found,
            "RichError": self.rich_error, "Metadata": self.metadata, "WaitForSleeper": self.wait_for_sleeper,
            "Compressed": self.compressed,
        }
        name = details.method.removeprefix(SERVICE)
        if name in streaming:
            return grpc.stream_stream_rpc_method_handler(told(name, streaming[name]))
        if name in single:
            return grpc.unary_unary_rpc_method_handler(told(name, single[name]))
        return None

    def ping_empty(self, request, context):
        if values(context.invocation_metadata(), "test-client-header") != ["true"]:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no test-client-header")
        return b"42 I like kittens."

    def ping(self, request, context):
        self._send_headers(context)
        return b"42 " + request

    def ping_error(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "Userspace error.")

    def ping_list(self, requests, context):
        self._send_headers(context)
        request = next(requests)
        for number in range(10):
            yield b"%d " % number + request

    def ping_stream(self, requests, context):
        self._send_headers(context)
        for number, request in enumerate(requests):
            yield b"%d " % number + request

    def _send_headers(self, context):
        echoed = [tuple(entry) for entry in context.invocation_metadata() if entry.key == "test-client-header"]
        context.send_initial_metadata([("ping-header", "Arbitrary header text")] + echoed)
        context.set_trailing_metadata([("ping-trailer", "Arbitrary trailer text")])

    def headers_first(self, requests, context):
        context.send_initial_metadata([("x-early", "yes")])
        yield from requests

    def not_found(self, request, context):
        context.set_trailing_metadata([("x-trailer", "kept")])
        context.abort(grpc.StatusCode.NOT_FOUND, "no such thing \u263a\n")

    def rich_error(self, request, context):
        context.set_trailing_metadata([("grpc-status-details-bin", DETAILS)])
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "rich")

    def metadata(self, request, context):
        entries = [tuple(entry) for entry in context.invocation_metadata() if entry.key.startswith("x-")]
        context.send_initial_metadata(entries)
        context.set_trailing_metadata(entries)
        return b""

    def finish(self, requests, context):
        next(requests)
        yield b"done"

    def sleep(self, requests, context):
        ended = threading.Event()
        if not context.add_callback(ended.set):
            ended.set()
        context.send_initial_metadata([("x-early", "yes")])
        ended.wait()
        self._sleepers_ended.release()
        yield from ()

    def wait_for_sleeper(self, request, context):
        self._sleepers_ended.acquire()
        return b"ended"

    def echo(self, requests, context):
        yield from requests

    def collect(self, requests, context):
        yield str(sum(len(request) for request in requests)).encode()

    def compressed(self, request, context):
        context.set_compression(grpc.Compression.Gzip)
        return request


def told(name, body):
    """The method's body, with its calls told of when they begin and when they have ended."""

    def begin(request, context):
        context.add_callback(lambda: say(f"ended {name}"))
        say(f"begun {name} {context.time_remaining()}")
        return body(request, context)

    return begin


class Requests:
    """Messages that a call sends, one by one as they are put in."""

    def __init__(self):
        self._queue = queue.SimpleQueue()

    def put(self, message):
        self._queue.put(message)

    def end(self):
        self._queue.put(None)

    def __iter__(self):
        return self

    def __next__(self):
        message = self._queue.get()
        if message is None:
            raise StopIteration
        return message


def say(line):
    # In one write, for threads say something at the same time.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def values(metadata, name):
    return [entry[1] for entry in metadata if entry[0] == name]


def same(found, expected):
    if found != expected:
        raise AssertionError(f"{found!r:.300} instead of {expected!r:.300}")


def failure(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("no error")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def client(target, certificate=None):
    if certificate:
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(read(certificate)), OPTIONS)
    else:
        channel = grpc.insecure_channel(target, OPTIONS)
    status = 0
    for name in [name for name in vars(Cases) if not name.startswith("_")]:
        try:
            getattr(Cases(channel), name)()
            say(f"ok {name}")
        except Exception as error:  # each case says for itself what went wrong
            status = 1
            say(f"FAIL {name}: {type(error).__name__}: {error}".replace("\n", " "))
    channel.close()
    return status


def backend(address, certificate=None, key=None):
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=64)
    server = grpc.server(pool, handlers=(Backend(),), options=OPTIONS)
    if certificate:
        port = server.add_secure_port(address, grpc.ssl_server_credentials([(read(key), read(certificate))]))
    else:
        port = server.add_insecure_port(address)
    server.start()
    parent = os.getppid()
    say(f"serving on {port}")
    # Not longer than the test that it is for, even where that was killed.
    while os.getppid() == parent:
        server.wait_for_termination(1)
    return 0


if __name__ == "__main__":
    # Threads that still feed a call must not keep the process from ending.
    os._exit({"client": client, "backend": backend}[sys.argv[1]](*sys.argv[2:]))
