# SPDX-License-Identifier: Apache-2.0
"""gRPC's own Python library as a peer: a client that tries our server, or a server that our client tries.

  interop.py client TARGET [CERTIFICATE]             runs every case, prints "ok NAME" or "FAIL NAME: why" for each
  interop.py server ADDRESS [CERTIFICATE KEY]        prints "serving on PORT" and serves until it is ended

Messages are plain bytes, so that nothing needs to be generated.
"""

import concurrent.futures
import os
import sys
import threading

import grpc

SERVICE = "/interop.Test/"
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n"
TIMEOUT = 20


class Client:
    """The cases, each a method; names are those of gRPC's interop test descriptions where there is one."""

    def __init__(self, channel):
        self.channel = channel

    def unary(self, method):
        return self.channel.unary_unary(SERVICE + method)

    def bidi(self, method):
        return self.channel.stream_stream(SERVICE + method)

    def echo_unary(self):
        for message in (b"", b"x", bytes(range(256)) * 100):
            same(self.unary("Echo")(message, timeout=TIMEOUT), message)

    def large_unary(self):
        same(len(self.unary("Large")(bytes(271_828), timeout=TIMEOUT)), 314_159)

    def client_streaming(self):
        call = self.channel.stream_unary(SERVICE + "Collect")
        sizes = (27_182, 8, 1_828, 45_904)
        same(call((bytes(size) for size in sizes), timeout=TIMEOUT), b"74922")

    def server_streaming(self):
        call = self.channel.unary_stream(SERVICE + "Count")(b"1000", timeout=TIMEOUT)
        same(list(call), [str(number).encode() for number in range(1000)])

    def ping_pong(self):
        requests = Feed()
        answers = self.bidi("Echo")(requests, timeout=TIMEOUT)
        for number in range(100):
            requests.put(str(number).encode())
            same(next(answers), str(number).encode())
        requests.end()
        same(list(answers), [])
        same(answers.code(), grpc.StatusCode.OK)

    def empty_stream(self):
        same(list(self.bidi("Echo")(iter(()), timeout=TIMEOUT)), [])

    def compressed_unary(self):
        message = b"again and again " * 10_000
        same(self.unary("Echo")(message, timeout=TIMEOUT, compression=grpc.Compression.Gzip), message)

    def compressed_streaming(self):
        messages = [b"again " * count for count in range(1, 100)]
        same(list(self.bidi("Echo")(iter(messages), timeout=TIMEOUT, compression=grpc.Compression.Gzip)), messages)

    def unsupported_compression(self):
        error = failure(lambda: self.unary("Echo")(b"x" * 1000, timeout=TIMEOUT, compression=grpc.Compression.Deflate))
        same(error.code(), grpc.StatusCode.UNIMPLEMENTED)

    def status_codes(self):
        for code in grpc.StatusCode:
            if code is grpc.StatusCode.OK:
                continue
            error = failure(lambda: self.unary("Fail")(f"{code.value[0]} because".encode(), timeout=TIMEOUT))
            same((error.code(), error.details()), (code, "because"))

    def special_status_message(self):
        error = failure(lambda: self.unary("Fail")(f"2 {SPECIAL_MESSAGE}".encode(), timeout=TIMEOUT))
        same((error.code(), error.details()), (grpc.StatusCode.UNKNOWN, SPECIAL_MESSAGE))

    def custom_metadata(self):
        metadata = [("x-twice", "a"), ("x-data-bin", b"\x00\xff\xab"), ("x-twice", "b, c"), ("x-data-bin", b"")]
        _, call = self.unary("Trailers").with_call(b"", timeout=TIMEOUT, metadata=metadata)
        same([tuple(entry) for entry in call.trailing_metadata() if entry[0].startswith("x-")], metadata)

    def unimplemented_method(self):
        same(failure(lambda: self.unary("None")(b"", timeout=TIMEOUT)).code(), grpc.StatusCode.UNIMPLEMENTED)

    def unimplemented_service(self):
        call = self.channel.unary_unary("/interop.None/Echo")
        same(failure(lambda: call(b"", timeout=TIMEOUT)).code(), grpc.StatusCode.UNIMPLEMENTED)

    def cancel_after_begin(self):
        call = self.channel.stream_unary(SERVICE + "Sleep").future(Feed())
        same(self.unary("WaitForSleeper")(b"started", timeout=TIMEOUT), b"started")
        call.cancel()
        same(call.code(), grpc.StatusCode.CANCELLED)
        same(self.unary("WaitForSleeper")(b"cancelled", timeout=TIMEOUT), b"cancelled")

    def cancel_after_first_response(self):
        requests = Feed()
        call = self.bidi("Echo")(requests, timeout=TIMEOUT)
        requests.put(b"x")
        same(next(call), b"x")
        call.cancel()
        same(failure(lambda: next(call)).code(), grpc.StatusCode.CANCELLED)

    def timeout_on_sleeping_server(self):
        error = failure(lambda: self.unary("Sleep")(b"", timeout=2))
        same(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        same(self.unary("WaitForSleeper")(b"cancelled", timeout=TIMEOUT), b"cancelled")

    def concurrent_large_unary(self):
        call = self.unary("Large")
        calls = [call.future(bytes(271_828), timeout=TIMEOUT) for _ in range(100)]
        for future in calls:
            same(len(future.result()), 314_159)

    def message_over_limit(self):
        error = failure(lambda: self.unary("Echo")(bytes(4 * 1024 * 1024 + 1), timeout=TIMEOUT))
        same(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        same(len(self.unary("Collect")(bytes(4 * 1024 * 1024), timeout=TIMEOUT)), 7)

    def soak(self):
        call = self.unary("Echo")
        for number in range(1000):
            same(call(str(number).encode(), timeout=TIMEOUT), str(number).encode())

    def health(self):
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        stub = health_pb2_grpc.HealthStub(self.channel)
        serving = health_pb2.HealthCheckResponse.SERVING
        same(stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT).status, serving)
        error = failure(lambda: stub.Check(health_pb2.HealthCheckRequest(service="none"), timeout=TIMEOUT))
        same(error.code(), grpc.StatusCode.NOT_FOUND)
        if hasattr(stub, "List"):
            statuses = stub.List(health_pb2.HealthListRequest(), timeout=TIMEOUT).statuses
            same({name: status.status for name, status in statuses.items()}, {"": serving})
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="watched"), timeout=TIMEOUT)
        same(next(watch).status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
        self.unary("SetHealth")(b"watched", timeout=TIMEOUT)
        same(next(watch).status, serving)
        watch.cancel()

    def reflection(self):
        from grpc_reflection.v1alpha import proto_reflection_descriptor_database as database

        reflected = database.ProtoReflectionDescriptorDatabase(self.channel)
        names = [
            "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
            "interop.Test",
        ]
        same(sorted(reflected.get_services()), names)
        file = reflected.FindFileContainingSymbol("grpc.health.v1.HealthCheckResponse.ServingStatus")
        same(file.package, "grpc.health.v1")
        same(failure(lambda: reflected.FindFileContainingSymbol("no.Such"), KeyError) is not None, True)


class Server(grpc.GenericRpcHandler):
    """The methods that our client's tests call."""

    def __init__(self):
        self.ended = threading.Semaphore(0)

    def service(self, details):
        make = {
            "Echo": lambda: grpc.stream_stream_rpc_method_handler(self.echo),
            "Large": lambda: grpc.unary_unary_rpc_method_handler(lambda request, _: bytes(314_159)),
            "Collect": lambda: grpc.stream_unary_rpc_method_handler(self.collect),
            "Count": lambda: grpc.unary_stream_rpc_method_handler(self.count),
            "Fail": lambda: grpc.unary_unary_rpc_method_handler(self.fail),
            "Metadata": lambda: grpc.unary_unary_rpc_method_handler(self.metadata),
            "Sleep": lambda: grpc.unary_unary_rpc_method_handler(self.sleep),
            "WaitForSleeper": lambda: grpc.unary_unary_rpc_method_handler(self.wait_for_sleeper),
            "Compressed": lambda: grpc.unary_unary_rpc_method_handler(self.compressed),
        }.get(details.method.removeprefix(SERVICE))
        return make and make()

    def echo(self, requests, context):
        yield from requests

    def collect(self, requests, context):
        return str(sum(len(request) for request in requests)).encode()

    def count(self, request, context):
        return (str(number).encode() for number in range(int(request)))

    def fail(self, request, context):
        number, message = request.decode().split(" ", 1)
        code = next(code for code in grpc.StatusCode if code.value[0] == int(number))
        context.abort(code, message)

    def metadata(self, request, context):
        entries = [tuple(entry) for entry in context.invocation_metadata() if entry.key.startswith("x-")]
        context.send_initial_metadata([("x-first", "1")] + entries)
        context.set_trailing_metadata(entries + [("x-last", "2")])
        return b"done"

    def sleep(self, request, context):
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait()
        self.ended.release()
        return b""

    def wait_for_sleeper(self, request, context):
        self.ended.acquire()
        return b"ended"

    def compressed(self, request, context):
        context.set_compression(grpc.Compression.Gzip)
        return request


class Feed:
    """Messages to send, one by one."""

    def __init__(self):
        self.condition = threading.Condition()
        self.messages = []

    def put(self, message):
        with self.condition:
            self.messages.append(message)
            self.condition.notify()

    def end(self):
        self.put(None)

    def __iter__(self):
        return self

    def __next__(self):
        with self.condition:
            self.condition.wait_for(lambda: self.messages)
            message = self.messages.pop(0)
        if message is None:
            raise StopIteration
        return message


def same(found, expected):
    if found != expected:
        raise AssertionError(f"{found!r:.300} instead of {expected!r:.300}")


def failure(call, kind=grpc.RpcError):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError("no error")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def client(target, certificate=None):
    options = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    if certificate:
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(read(certificate)), options)
    else:
        channel = grpc.insecure_channel(target, options)
    names = [name for name in vars(Client) if not name.startswith("_") and name not in ("unary", "bidi")]
    failed = False
    for name in names:
        try:
            getattr(Client(channel), name)()
            print(f"ok {name}", flush=True)
        except Exception as error:  # each case says for itself what went wrong
            failed = True
            print(f"FAIL {name}: {type(error).__name__}: {error}".replace("\n", " "), flush=True)
    channel.close()
    return 1 if failed else 0


def server(address, certificate=None, key=None):
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=64)
    serving = grpc.server(pool, handlers=(Server(),))
    if certificate:
        credentials = grpc.ssl_server_credentials([(read(key), read(certificate))])
        port = serving.add_secure_port(address, credentials)
    else:
        port = serving.add_insecure_port(address)
    serving.start()
    print(f"serving on {port}", flush=True)
    serving.wait_for_termination()
    return 0


if __name__ == "__main__":
    # Threads that still feed a call must not keep the process from ending.
    status = {"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
    sys.stdout.flush()
    os._exit(status)
