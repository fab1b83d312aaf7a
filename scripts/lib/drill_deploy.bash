#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
#
# What scripts/drill takes for the `deploy` and `undeploy` of docs/runbook.md: a process on this machine.
#
#   deploy SERVICE[@NAME] [VARIABLE=VALUE…]    ends the service if it runs, starts it, waits until it is ready
#   undeploy SERVICE[@NAME]                    ends it with SIGTERM, which must succeed

set -euo pipefail
# shellcheck source=scripts/lib/common.bash
. "$ROOT/scripts/lib/common.bash"
name=$1 state=$DRILL/services/$1
shift
mkdir -p "$state"

if [ -e "$state/pid" ]; then
    [ ! -e "$state/status" ] || fail "$name has ended by itself, with $(cat "$state/status")"
    kill -TERM "$(cat "$state/pid")"
    for _ in $(seq 400); do
        [ ! -e "$state/status" ] || break
        sleep 0.1
    done
    [ -e "$state/status" ] || fail "$name does not end"
    rm "$state/pid"
    if [ "$(cat "$state/status")" -ne 0 ]; then
        tail -n 20 "$state/log" >&2
        fail "$name ended with $(cat "$state/status") after SIGTERM"
    fi
fi
[ "$(basename "$0")" = deploy ] || exit 0

[ -e "$state/port" ] || free_port >"$state/port"
# What was set for it before still counts.
for setting in "$@"; do
    grep -v "^${setting%%=*}=" "$state/settings" >"$state/settings.new" 2>/dev/null || true
    echo "$setting" >>"$state/settings.new"
    mv "$state/settings.new" "$state/settings"
done
settings=()
if [ -e "$state/settings" ]; then while IFS= read -r setting; do settings+=("$setting"); done <"$state/settings"; fi
port=$(cat "$state/port")
rm -f "$state/status"
# Beside it waits a process of which it is a child, as this one is gone when it ends.
(
    env ${settings[@]+"${settings[@]}"} "HTTP_PORT=$port" "$DRILL_BINARIES/${name%@*}" &
    echo $! >"$state/pid"
    code=0
    wait $! || code=$?
    echo $code >"$state/status.new"
    mv "$state/status.new" "$state/status"
) </dev/null >>"$state/log" 2>&1 &
for _ in $(seq 300); do
    if curl -sS --fail -o /dev/null "http://127.0.0.1:$port/readyz" 2>/dev/null; then exit 0; fi
    [ ! -e "$state/status" ] || break
    sleep 0.2
done
tail -n 20 "$state/log" >&2
fail "$name is not ready"
