# SPDX-License-Identifier: Apache-2.0
#
# The image of one callout server, an executable product of Package.swift:
#
#   docker build --build-arg run_module=AddHeader -t add-header .
#   docker run --rm -p 8443:8443 -p 8080:8080 -p 8000:8000 add-header --log-level debug
#
# A server that needs Debian packages of its own names them with --build-arg build_packages="libfoo-dev" and
# --build-arg runtime_packages="libfoo1".

ARG builder_image=swift:6.3-bookworm
ARG runtime_image=debian:bookworm-slim

FROM ${builder_image} AS build
ARG run_module
ARG build_packages=""
RUN test -n "$run_module" \
    || { echo "Dockerfile: no run_module; name the server: --build-arg run_module=AddHeader" >&2; exit 1; }
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
       libjwt-dev libnghttp2-dev libssl-dev pkg-config zlib1g-dev $build_packages \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
# First what changes least, so that a new build need not fetch the dependencies again.
COPY Package.* ./
RUN swift package resolve
COPY . .
RUN swift build --configuration release --static-swift-stdlib --product "$run_module" \
    && install -D --strip "$(swift build --configuration release --show-bin-path)/$run_module" /out/callout-server

FROM ${runtime_image}
ARG runtime_packages=""
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
       ca-certificates libjwt0 libnghttp2-14 libssl3 libstdc++6 zlib1g $runtime_packages \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/callout-server /usr/local/bin/callout-server
# A number, for orchestrators that want to see that it is not root's.
USER 65532:65532
# TLS, plaintext, health.
EXPOSE 8443 8080 8000
ENTRYPOINT ["/usr/local/bin/callout-server"]
