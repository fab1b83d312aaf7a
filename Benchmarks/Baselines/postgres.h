// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// Shared by the subcommands of postgres: sessions, and a loop that keeps pipelines full.

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

/// Connects to DATABASE_URL with the session settings of the bus.
PGconn *session_open(void);
/// Runs commands and ignores their results.
void session_run(PGconn *session, const char *sql);
/// Runs a query that returns one number.
long session_number(PGconn *session, const char *sql);
void session_prepare(PGconn *session, const char *name, const char *sql, int count, const Oid *types);
/// Drops the schema of the baselines with everything in it.
void schema_drop(PGconn *session);
/// Recreates the schema with the tables and indexes of the domain module and the outbox.
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
/// A NULL pointer stands for NULL in SQL.
void parameter_add(Parameters *parameters, const void *value, size_t length);
void put_number(char *bytes, uint64_t number, int length);
/// Sends a prepared statement with binary results.
void parameters_send(const Parameters *parameters, PGconn *session, const char *name);

// --- Pipelines

/// One connection. A segment is a fixed number of statements that end with one Sync and succeed or fail together.
typedef struct Pipeline Pipeline;

struct Pipeline {
    PGconn *session;
    /// How many segments are kept in flight, and how many statements each contains.
    int depth;
    int statements;
    /// Sends the statements of one segment, without the Sync.
    void (*send)(Pipeline *pipeline);
    /// Ends the program if a result is unexpected.
    void (*check)(Pipeline *pipeline, int statement, const PGresult *result);
    /// The context of `send` and `check`.
    void *context;

    int under_way;
    int position;
    bool is_answered;
    long completed;
};

/// Keeps the pipelines full until the time is over, then waits for all answers. The sessions are divided among threads, each
/// of which runs one loop.
void pipelines_run(Pipeline *pipelines, int count, int threads, double end);
/// Ends the pipeline mode of a session.
void pipeline_leave(Pipeline *pipeline);

#endif
