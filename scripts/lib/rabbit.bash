# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
#
# Sourced by scripts/infra, which has what it calls: RabbitMQ nodes, one on its own and three that form a cluster.
# shellcheck shell=bash disable=SC2154

find_rabbit() {
    if [ -n "$DEBIAN" ]; then
        RABBIT_BIN=/usr/lib/rabbitmq/bin EPMD=/usr/bin/epmd ERL_CALL=/usr/bin/erl_call
        [ -x "$DEBIAN_ROOT$RABBIT_BIN/rabbitmq-server" ] && [ -x "$DEBIAN_ROOT$EPMD" ]
        return
    fi
    # Debian's command in /usr/sbin is a wrapper for the one system-wide node: the scripts behind it are what we need.
    local folder
    for folder in /usr/lib/rabbitmq/bin "$(brew --prefix rabbitmq 2>/dev/null || true)/sbin"; do
        if [ -x "$folder/rabbitmq-server" ]; then
            RABBIT_BIN=$folder
            EPMD=$(find_erlang epmd) ERL_CALL=$(find_erlang erl_call)
            [ -n "$EPMD" ] && return
        fi
    done
    return 1
}

# find_erlang NAME: a program of Erlang's.
find_erlang() {
    command -v "$1" || find "$(dirname "$(command -v erl)")/.." -name "$1" -type f 2>/dev/null | head -n 1
}

NODES=(rabbit-1 rabbit-2 rabbit-3)

# node_name NAME: as Erlang knows it.
node_name() (use_node "$1" && printf '%s\n' "$NODE_NAME")

# use_node NAME: which node the functions below are about: rabbit, or one of the cluster's.
use_node() {
    NODE=$1 NODE_HOME=$DATA_DIR/$1 NODE_PORT=$RABBIT_PORT NODE_DIST_PORT=$RABBIT_DIST_PORT
    if [ "$1" != rabbit ]; then
        NODE_PORT=$((RABBIT_PORT + 6 + 2 * ${1#rabbit-}))
        NODE_DIST_PORT=$((NODE_PORT + 1))
    fi
    NODE_NAME=bus-$NODE_PORT@localhost
}

# Nothing of the caller's environment gets in: a stray RABBITMQ_* would change the node.
rabbit_environment() {
    local kernel="-kernel inet_dist_use_interface {127,0,0,1}" ticks=
    # A node that is frozen or out of reach counts as lost after 10 s, and who tries to reach it again waits for 2 s. By default it is a
    # minute, in which RabbitMQ 3 can't declare, and 7 s.
    [ "$NODE" = rabbit ] || ticks=" net_ticktime 8 net_setuptime 2"
    RABBIT_ENVIRONMENT=(
        "PATH=$PATH" "HOME=$NODE_HOME" "LANG=C.UTF-8"
        "ERL_EPMD_PORT=$RABBIT_EPMD_PORT" "ERL_EPMD_ADDRESS=127.0.0.1"
        "RABBITMQ_NODENAME=$NODE_NAME" "RABBITMQ_USE_LONGNAME=false"
        "RABBITMQ_NODE_PORT=$NODE_PORT" "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1" "RABBITMQ_DIST_PORT=$NODE_DIST_PORT"
        "RABBITMQ_CONF_ENV_FILE=$NODE_HOME/rabbitmq-env.conf" "RABBITMQ_CONFIG_FILE=$NODE_HOME/rabbitmq.conf"
        "RABBITMQ_ADVANCED_CONFIG_FILE=$NODE_HOME/advanced.config"
        "RABBITMQ_ENABLED_PLUGINS_FILE=$NODE_HOME/enabled_plugins"
        "RABBITMQ_MNESIA_BASE=$NODE_HOME/mnesia" "RABBITMQ_LOG_BASE=$NODE_HOME/log"
        "RABBITMQ_PID_FILE=$NODE_HOME/node.pid" "RABBITMQ_GENERATED_CONFIG_DIR=$NODE_HOME/config"
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=$kernel$ticks"
        "RABBITMQ_CTL_ERL_ARGS=$kernel"
        # Makes the start script replace itself by the Erlang machine: then the id that launch notes is the broker's.
        "RUNNING_UNDER_SYSTEMD=true"
    )
}

create_rabbit() {
    mkdir -p "$NODE_HOME/mnesia" "$NODE_HOME/log" "$NODE_HOME/config"
    : >"$NODE_HOME/rabbitmq-env.conf"
    echo '[].' >"$NODE_HOME/advanced.config"
    echo '[].' >"$NODE_HOME/enabled_plugins"
    cat >"$NODE_HOME/rabbitmq.conf" <<END
listeners.tcp.1 = 127.0.0.1:$NODE_PORT
default_user = $RABBIT_USER
default_pass = $RABBIT_PASSWORD
default_user_tags.administrator = true
disk_free_limit.absolute = 50MB
# The default of 512 MB is for servers that live long.
raft.wal_max_size_bytes = 67108864
END
    if [ "$NODE" = rabbit ]; then configure_single; else configure_member; fi
    chmod 400 "$NODE_HOME/.erlang.cookie"
    belongs_to rabbitmq "$NODE_HOME"
}

configure_single() {
    create_tls
    secret >"$NODE_HOME/.erlang.cookie"
    cat >>"$NODE_HOME/rabbitmq.conf" <<END
listeners.ssl.1 = 127.0.0.1:$RABBIT_TLS_PORT
ssl_options.cacertfile = $DATA_DIR/tls/authority.pem
ssl_options.certfile = $DATA_DIR/tls/server.pem
ssl_options.keyfile = $NODE_HOME/server.key
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = AMQPLAIN
# Only offered to a client that has shown a certificate: the user is whom it names.
auth_mechanisms.3 = EXTERNAL
ssl_cert_login_from = common_name
END
    local plugins=rabbitmq_auth_mechanism_ssl
    if [ -n "$RABBIT_MANAGEMENT_PORT" ]; then
        plugins=$plugins,rabbitmq_management
        cat >>"$NODE_HOME/rabbitmq.conf" <<END
management.tcp.ip = 127.0.0.1
management.tcp.port = $RABBIT_MANAGEMENT_PORT
END
    else
        echo 'collect_statistics = none' >>"$NODE_HOME/rabbitmq.conf"
    fi
    echo "[$plugins]." >"$NODE_HOME/enabled_plugins"
    give_key "$NODE_HOME" rabbitmq
}

# Options of TLS are those of all ports, so this one is a copy of the first with `ssl_options.verify = verify_peer` and
# `ssl_options.fail_if_no_peer_cert = true`.
start_mutual_tls() {
    use_node rabbit
    run_erlang "
        [Info] = [I || {_, I} <- maps:to_list(ranch:info()), maps:get(port, I) =:= $RABBIT_TLS_PORT],
        Options = maps:get(transport_options, Info),
        Other = [O || O <- maps:get(socket_opts, Options), not lists:member(O, [{port, $RABBIT_TLS_PORT}])],
        Demands = [{verify, verify_peer}, {fail_if_no_peer_cert, true}],
        Socket = [{port, $RABBIT_MUTUAL_TLS_PORT} | Demands ++ Other],
        % Without these RabbitMQ calls EXTERNAL unsafe; the port that is open already keeps its own.
        {ok, Common} = application:get_env(rabbit, ssl_options),
        application:set_env(rabbit, ssl_options, Demands ++ lists:filter(fun({K, _}) -> not lists:keymember(K, 1, Demands) end, Common)),
        % Below RabbitMQ's own supervisor, or the processes would not find its settings.
        case supervisor:start_child(rabbit_sup, ranch:child_spec(mutual_tls, maps:get(transport, Info),
            Options#{socket_opts => Socket}, maps:get(protocol, Info), maps:get(protocol_options, Info))) of
            {ok, _} -> ok;
            {error, {already_started, _}} -> ok
        end" >/dev/null
}

# A node of the cluster: the first one is alone at first, and the others join it.
configure_member() {
    local cookie=$DATA_DIR/cluster.cookie
    [ -f "$cookie" ] || secret >"$cookie"
    cp "$cookie" "$NODE_HOME/.erlang.cookie"
    cat >>"$NODE_HOME/rabbitmq.conf" <<END
collect_statistics = none
# What RabbitMQ recommends for three nodes.
cluster_partition_handling = pause_minority
END
    # From 4.3 on RabbitMQ waits for a minute until it gives others what the consumers of a lost node have; earlier versions do not wait.
    # They would not start with this in rabbitmq.conf.
    echo '[{rabbit, [{consumer_disconnected_timeout, 1000}]}].' >"$NODE_HOME/advanced.config"
    [ "$NODE" != rabbit-1 ] || return 0
    cat >>"$NODE_HOME/rabbitmq.conf" <<END
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = $(node_name rabbit-1)
cluster_formation.classic_config.nodes.2 = $NODE_NAME
END
}

# launch_rabbit [NODE]
launch_rabbit() {
    use_node "${1:-rabbit}"
    running "$NODE" >/dev/null && return
    [ -d "$NODE_HOME" ] || create_rabbit
    rabbit_environment
    # A port mapper of our own, or the node would start one that outlives it, for all nodes of this machine.
    if ! running epmd >/dev/null; then
        launch epmd rabbitmq "$NODE_HOME" env -i "${RABBIT_ENVIRONMENT[@]}" "$EPMD"
        wait_until epmd "Erlang's port mapper on port $RABBIT_EPMD_PORT" accepts "$RABBIT_EPMD_PORT"
    fi
    launch "$NODE" rabbitmq "$NODE_HOME" env -i "${RABBIT_ENVIRONMENT[@]}" "$RABBIT_BIN/rabbitmq-server"
}

# Ready means that the broker answers a protocol header with a method frame (type 1). The port opens last of all.
rabbit_answers() (
    { exec 3<>"/dev/tcp/127.0.0.1/$NODE_PORT"; } 2>/dev/null || exit 1
    printf 'AMQP\000\000\011\001' >&3
    IFS= read -r -t 2 -n 1 first <&3
    [ "$first" = $'\001' ]
)

# stop_rabbit [SIGNAL [NODE]]
# RabbitMQ 3.10 sometimes does not end at all after SIGTERM if queues were declared or deleted just before.
stop_rabbit() { end "${2:-rabbit}" "${1:-TERM}" 10; }

# run_rabbitmqctl ARGUMENTS: for the node in use.
run_rabbitmqctl() (
    rabbit_environment
    cd "$NODE_HOME" || exit
    as_user rabbitmq env -i "${RABBIT_ENVIRONMENT[@]}" "$RABBIT_BIN/rabbitmqctl" "$@"
)

# run_erlang EXPRESSION: in the node in use. Takes milliseconds, while rabbitmqctl takes more than a second.
run_erlang() {
    local answer
    answer=$(printf '%s.\n' "$1" | ${ENTER[@]+"${ENTER[@]}"} env "ERL_EPMD_PORT=$RABBIT_EPMD_PORT" "$ERL_CALL" -timeout 60 -e \
        -sname "$NODE_NAME" -c "$(cat "$NODE_HOME/.erlang.cookie")")
    case $answer in
    '{ok, '*) answer=${answer#'{ok, '} && printf '%s\n' "${answer%\}}" ;;
    *) fail "Erlang: $answer" ;;
    esac
}

# The first node has to be there before the others can join it; they join one after the other.
launch_cluster() {
    local node
    for node in "${NODES[@]}"; do
        launch_rabbit "$node"
        wait_for "$node"
    done
}

stop_cluster() {
    local node
    for node in "${NODES[@]}"; do
        end "$node" KILL 10
        rm -rf "${DATA_DIR:?}/$node"
    done
    rm -f "$DATA_DIR/cluster.cookie"
}

# part NODE COOKIE: node and others drop their connections, and refuse new ones, since each expects another cookie of the other
# than that one sends. With the cookie of the cluster they accept each other again.
part() {
    local node=$1 other cookie=$2 expression=ok
    for other in "${NODES[@]}"; do
        if [ "$other" != "$node" ]; then
            expression="erlang:set_cookie('$(node_name "$other")', '$cookie'), erlang:disconnect_node('$(node_name "$other")'), $expression"
        fi
    done
    use_node "$node"
    run_rabbitmqctl eval "$expression." >/dev/null
}
