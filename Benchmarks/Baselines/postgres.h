// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// What the subcommands of postgres share: sessions, and a loop that keeps pipelines full.

#ifndef POSTGRES_H
#define POSTGRES_H

#include "measure.h"

#include <libpq-fe.h>
#include <stdbool.h>

/// The types of parameters and columns.
enum {
    BOOL = 16, BYTEA = 17, INT8 = 20, INT4 = 23, TEXT = 25, TIMESTAMPTZ = 1184, UUID = 2950,
};

void register_main(int count, char **values);
void select_main(int count, char **values);

/// Connects to DATABASE_URL with the settings that the bus gives its sessions.
PGconn *session_open(void);
/// Runs commands of which none returns anything that matters.
void session_run(PGconn *session, const char *sql);
/// Runs a query that returns one number.
long session_number(PGconn *session, const char *sql);
void session_prepare(PGconn *session, const char *name, const char *sql, int count, const Oid *types);
/// Drops the schema of the baselines with all that is in it.
void schema_drop(PGconn *session);
/// Makes it anew: the tables and indexes of the domain module and of the outbox.
void schema_create(PGconn *session);

// --- Parameters in Postgres' binary format

enum { MOST_PARAMETERS = 11 };

typedef struct {
    int count;
    const char *values[MOST_PARAMETERS];
    int lengths[MOST_PARAMETERS];
    size_t used;
    char bytes[2048];
} Parameters;

void parameters_reset(Parameters *parameters);
/// A value of NULL is SQL's NULL.
void parameter_add(Parameters *parameters, const void *value, size_t length);
void put_number(char *bytes, uint64_t number, int length);
/// Sends a prepared statement; results come in binary.
void parameters_send(const Parameters *parameters, PGconn *session, const char *name);

// --- Pipelines

/// One connection. A segment is what ends with one Sync: a fixed number of statements that succeed or fail together.
typedef struct Pipeline Pipeline;

struct Pipeline {
    PGconn *session;
    /// How many segments are kept under way, and of how many statements each is made.
    int depth;
    int statements;
    /// Sends the statements of one segment, without the Sync.
    void (*send)(Pipeline *pipeline);
    /// Ends the program when a result is not what it should be.
    void (*check)(Pipeline *pipeline, int statement, const PGresult *result);
    /// Belongs to `send` and `check`.
    void *context;

    int under_way;
    int position;
    bool is_answered;
    long completed;
};

/// Keeps the pipelines full until the time is over and returns when all is answered; sessions are divided among
/// threads, each of which has one loop.
void pipelines_run(Pipeline *pipelines, int count, int threads, double end);
/// Back to a session that can be used without a pipeline.
void pipeline_leave(Pipeline *pipeline);

#endif
