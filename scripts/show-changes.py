#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends a request through Envoy and the same to httpbin itself, and prints how the two differ.

    show-changes.py ENVOY-PORT HTTPBIN-PORT

Exits 1, with one line, if there is no good answer.
"""

import http.client
import json
import sys
import urllib.parse

METHOD, PATH, BODY = "POST", "/anything/else", "hello"
HEADERS = {"foo": "bar", "content-type": "text/plain", "host": "example.com"}

# Envoy's own additions, and what differs from one message to the next.
IGNORED = {
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-internal",
    "x-envoy-original-path",
    "x-envoy-upstream-service-time",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
    "server",
    "date",
    "content-length",
    "transfer-encoding",
}


def exchange(port):
    """What httpbin received, as name and value, and the headers of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(METHOD, PATH, BODY, HEADERS)
    response = connection.getresponse()
    text = response.read().decode(errors="replace")
    if response.status != 200:
        sys.exit(f"show-changes.py: port {port} answered {response.status}, not 200: {text[:300].strip()}")
    echo = json.loads(text)
    received = kept(echo["headers"].items())
    received |= {"(path)": urllib.parse.urlsplit(echo["url"]).path, "(body)": echo["data"]}
    return received, kept(response.getheaders())


def kept(headers):
    lowercased = {name.lower(): value for name, value in headers}
    return {name: value for name, value in lowercased.items() if name not in IGNORED}


def print_changes(title, before, after):
    print(title)
    lines = []
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            lines.append(f"  - {name}: {before[name]}")
        elif name not in before:
            lines.append(f"  + {name}: {after[name]}")
        elif before[name] != after[name]:
            lines.append(f"  ~ {name}: {before[name]} -> {after[name]}")
    print("\n".join(lines or ["  (unchanged)"]))


def main():
    envoy, httpbin = map(int, sys.argv[1:])
    try:
        sent, usual_answer = exchange(httpbin)
        received, answer = exchange(envoy)
    except (OSError, http.client.HTTPException, ValueError) as error:
        sys.exit(f"show-changes.py: {error}")
    print(f"\nSent: {METHOD} {PATH}, foo: {HEADERS['foo']}, body: {BODY}")
    print_changes("What Envoy and the callout made of the request, as httpbin got it:", sent, received)
    print_changes("... and of the response, as we got it:", usual_answer, answer)


main()
