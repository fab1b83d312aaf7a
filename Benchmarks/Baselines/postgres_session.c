// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#include "postgres.h"

#include <stdlib.h>
#include <string.h>

// --- Sessions

static void ignore_notice(void *context, const PGresult *result) {
    (void)context;
    (void)result;
}

PGconn *session_open(void) {
    const char *url = getenv("DATABASE_URL");
    if (!url) fail("DATABASE_URL is not set");
    const char *const keywords[] = {
        "dbname", "client_encoding", "gssencmode", "application_name", "keepalives_idle", "keepalives_interval",
        "keepalives_count", "tcp_user_timeout", "options", NULL,
    };
    const char *const values[] = {
        url, "UTF8", "disable", "bench_c", "15", "5", "3", "20000",
        "-c search_path=bench_c,pg_temp -c statement_timeout=10000 -c lock_timeout=4000"
        " -c idle_in_transaction_session_timeout=60000 -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5"
        " -c tcp_keepalives_count=3",
        NULL,
    };
    PGconn *session = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(session) != CONNECTION_OK) fail("Postgres: %s", PQerrorMessage(session));
    PQsetNoticeReceiver(session, ignore_notice, NULL);
    return session;
}

void session_run(PGconn *session, const char *sql) {
    PGresult *result = PQexec(session, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail("%s: %s", sql, PQerrorMessage(session));
    PQclear(result);
}

long session_number(PGconn *session, const char *sql) {
    PGresult *result = PQexec(session, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1) {
        fail("%s: %s", sql, PQerrorMessage(session));
    }
    long number = atol(PQgetvalue(result, 0, 0));
    PQclear(result);
    return number;
}

void session_prepare(PGconn *session, const char *name, const char *sql, int count, const Oid *types) {
    PGresult *result = PQprepare(session, name, sql, count, types);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) fail("%s: %s", sql, PQerrorMessage(session));
    PQclear(result);
}

void schema_drop(PGconn *session) { session_run(session, "DROP SCHEMA IF EXISTS bench_c CASCADE"); }

void schema_create(PGconn *session) {
    schema_drop(session);
    session_run(session, "CREATE SCHEMA bench_c");
    // The same tables as in the migrations of EventBusUsers and EventBusPostgres.
    session_run(session,
        "CREATE TABLE users ("
        "    id uuid PRIMARY KEY, username text NOT NULL, email text NOT NULL, password_hash text NOT NULL,"
        "    created_at timestamptz NOT NULL"
        ");"
        "CREATE UNIQUE INDEX users_username_key ON users (lower(username COLLATE \"C\"));"
        "CREATE UNIQUE INDEX users_email_key ON users (lower(email COLLATE \"C\"));");
    session_run(session,
        "CREATE TABLE eventbus_outbox ("
        "    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message_id text NOT NULL,"
        "    topic text COLLATE \"C\" NOT NULL, type text NOT NULL, version integer NOT NULL, source text NOT NULL,"
        "    time timestamptz NOT NULL, ordering_key text COLLATE \"C\", requires_subscriber boolean NOT NULL,"
        "    content_type text NOT NULL, headers bytea, body bytea NOT NULL, waits_for text COLLATE \"C\""
        ") WITH ("
        "    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,"
        "    autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off"
        ");"
        "CREATE INDEX eventbus_outbox_waiting ON eventbus_outbox (waits_for, id) WHERE waits_for IS NOT NULL;"
        "CREATE INDEX eventbus_outbox_waiting_hash ON eventbus_outbox (hashtextextended(ordering_key, 0), id)"
        " WHERE waits_for IS NOT NULL AND ordering_key IS NOT NULL;");
}

// --- Parameters

void parameters_reset(Parameters *parameters) {
    parameters->count = 0;
    parameters->used = 0;
}

static char *room(Parameters *parameters, size_t length) {
    if (parameters->used + length > sizeof parameters->bytes) fail("parameters are too long");
    char *bytes = parameters->bytes + parameters->used;
    parameters->used += length;
    return bytes;
}

static void add(Parameters *parameters, const char *bytes, size_t length) {
    if (parameters->count == MOST_PARAMETERS) fail("too many parameters");
    parameters->values[parameters->count] = bytes;
    parameters->lengths[parameters->count++] = (int)length;
}

void put_number(char *bytes, uint64_t number, int length) {
    while (length-- > 0) {
        bytes[length] = (char)number;
        number >>= 8;
    }
}

void parameter_add(Parameters *parameters, const void *value, size_t length) {
    if (!value) {
        add(parameters, NULL, 0);
        return;
    }
    char *bytes = room(parameters, length);
    memcpy(bytes, value, length);
    add(parameters, bytes, length);
}

void parameters_send(const Parameters *parameters, PGconn *session, const char *name) {
    static const int formats[MOST_PARAMETERS] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    int is_sent = PQsendQueryPrepared(
        session, name, parameters->count, parameters->values, parameters->lengths, formats, 1);
    if (!is_sent) fail("%s: %s", name, PQerrorMessage(session));
}
