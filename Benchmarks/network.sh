#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Compares network (L4) callout servers behind a real Envoy: a client sends bytes through Envoy to an echo and gets them
# back, and in both directions they go through the server.
#
#   Benchmarks/network.sh DIR [RESPONDER...]
#
# DIR gets the programs and the logs. A RESPONDER is `floor`, that is network_floor.c, or a command line in one
# argument, with {port} where the server's port belongs, and {port+1} for another. The first is what the others are
# compared with. Without any, floor is compared with itself, which shows the noise.
#
#   CONNECTIONS=8          of the client
#   BYTES=1000000000       that the client sends in a run, over all connections together
#   BUFFER_LIMIT=1048576   Envoy's per_connection_buffer_limit_bytes, which bounds the data of a message
#   ROUNDS=3               runs of each responder, by turns
#   PORT_BASE=19400        takes the five ports from there on
#   ENVOY=...              another Envoy than the one that is installed here
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"

connections=${CONNECTIONS:-8}
bytes=${BYTES:-1000000000}
buffer_limit=${BUFFER_LIMIT:-1048576}
rounds=${ROUNDS:-3}
port_base=${PORT_BASE:-19400}
ready_seconds=30
stop_seconds=10

check_arguments() {
  local name
  for name in connections bytes buffer_limit rounds port_base; do
    [[ ${!name} =~ ^[1-9][0-9]{0,12}$ ]] || fail "${name^^}=${!name}: give a number"
  done
  ((bytes >= connections)) || fail "BYTES=$bytes: give each of the $connections connections one at least"
  ports=("$port_base" $((port_base + 1)) $((port_base + 2)) $((port_base + 3)) $((port_base + 4)))
  envoy_port=${ports[0]} admin_port=${ports[1]} echo_port=${ports[2]} responder_port=${ports[3]}
  ((ports[4] < 65536)) || fail "PORT_BASE=$port_base: give a port number from 1 to 65531"
  local port reason
  read -r port reason < <(first_unusable_port "${ports[@]}") || true
  [[ -z $port ]] || fail "port $port: $reason; free it, or move all ports: PORT_BASE=$((port_base + 100))"
}

install() {
  need_packages pkg-config libnghttp2-dev curl
  command -v cc >/dev/null || fail "no cc on PATH; install a C compiler: apt-get install gcc"
  [[ -n ${ENVOY:-} ]] || need_envoy "$envoy_version"
  envoy=${ENVOY:-$(envoy_binary "$envoy_version")}
}

build() {
  local nghttp2
  read -ra nghttp2 < <(pkg-config --cflags --libs libnghttp2)
  cc -O2 -Wall -Wextra -o "$directory/network_floor" "$root/Benchmarks/network_floor.c" "${nghttp2[@]}"
  cc -O2 -Wall -Wextra -o "$directory/tcp_load" "$root/Benchmarks/tcp_load.c"
}

# --- Processes ----------------------------------------------------------------------------------

declare -A pids # of what runs now, by the names of the logs

# start NAME COMMAND...: its output goes to NAME.log.
start() {
  local name=$1
  shift
  "$@" >"$directory/$name.log" 2>&1 </dev/null &
  pids[$name]=$!
}

is_running() { kill -0 "${pids[$1]}" 2>/dev/null; }

stop() {
  [[ -n ${pids[$1]:-} ]] || return 0
  local deadline=$((SECONDS + stop_seconds))
  kill "${pids[$1]}" 2>/dev/null || true
  while is_running "$1"; do
    if ((SECONDS >= deadline)); then kill -KILL "${pids[$1]}" 2>/dev/null || true; fi
    sleep 0.05
  done
  unset "pids[$1]"
}

# Envoy before those that it is connected to, for it would complain about their end.
stop_all() {
  trap '' INT TERM HUP
  local name
  for name in load envoy responder echo; do stop "$name"; done
}

fail_with_log() {
  local log=$directory/$1.log
  echo "--- the end of $log:" >&2
  tail -n 15 "$log" >&2
  echo "---" >&2
  fail "$1 $2; see $log above"
}

# wait_until_ready NAME COMMAND...: until the command succeeds.
wait_until_ready() {
  local name=$1 deadline=$((SECONDS + ready_seconds))
  shift
  until "$@" 2>/dev/null; do
    is_running "$name" || fail_with_log "$name" "ended before it was ready"
    ((SECONDS < deadline)) || fail_with_log "$name" "was not ready after $ready_seconds seconds"
    sleep 0.1
  done
}

accepts() { (: <"/dev/tcp/127.0.0.1/$1"); }

# ask_envoy PATH [OPTION...]: of its administration interface.
ask_envoy() { curl --silent --fail --noproxy '*' --max-time 5 "${@:2}" "http://127.0.0.1:$admin_port/$1"; }

# ticks NAME: user and system time that the process has had.
ticks() {
  local fields
  fields=$(<"/proc/${pids[$1]}/stat")
  read -ra fields <<<"${fields##*) }"
  echo $((fields[11] + fields[12]))
}

# --- Runs ---------------------------------------------------------------------------------------

write_envoy_configuration() {
  cat >"$directory/envoy.yaml" <<END
admin: {address: {socket_address: {address: 127.0.0.1, port_value: $admin_port}}}
static_resources:
  listeners:
    - name: measured
      per_connection_buffer_limit_bytes: $buffer_limit
      address: {socket_address: {address: 127.0.0.1, port_value: $envoy_port}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.ext_proc
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.ext_proc.v3.NetworkExternalProcessor
                stat_prefix: measured
                grpc_service: {envoy_grpc: {cluster_name: responder}}
                message_timeout: 10s
                processing_mode: {process_read: STREAMED, process_write: STREAMED}
            - name: envoy.filters.network.tcp_proxy
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                stat_prefix: measured
                cluster: echo
  clusters:
    - name: echo
      per_connection_buffer_limit_bytes: $buffer_limit
      load_assignment:
        cluster_name: echo
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $echo_port}}}
    - name: responder
      load_assignment:
        cluster_name: responder
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $responder_port}}}
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {}}
END
}

start_echo() {
  start echo "$directory/tcp_load" echo "$echo_port"
  wait_until_ready echo accepts "$echo_port"
}

# start_responder RESPONDER
start_responder() {
  local command=$1 words
  [[ $command != floor ]] || command="$directory/network_floor {port}"
  command=${command//'{port}'/$responder_port}
  command=${command//'{port+1}'/${ports[4]}}
  read -ra words <<<"$command"
  start responder "${words[@]}"
  wait_until_ready responder accepts "$responder_port"
}

start_envoy() {
  start envoy "$envoy" --config-path "$directory/envoy.yaml" --disable-hot-restart --concurrency 1 --log-level warning
  wait_until_ready envoy ask_envoy ready --output /dev/null
}

# load BYTES: in the background, for a signal is handled only while bash waits.
load() {
  start load "$directory/tcp_load" run "127.0.0.1:$envoy_port" --connections "$connections" --bytes "$1"
  wait "${pids[load]}" || fail_with_log load "failed"
  unset "pids[load]"
}

# count_messages DIRECTION: of data that is read from the client, or written to it.
count_messages() { ask_envoy "stats?filter=^network_ext_proc.measured.$1_data_sent\$" | cut -d ' ' -f 2; }

# measure INDEX: adds a line of figures to the file `figures`, and prints it.
measure() {
  local cpu envoy_cpu reads writes
  start_responder "${responders[$1]}"
  start_envoy
  load $((bytes / 20 + connections)) # The first bytes cost more than the others.
  ask_envoy reset_counters --request POST --output /dev/null
  cpu=$(ticks responder) envoy_cpu=$(ticks envoy)
  load "$bytes"
  cpu=$(($(ticks responder) - cpu)) envoy_cpu=$(($(ticks envoy) - envoy_cpu))
  reads=$(count_messages read) writes=$(count_messages write)
  [[ $(<"$directory/load.log") =~ ^([0-9.]+)\ MB/s.*\ in\ ([0-9.]+)\ s ]] || fail_with_log load "printed no figures"
  awk -v number=$(($1 + 1)) -v rate="${BASH_REMATCH[1]}" -v seconds="${BASH_REMATCH[2]}" -v bytes="$bytes" \
    -v hertz="$(getconf CLK_TCK)" -v cpu="$cpu" -v envoy_cpu="$envoy_cpu" -v reads="$reads" -v writes="$writes" 'BEGIN {
      cpu /= hertz
      envoy_cpu /= hertz
      chunks = 2 * bytes / 16384
      print number, rate, cpu, 1e6 * cpu / chunks, 100 * cpu / seconds, 100 * envoy_cpu / seconds,
        bytes / reads, bytes / writes
    }' >>"$directory/figures"
  tail -n 1 "$directory/figures" | print_row
  stop envoy
  stop responder
}

# --- Figures ------------------------------------------------------------------------------------

print_head() {
  local index
  for index in "${!responders[@]}"; do echo "$((index + 1)): ${responders[index]}"; done
  cat <<END
$connections connections, $bytes bytes in each direction, Envoy's buffer limit $buffer_limit

   MB/s, both  responder's CPU   busy, % of a core   data of a message
   directions    s  us/16 KiB    responder  Envoy      read     write
END
}

print_row() {
  awk '{ printf "%s %12.1f %4.2f %10.2f %12.0f %6.0f %9.0f %9.0f\n", $1, $2, $3, $4, $5, $6, $7, $8 }'
}

# median NUMBER COLUMN: of the runs of one responder.
median() {
  awk -v number="$1" -v column="$2" '$1 == number { print $column }' "$directory/figures" \
    | sort --general-numeric-sort \
    | awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int((NR + 2) / 2)]) / 2 }'
}

print_medians() {
  local number column row
  echo "medians"
  for ((number = 1; number <= ${#responders[@]}; number++)); do
    row=$number
    for column in 2 3 4 5 6 7 8; do row+=" $(median "$number" "$column")"; done
    print_row <<<"$row"
  done
  for ((number = 2; number <= ${#responders[@]}; number++)); do
    awk -v number="$number" -v rate="$(median "$number" 2)" -v cpu="$(median "$number" 4)" \
      -v first_rate="$(median 1 2)" -v first_cpu="$(median 1 4)" \
      'BEGIN {
        printf "%d has %.2f of the MB/s of 1, at %.2f times its CPU\n", number, rate / first_rate, cpu / first_cpu
      }'
  done
}

[[ $# -gt 0 && $1 != -* ]] || fail "usage: Benchmarks/network.sh DIR [RESPONDER...]"
mkdir -p "$1"
directory=$(cd "$1" && pwd)
shift
responders=("$@")
[[ $# -gt 0 ]] || responders=(floor floor)

check_arguments
install
build
: >"$directory/figures"
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
write_envoy_configuration
start_echo
print_head
for ((round = 0; round < rounds; round++)); do
  for index in "${!responders[@]}"; do measure "$index"; done
done
print_medians
