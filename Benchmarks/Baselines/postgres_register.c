// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// register: inserts a user and its event in one implicit transaction of two prepared statements and a Sync. The tasks are
// distributed over the connections, each of which has its share of them in the pipeline.

#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char insert_user[] =
    "INSERT INTO \"bench_c\".\"users\" (\"id\", \"username\", \"email\", \"password_hash\", \"created_at\")"
    " VALUES ($1, $2, $3, $4, $5)";

#define OUTBOX_COLUMNS \
    "message_id, topic, type, version, source, time, ordering_key, requires_subscriber, content_type, headers, body"

static const char insert_event[] = "INSERT INTO \"bench_c\".\"eventbus_outbox\" (" OUTBOX_COLUMNS ")"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

// In the format of the bus's hasher; hashing itself is not measured.
static const char password_hash[] =
    "$scrypt$ln=15,r=8,p=3$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U";

typedef struct {
    IdSource ids;
    time_t second;
    char second_text[24];
    Parameters parameters;
} Registrations;

/// A time in microseconds since 2000, the epoch of Postgres, and as text.
static uint64_t stamp(Registrations *registrations, char *text, size_t length) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    if (time.tv_sec != registrations->second) {
        struct tm parts;
        gmtime_r(&time.tv_sec, &parts);
        strftime(registrations->second_text, sizeof registrations->second_text, "%Y-%m-%dT%H:%M:%S", &parts);
        registrations->second = time.tv_sec;
    }
    unsigned milliseconds = (unsigned)(time.tv_nsec / 1000000) % 1000;
    snprintf(text, length, "%s.%03uZ", registrations->second_text, milliseconds);
    return ((uint64_t)time.tv_sec * 1000 + (uint64_t)milliseconds) * 1000 - UINT64_C(946684800000000);
}

static void send_registration(Pipeline *pipeline) {
    Registrations *registrations = pipeline->context;
    Parameters *parameters = &registrations->parameters;
    Id user = id_next(&registrations->ids), event = id_next(&registrations->ids);
    char user_bytes[16], user_text[ID_TEXT_LENGTH], event_text[ID_TEXT_LENGTH];
    put_number(user_bytes, user.high, 8);
    put_number(user_bytes + 8, user.low, 8);
    id_write(user, user_text);
    id_write(event, event_text);
    char time_text[32], time_bytes[8], username[64], email[80], body[512];
    put_number(time_bytes, stamp(registrations, time_text, sizeof time_text), 8);
    int username_length = snprintf(username, sizeof username, "u-%.*s", ID_TEXT_LENGTH, user_text);
    int email_length = snprintf(email, sizeof email, "%s@example.org", username);

    parameters_reset(parameters);
    parameter_add(parameters, user_bytes, 16);
    parameter_add(parameters, username, (size_t)username_length);
    parameter_add(parameters, email, (size_t)email_length);
    parameter_add(parameters, password_hash, sizeof password_hash - 1);
    parameter_add(parameters, time_bytes, 8);
    parameters_send(parameters, pipeline->session, "user");

    int body_length = snprintf(body, sizeof body,
        "{\"created_at\":\"%s\",\"email\":\"%s\",\"user_id\":\"%.*s\",\"username\":\"%s\"}", time_text, email,
        ID_TEXT_LENGTH, user_text, username);
    static const char version[4] = {0, 0, 0, 1}, is_required[1] = {1};
    parameters_reset(parameters);
    parameter_add(parameters, event_text, ID_TEXT_LENGTH);
    parameter_add(parameters, "user.created", 12);
    parameter_add(parameters, "user.created", 12);
    parameter_add(parameters, version, 4);
    parameter_add(parameters, "/user", 5);
    parameter_add(parameters, time_bytes, 8);
    parameter_add(parameters, user_text, ID_TEXT_LENGTH);
    parameter_add(parameters, is_required, 1);
    parameter_add(parameters, "application/json", 16);
    parameter_add(parameters, NULL, 0);
    parameter_add(parameters, body, (size_t)body_length);
    parameters_send(parameters, pipeline->session, "event");
}

static void check_insert(Pipeline *pipeline, int statement, const PGresult *result) {
    (void)pipeline;
    if (PQresultStatus(result) != PGRES_COMMAND_OK || strcmp(PQcmdTuples((PGresult *)result), "1") != 0) {
        fail("inserting the %s: %s", statement == 0 ? "user" : "event", PQresultErrorMessage(result));
    }
}

void register_main(int count, char **values) {
    static const char *const names[] = {"connections", "tasks", "seconds", "threads", NULL};
    Arguments arguments = arguments_read(count, values, names);
    int connections = (int)argument_number(arguments, "connections", 8);
    int tasks = (int)argument_number(arguments, "tasks", 32);
    int threads = (int)argument_number(arguments, "threads", 1);
    double seconds = (double)argument_number(arguments, "seconds", 3);
    if (connections > 64 || tasks % connections != 0) fail("--tasks is no multiple of --connections (at most 64)");

    PGconn *control = session_open();
    schema_create(control);
    static const Oid user_types[] = {UUID, TEXT, TEXT, TEXT, TIMESTAMPTZ};
    static const Oid event_types[] = {
        TEXT, TEXT, TEXT, INT4, TEXT, TIMESTAMPTZ, TEXT, BOOL, TEXT, BYTEA, BYTEA,
    };
    Pipeline *pipelines = allocate((size_t)connections, sizeof *pipelines);
    for (int i = 0; i < connections; i++) {
        Registrations *registrations = allocate(1, sizeof *registrations);
        registrations->ids.random = random_seed();
        PGconn *session = session_open();
        session_prepare(session, "user", insert_user, 5, user_types);
        session_prepare(session, "event", insert_event, 11, event_types);
        pipelines[i] = (Pipeline){.session = session, .depth = tasks / connections, .statements = 2,
            .send = send_registration, .check = check_insert, .context = registrations};
        if (PQsetnonblocking(session, 1) != 0 || !PQenterPipelineMode(session)) fail("no pipeline mode");
    }
    Measurement measurement = measurement_start();
    pipelines_run(pipelines, connections, threads, measurement.wall + seconds);
    measurement_stop(&measurement);

    long committed = 0;
    for (int i = 0; i < connections; i++) {
        committed += pipelines[i].completed;
        PQfinish(pipelines[i].session);
    }
    // An event counts only together with its user.
    long found = session_number(control,
        "SELECT count(*) FROM users u JOIN eventbus_outbox o ON o.ordering_key = u.id::text");
    if (committed == 0 || found != committed || session_number(control, "SELECT count(*) FROM users") != committed
        || session_number(control, "SELECT count(*) FROM eventbus_outbox") != committed) {
        fail("%ld transactions were committed, %ld users with their event are there", committed, found);
    }
    schema_drop(control);
    PQfinish(control);
    measurement_print(&measurement, committed, NULL, 0);
}
