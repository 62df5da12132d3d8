#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the CPU time of Envoy's process for each request, with filters that do the same by different means.

    swift run envoyrun HelloApp --print-envoy-config >/dev/null      # builds it; AddHeader likewise
    python3 -m venv /tmp/pyvoy && /tmp/pyvoy/bin/pip install pyvoy
    Benchmarks/within_envoy.py ENVOY .build/envoyrun/release /tmp/pyvoy/bin/pyvoy

Rounds measure every variant, one after the other, so that what else the machine does meets all of them. Needs h2load.
"""

import argparse
import atexit
import glob
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

TYPE = "type.googleapis.com/envoy.extensions."
LUA = """
function envoy_on_request(handle)
  handle:headers():replace("header-request", "request")
  handle:clearRouteCache()
end
function envoy_on_response(handle)
  handle:headers():replace("header-response", "response")
  handle:headers():remove("foo")
end
"""
ROUTER = {"name": "router", "typed_config": {"@type": TYPE + "filters.http.router.v3.Router"}}
HELLO_PY = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"6")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello\\n"})
"""


def module(library, name, terminal=False):
    config = {
        "@type": TYPE + "filters.http.dynamic_modules.v3.DynamicModuleFilter",
        "dynamic_module_config": {"name": library, "do_not_close": True},
        "filter_name": name,
        "terminal_filter": terminal,
    }
    return {"name": name, "typed_config": config}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def configuration(filters, port):
    answer = {"status": 200, "body": {"inline_string": "fifteen bytes.\n"}}
    manager = {
        "@type": TYPE + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "generate_request_id": False,
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": answer}]}
            ]
        },
        "http_filters": filters,
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    listener = {
        "name": "http",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [chain],
    }
    return {"static_resources": {"listeners": [listener]}}


class Variant:
    def __init__(self, name, start, load):
        self.name, self.load, self.port, self.figures = name, load, free_port(), []
        self.process = start(self.port)
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/").read()
                return
            except OSError:
                time.sleep(0.1)
        sys.exit(f"{name} does not answer")

    def seconds(self):
        # Of all threads, in nanoseconds: the process's own times are in ticks.
        files = glob.glob(f"/proc/{self.process.pid}/task/*/schedstat")
        return sum(int(open(file).read().split()[0]) for file in files) / 1e9

    def measure(self, requests):
        before = self.seconds()
        command = ["h2load", *self.load, "-n", str(requests), f"http://127.0.0.1:{self.port}/"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if f"{requests} succeeded" not in output:
            sys.exit(f"{self.name}: not all requests succeeded\n{output}")
        self.figures.append((self.seconds() - before) / requests * 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("envoy")
    parser.add_argument("modules", help="folder of the libraries")
    parser.add_argument("pyvoy", nargs="?", help="pyvoy's program")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=40_000)
    options = parser.parse_args()
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    with open(folder + "/hello.py", "w") as file:
        file.write(HELLO_PY)
    environment = {**os.environ, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": os.path.abspath(options.modules)}

    def run(command, path):
        quiet = ["-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        return subprocess.Popen(command + quiet, env=environment, cwd=folder)

    def envoy(*filters):
        def start(port):
            path = f"{folder}/{port}.json"
            with open(path, "w") as file:
                json.dump(configuration(list(filters), port), file)
            return run([os.path.abspath(options.envoy)], path)

        return start

    def pyvoy(port):
        def printed(what):
            command = [os.path.abspath(options.pyvoy), "hello", "--port", str(port), "--print-envoy-" + what]
            return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout

        with open(f"{folder}/{port}.yaml", "w") as file:
            file.write(printed("config"))
        with open(f"{folder}/{port}.sh", "w") as file:
            file.write(printed("entrypoint"))
        return run(["sh", f"{folder}/{port}.sh"], f"{folder}/{port}.yaml")

    h1, h2 = ["--h1", "-c16"], ["-c16", "-m4"]
    lua = {"@type": TYPE + "filters.http.lua.v3.Lua", "default_source_code": {"inline_string": LUA}}
    header = module("AddHeaderModule", "add-header")
    hello = envoy(module("HelloApp", "hello", terminal=True))
    variants = []
    try:
        variants.append(Variant("no filter, h1", envoy(ROUTER), h1))
        variants.append(Variant("AddHeader, h1", envoy(header, ROUTER), h1))
        variants.append(Variant("Lua, h1", envoy({"name": "lua", "typed_config": lua}, ROUTER), h1))
        for name, load in ("h1", h1), ("h2", h2):
            variants.append(Variant(f"HelloApp, {name}", hello, load))
            if options.pyvoy:
                variants.append(Variant(f"pyvoy, {name}", pyvoy, load))
        for variant in variants:
            variant.measure(5_000)
            variant.figures.clear()
        for _ in range(options.rounds):
            for variant in variants:
                variant.measure(options.requests)
    finally:
        for variant in variants:
            variant.process.terminate()
            variant.process.wait()
    print("µs of Envoy's CPU a request: median, least, most, and the median of what it is over no filter in the same round")
    for variant in variants:
        figures = variant.figures
        over = statistics.median(one - other for one, other in zip(figures, variants[0].figures))
        print(f"{variant.name:16} {statistics.median(figures):6.2f} {min(figures):6.2f} {max(figures):6.2f} {over:6.2f}")


main()
