// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// select: selects users by key. Every connection has its share of the tasks in the pipeline, as one batch with one Sync,
// because each Sync is a separate write in libpq 15. A failed read would also fail its batch, but reads can be repeated.
// With `--batch 1` each read has a Sync, and with half the share two batches are in flight; both are slower.

#include "postgres.h"

#include <string.h>

enum { USERS = 10000, COLUMNS = 5 };

typedef struct {
    uint64_t random;
    /// The keys in flight, oldest first.
    uint32_t asked[256];
    unsigned next_asked, next_answered;
    /// A copy of the last answer.
    char row[512];
    Parameters parameters;
} Reads;

/// The key of a user, with its number in the last bytes.
static void write_key(char *bytes, uint32_t user) {
    memcpy(bytes, "\x01\x98\xc3\xf0\x7d\x1e\x7a\x52\x80\0\0\0\0\0\0\0", 16);
    put_number(bytes + 12, user, 4);
}

static void send_reads(Pipeline *pipeline) {
    Reads *reads = pipeline->context;
    for (int i = 0; i < pipeline->statements; i++) {
        uint32_t user = random_below(&reads->random, USERS);
        reads->asked[reads->next_asked++ % 256] = user;
        char key[16];
        write_key(key, user);
        parameters_reset(&reads->parameters);
        parameter_add(&reads->parameters, key, sizeof key);
        parameters_send(&reads->parameters, pipeline->session, "find");
    }
}

static void check_read(Pipeline *pipeline, int statement, const PGresult *result) {
    (void)statement;
    Reads *reads = pipeline->context;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) fail("reading a user: %s", PQresultErrorMessage(result));
    if (PQntuples(result) != 1 || PQnfields(result) != COLUMNS) fail("not one user was found");
    size_t used = 0;
    for (int column = 0; column < COLUMNS; column++) {
        size_t length = (size_t)PQgetlength(result, 0, column);
        if (PQgetisnull(result, 0, column) || used + length > sizeof reads->row) fail("not the columns of a user");
        memcpy(reads->row + used, PQgetvalue(result, 0, column), length);
        used += length;
    }
    char key[16];
    write_key(key, reads->asked[reads->next_answered++ % 256]);
    if (memcmp(reads->row, key, sizeof key) != 0) fail("another user than the one that was asked for");
}

void select_main(int count, char **values) {
    static const char *const names[] = {"connections", "tasks", "seconds", "threads", "batch", NULL};
    Arguments arguments = arguments_read(count, values, names);
    int connections = (int)argument_number(arguments, "connections", 4);
    int tasks = (int)argument_number(arguments, "tasks", 64);
    int threads = (int)argument_number(arguments, "threads", 1);
    double seconds = (double)argument_number(arguments, "seconds", 3);
    if (connections > 64 || tasks % connections != 0 || tasks / connections > 256) {
        fail("--tasks is a multiple of --connections (at most 64), at most 256 for each");
    }
    int share = tasks / connections;
    int batch = (int)argument_number(arguments, "batch", share);
    if (batch > share || share % batch != 0) fail("--batch does not divide the tasks of a connection");

    PGconn *control = session_open();
    schema_create(control);
    session_run(control,
        "INSERT INTO users SELECT ('0198c3f0-7d1e-7a52-8000-0000' || lpad(to_hex(i), 8, '0'))::uuid, 'user-' || i,"
        " 'user-' || i || '@example.org',"
        " '$scrypt$ln=15,r=8,p=3$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U', now()"
        " FROM generate_series(0, 9999) AS i");
    session_run(control, "VACUUM ANALYZE users");
    static const Oid types[] = {UUID};
    Pipeline *pipelines = allocate((size_t)connections, sizeof *pipelines);
    for (int i = 0; i < connections; i++) {
        Reads *reads = allocate(1, sizeof *reads);
        reads->random = random_seed();
        PGconn *session = session_open();
        session_prepare(session, "find",
            "SELECT \"id\", \"username\", \"email\", \"password_hash\", \"created_at\" FROM \"bench_c\".\"users\""
            " WHERE \"id\" = $1",
            1, types);
        pipelines[i] = (Pipeline){.session = session, .depth = share / batch, .statements = batch, .send = send_reads,
            .check = check_read, .context = reads};
        if (PQsetnonblocking(session, 1) != 0 || !PQenterPipelineMode(session)) fail("no pipeline mode");
    }
    Measurement measurement = measurement_start();
    pipelines_run(pipelines, connections, threads, measurement.wall + seconds);
    measurement_stop(&measurement);

    long found = 0;
    for (int i = 0; i < connections; i++) {
        found += pipelines[i].completed * batch;
        Reads *reads = pipelines[i].context;
        if (reads->next_asked != reads->next_answered) fail("not everything was answered");
        PQfinish(pipelines[i].session);
    }
    schema_drop(control);
    PQfinish(control);
    measurement_print(&measurement, found, NULL, 0);
}
