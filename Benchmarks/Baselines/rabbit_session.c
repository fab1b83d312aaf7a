// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#include "rabbit.h"

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#endif

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

struct Session {
    amqp_connection_state_t connection;
    amqp_channel_t channel;
};

static void check(amqp_rpc_reply_t reply, const char *what) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) {
        amqp_bytes_t text = {0};
        if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
            text = ((amqp_channel_close_t *)reply.reply.decoded)->reply_text;
        } else if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
            text = ((amqp_connection_close_t *)reply.reply.decoded)->reply_text;
        }
        fail("%s: %.*s", what, (int)text.len, text.bytes ? (const char *)text.bytes : "");
    }
    fail("%s: %s", what, amqp_error_string2(reply.library_error));
}

static void set_blocking(Session *session, bool is_blocking) {
    int socket = amqp_get_sockfd(session->connection);
    int flags = fcntl(socket, F_GETFL);
    if (flags < 0 || fcntl(socket, F_SETFL, is_blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) != 0) fail("fcntl");
}

static void check_last(Session *session, const char *what) {
    check(amqp_get_rpc_reply(session->connection), what);
}

Session *session_open(void) {
    const char *variable = getenv("RABBITMQ_URL");
    if (!variable) fail("RABBITMQ_URL is not set");
    char *url = strdup(variable);
    struct amqp_connection_info info;
    if (!url || amqp_parse_url(url, &info) != AMQP_STATUS_OK) fail("RABBITMQ_URL is not an amqp:// URL");
    if (info.ssl) fail("own frames need a connection without TLS");

    Session *session = allocate(1, sizeof *session);
    session->connection = amqp_new_connection();
    session->channel = CHANNEL;
    amqp_socket_t *socket = session->connection ? amqp_tcp_socket_new(session->connection) : NULL;
    struct timeval limit = {10, 0};
    if (!socket || amqp_socket_open_noblock(socket, info.host, info.port, &limit) != AMQP_STATUS_OK) {
        fail("RabbitMQ does not answer");
    }
    amqp_set_rpc_timeout(session->connection, &limit);
    check(amqp_login(session->connection, info.vhost, 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN, info.user,
              info.password),
        "login");
    free(url);
    amqp_channel_open(session->connection, session->channel);
    check_last(session, "channel.open");
    return session;
}

static amqp_table_entry_t text_argument(const char *name, const char *text) {
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(name),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes(text)}},
    };
}

void session_declare(Session *session, const char *queue, bool is_quorum) {
    amqp_bytes_t name = amqp_cstring_bytes(queue);
    amqp_bytes_t exchange = amqp_cstring_bytes("events");
    amqp_exchange_declare(session->connection, session->channel, exchange, amqp_cstring_bytes("topic"), 0, 1, 0, 0,
        amqp_empty_table);
    check_last(session, "exchange.declare");
    // Those of docs/wire-contract.md, as the queue is the bus's as well.
    char dead[256];
    snprintf(dead, sizeof dead, "%s.dead", queue);
    amqp_table_entry_t entries[] = {
        text_argument("x-queue-type", "quorum"),
        text_argument("x-dead-letter-exchange", ""),
        text_argument("x-dead-letter-routing-key", dead),
        text_argument("x-dead-letter-strategy", "at-least-once"),
        text_argument("x-overflow", "reject-publish"),
        {.key = amqp_cstring_bytes("x-delivery-limit"), .value = {.kind = AMQP_FIELD_KIND_I64, .value = {.i64 = 1000000}}},
    };
    amqp_table_t arguments = {.num_entries = is_quorum ? 6 : 0, .entries = entries};
    amqp_queue_declare(session->connection, session->channel, name, 0, 1, 0, 0, arguments);
    check_last(session, "queue.declare");
    amqp_queue_bind(session->connection, session->channel, name, exchange, name, amqp_empty_table);
    check_last(session, "queue.bind");
}

long session_purge(Session *session, const char *queue) {
    amqp_queue_purge_ok_t *reply =
        amqp_queue_purge(session->connection, session->channel, amqp_cstring_bytes(queue));
    check_last(session, "queue.purge");
    return reply->message_count;
}

long session_count(Session *session, const char *queue) {
    set_blocking(session, false);
    amqp_queue_declare_ok_t *reply = amqp_queue_declare(
        session->connection, session->channel, amqp_cstring_bytes(queue), 1, 0, 0, 0, amqp_empty_table);
    check_last(session, "queue.declare (passive)");
    return reply->message_count;
}

void session_confirm(Session *session) {
    amqp_confirm_select(session->connection, session->channel);
    check_last(session, "confirm.select");
}

void session_prefetch(Session *session, unsigned count) {
    amqp_basic_qos(session->connection, session->channel, 0, (uint16_t)count, 0);
    check_last(session, "basic.qos");
}

void session_reopen(Session *session) {
    set_blocking(session, false);
    session->channel = CHANNEL + 1;
    amqp_channel_open(session->connection, session->channel);
    check_last(session, "channel.open");
}

int session_socket(Session *session) {
    amqp_maybe_release_buffers(session->connection);
    if (amqp_frames_enqueued(session->connection) || amqp_data_in_buffer(session->connection)) {
        fail("librabbitmq holds frames that nobody asked for");
    }
    int socket = amqp_get_sockfd(session->connection);
    set_blocking(session, true);
    struct timeval limit = {15, 0};
    if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0
        || setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0) {
        fail("setsockopt");
    }
    return socket;
}

void session_close(Session *session) {
    set_blocking(session, false);
    check(amqp_connection_close(session->connection, AMQP_REPLY_SUCCESS), "connection.close");
    amqp_destroy_connection(session->connection);
    free(session);
}
