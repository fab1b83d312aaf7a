# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
#
# Sourced by the scripts beside this folder. Needs bash 3.2 or later, which is what macOS has.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "error: $*"
    exit 1
}

# What the comment at the head of a script says is its help text.
print_help() { sed -n -e '1,4d' -e '/^#/!q' -e 's/^# \{0,1\}//p' "$0"; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "needs root or sudo for: $*"
    fi
}

apt_install() {
    say "Installing $* with apt-get …"
    local install=(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends
        -o DPkg::Lock::Timeout=300 "$@")
    if ! "${install[@]}" >/dev/null 2>&1; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update >/dev/null
        "${install[@]}" >/dev/null
    fi
}

# install "Debian packages" "Homebrew formulas"
install_packages() {
    local apt brew
    read -r -a apt <<<"$1"
    read -r -a brew <<<"$2"
    if command -v apt-get >/dev/null; then
        apt_install "${apt[@]}"
    elif command -v brew >/dev/null; then
        say "Installing ${brew[*]} with Homebrew …"
        brew install -q "${brew[@]}" >&2
    else
        fail "neither apt-get nor brew is here: install $1 by hand"
    fi
}

# The headers of the two C libraries, found through pkg-config as SwiftPM does.
require_c_libraries() {
    if command -v brew >/dev/null && ! command -v apt-get >/dev/null; then
        # libpq is keg-only: Homebrew doesn't link it where pkg-config looks.
        PKG_CONFIG_PATH="$(brew --prefix)/opt/libpq/lib/pkgconfig:${PKG_CONFIG_PATH:-}"
        export PKG_CONFIG_PATH
    fi
    if ! pkg-config --exists librabbitmq libpq 2>/dev/null; then
        install_packages "librabbitmq-dev libpq-dev pkg-config" "rabbitmq-c libpq pkgconf"
    fi
}

# A virtual environment with the given PyPI packages, in .infra/venv. Prints the path of its python.
require_python_packages() {
    local python=$ROOT/.infra/venv/bin/python
    if ! "$python" -c '' 2>/dev/null; then
        if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
            install_packages "python3 python3-venv" "python"
        fi
        mkdir -p "$ROOT/.infra"
        python3 -m venv --clear "$ROOT/.infra/venv" >&2
    fi
    local package
    for package in "$@"; do
        "$python" -m pip show -q "$package" >/dev/null 2>&1 || "$python" -m pip install -q "$package" >&2
    done
    printf '%s\n' "$python"
}

# process_start PID: a stamp that no later process with the same id has; fails when the process is gone or a zombie.
process_start() {
    local stat
    if [ -r /proc/self/stat ]; then
        stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
        # The name (field 2) may hold spaces and brackets, so count from behind it: state is then 1, start time 20.
        stat=${stat##*) }
        # shellcheck disable=SC2086
        set -- $stat
        if [ "$1" = Z ] || [ "$1" = X ]; then return 1; fi
        printf '%s\n' "${20}"
    else
        case $(ps -o state= -p "$1") in '' | Z*) return 1 ;; esac
        ps -o lstart= -p "$1"
    fi
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A port that nobody listens on: below those that the system gives to clients, and below those of scripts/infra.
free_port() {
    local port=$((10000 + RANDOM % 9000))
    until port_is_free $port; do port=$((port + 1)); done
    printf '%s\n' $port
}
