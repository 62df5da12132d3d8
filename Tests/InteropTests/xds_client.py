# SPDX-License-Identifier: Apache-2.0
"""gRPC's own xDS client, and what it needs.

  xds_client.py backends          two servers, and the resources that lead to them, a line each; runs until it is ended
  xds_client.py client ADDRESS    calls xds:///test through the control plane at ADDRESS, and says which server answers
                                  whenever another one does; runs until it is ended
"""

import base64
import json
import os
import sys
import time


def say(*words):
    print(*words, flush=True)


# --- backends


def backends():
    from concurrent import futures

    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    class NamedHealth(health.HealthServicer):
        def __init__(self, name):
            super().__init__()
            self.name = name
            self.set("", health_pb2.HealthCheckResponse.SERVING)

        def Check(self, request, context):
            context.set_trailing_metadata((("backend", self.name),))
            return super().Check(request, context)

    ports = {}
    servers = []
    for name in ("a", "b"):
        server = grpc.server(futures.ThreadPoolExecutor(2))
        health_pb2_grpc.add_HealthServicer_to_server(NamedHealth(name), server)
        ports[name] = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
    for label, name, message in resources(ports):
        say(label, message.DESCRIPTOR.full_name, name, base64.b64encode(message.SerializeToString()).decode())
    say("ready")
    while True:
        time.sleep(3600)


def resources(ports):
    """What a call of xds:///test needs, each with a word for the test and its name; endpoints are those of either backend."""
    from envoy.config.cluster.v3 import cluster_pb2
    from envoy.config.endpoint.v3 import endpoint_pb2
    from envoy.config.listener.v3 import listener_pb2
    from envoy.config.route.v3 import route_pb2
    from envoy.extensions.filters.http.router.v3 import router_pb2
    from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2

    def listener(has_router):
        manager = http_connection_manager_pb2.HttpConnectionManager()
        manager.rds.route_config_name = "routes"
        manager.rds.config_source.ads.SetInParent()
        if has_router:
            router = manager.http_filters.add(name="envoy.filters.http.router")
            router.typed_config.Pack(router_pb2.Router())
        message = listener_pb2.Listener(name="test")
        message.api_listener.api_listener.Pack(manager)
        return message

    routes = route_pb2.RouteConfiguration(name="routes")
    route = routes.virtual_hosts.add(name="all", domains=["*"]).routes.add()
    route.match.prefix = ""
    route.route.cluster = "backend"

    cluster = cluster_pb2.Cluster(name="backend", type=cluster_pb2.Cluster.EDS)
    cluster.eds_cluster_config.eds_config.ads.SetInParent()
    cluster.eds_cluster_config.service_name = "endpoints"

    def endpoints(name):
        message = endpoint_pb2.ClusterLoadAssignment(cluster_name="endpoints")
        locality = message.endpoints.add()
        locality.locality.region = "here"
        locality.load_balancing_weight.value = 1
        address = locality.lb_endpoints.add().endpoint.address.socket_address
        address.address = "127.0.0.1"
        address.port_value = ports[name]
        return message

    return [
        ("listener", "test", listener(has_router=True)),
        ("bad-listener", "test", listener(has_router=False)),
        ("routes", "routes", routes),
        ("cluster", "backend", cluster),
        ("endpoints-a", "endpoints", endpoints("a")),
        ("endpoints-b", "endpoints", endpoints("b")),
    ]


# --- client


def client(address):
    bootstrap = {
        "xds_servers": [
            {
                "server_uri": address,
                "channel_creds": [{"type": "insecure"}],
                "server_features": ["xds_v3"],
            }
        ],
        "node": {"id": "grpc-client", "cluster": "test"},
    }
    # Read when the library is loaded.
    os.environ["GRPC_XDS_BOOTSTRAP_CONFIG"] = json.dumps(bootstrap)
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    stub = health_pb2_grpc.HealthStub(grpc.insecure_channel("xds:///test"))
    last = None
    while True:
        try:
            _, call = stub.Check.with_call(health_pb2.HealthCheckRequest(), timeout=10)
            answer = "answered by " + dict(call.trailing_metadata())["backend"]
        except grpc.RpcError as error:
            answer = "failed with " + error.code().name + ": " + error.details()
        if answer != last:
            say(answer)
        last = answer
        time.sleep(0.01)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["backends"]:
            backends()
        case ["client", address]:
            client(address)
        case _:
            sys.exit(__doc__)
