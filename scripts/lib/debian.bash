# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
#
# Sourced by scripts/infra: servers of another Debian release, from a file tree of their own. Needs common.bash before it.
# shellcheck shell=bash

DEBIAN_CACHE=${INFRA_CACHE:-/var/cache/swift-event-bus}

# The prefix of every command that belongs to the servers; empty for the servers of this machine.
ENTER=()

# use_debian SUITE DATA_DIR: from now on commands run in the tree of that release, which sees the data folder at the same path.
#
# The mounts are made in a namespace that belongs to the command and ends with it: nothing stays mounted, whatever is killed.
# All of it replaces itself, so that the process id of the command is that of the server.
use_debian() {
    DEBIAN_ROOT=$(debian_tree "$1")
    # shellcheck disable=SC2016
    local enter='
        root=$1 data=$2
        shift 2
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mkdir -p "$root$data"
        mount --bind "$data" "$root$data"
        case $PWD in "$data"*) ;; *) cd / ;; esac
        exec chroot "$root" env -C "$PWD" -- "$@"'
    # shellcheck disable=SC2034
    ENTER=(unshare --mount --propagation private -- bash -euc "$enter" enter "$DEBIAN_ROOT" "$2")
}

# Whether this process may make mounts for its children.
can_mount() { [ "$(uname -s)" = Linux ] && [ "$(id -u)" -eq 0 ] && unshare --mount --propagation private true 2>/dev/null; }

debian_tree() { printf '%s\n' "$DEBIAN_CACHE/$1"; }

require_debian_is_possible() {
    [ "$(uname -s)" = Linux ] || fail "--debian needs Linux: it runs the servers of another Debian release in a chroot"
    [ "$(id -u)" -eq 0 ] || fail "--debian needs root: it runs the servers of another Debian release in a chroot"
    command -v apt-get >/dev/null || fail "--debian needs Debian or Ubuntu: the servers come from Debian's packages"
    can_mount ||
        fail "--debian needs the right to mount (CAP_SYS_ADMIN), which this machine or container doesn't give"
}

# The mirror that this machine uses for Debian's own packages, if it is a Debian machine.
debian_mirror() {
    local mirror
    # shellcheck disable=SC2016
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
    printf '%s\n' "${mirror:-http://deb.debian.org/debian}"
}

# install_debian SUITE: takes about a minute the first time. Of several at the same time one does the work.
install_debian() {
    local suite=$1 tree part
    case $suite in *[!a-z]* | '') fail "--debian needs the name of a release, such as trixie" ;; esac
    require_debian_is_possible
    tree=$(debian_tree "$suite")
    [ ! -d "$tree" ] || return 0
    mkdir -p "$DEBIAN_CACHE"
    chmod 755 "$DEBIAN_CACHE"
    (
        flock 9
        [ ! -d "$tree" ] || exit 0
        command -v debootstrap >/dev/null || apt_install debootstrap
        part=$tree.part log=$DEBIAN_CACHE/$suite.log
        rm -rf "$part"
        say "Installing Postgres, pgbouncer and RabbitMQ of Debian $suite in $tree …"
        # In a namespace of its own, so that what debootstrap mounts goes with it. Its script for sid is that of every release,
        # also of those that this machine's debootstrap is too old to know.
        (umask 022 && unshare --mount --propagation private -- debootstrap --variant=minbase \
            --include=postgresql,pgbouncer,rabbitmq-server "$suite" "$part" "$(debian_mirror)" \
            /usr/share/debootstrap/scripts/sid) >"$log" 2>&1 ||
            fail "debootstrap failed: $(tail -n 5 "$log")"
        rm -rf "$part"/var/cache/apt/archives/*.deb "$part"/var/lib/apt/lists/*
        printf '127.0.0.1 localhost\n' >"$part/etc/hosts"
        chmod 644 "$part/etc/hosts"
        mv "$part" "$tree"
    ) 9>"$DEBIAN_CACHE/lock"
}
