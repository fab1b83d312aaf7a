#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
#
# What scripts/drill takes for the `deploy` and `undeploy` of docs/runbook.md: a process on this machine.
#
#   deploy SERVICE[@NAME] [VARIABLE=VALUE…]    ends the service if it runs, starts it, waits until it is ready
#   undeploy SERVICE[@NAME]                    ends it with SIGTERM, which must succeed

set -euo pipefail
name=$1 state=$DRILL/services/$1
shift
mkdir -p "$state"

if [ -e "$state/pid" ]; then
    pid=$(cat "$state/pid")
    rm "$state/pid"
    kill -TERM "$pid"
    # It is no child of this process. A zombie has ended too.
    for _ in $(seq 400); do
        case $(ps -o state= -p "$pid" || true) in '' | Z*) break ;; esac
        sleep 0.1
    done
    case $(ps -o state= -p "$pid" || true) in '' | Z*) ;; *) echo "$name does not end" >&2 && exit 1 ;; esac
fi
[ "$(basename "$0")" = deploy ] || exit 0

# Ports below those that the system gives to clients.
if [ ! -e "$state/port" ]; then
    port=$((10000 + RANDOM % 10000))
    while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
    echo "$port" >"$state/port"
fi
# What was set for it before still counts.
for setting in "$@"; do
    grep -v "^${setting%%=*}=" "$state/settings" >"$state/settings.new" 2>/dev/null || true
    echo "$setting" >>"$state/settings.new"
    mv "$state/settings.new" "$state/settings"
done
settings=()
if [ -e "$state/settings" ]; then while IFS= read -r setting; do settings+=("$setting"); done <"$state/settings"; fi
port=$(cat "$state/port")
env ${settings[@]+"${settings[@]}"} "HTTP_PORT=$port" "$DRILL_BINARIES/${name%@*}" </dev/null >>"$state/log" 2>&1 &
echo $! >"$state/pid"
for _ in $(seq 300); do
    if curl -sS --fail -o /dev/null "http://127.0.0.1:$port/readyz" 2>/dev/null; then exit 0; fi
    kill -0 "$(cat "$state/pid")" 2>/dev/null || break
    sleep 0.2
done
tail -n 20 "$state/log" >&2
echo "$name is not ready" >&2
exit 1
