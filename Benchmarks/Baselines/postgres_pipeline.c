// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// Pipelines are refilled whenever a segment has been answered. A thread waits for all of its sessions at once.

#include "postgres.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

enum { MOST_PIPELINES = 64, LIMIT_MILLISECONDS = 20000 };

/// Refills the pipeline, but sends nothing new if `is_over`. Returns whether the socket did not accept all bytes.
static bool fill(Pipeline *pipeline, bool is_over) {
    while (!is_over && pipeline->under_way < pipeline->depth) {
        pipeline->send(pipeline);
        // Also sends what is buffered.
        if (!PQpipelineSync(pipeline->session)) fail("Sync: %s", PQerrorMessage(pipeline->session));
        pipeline->under_way++;
    }
    int rest = PQflush(pipeline->session);
    if (rest < 0) fail("sending: %s", PQerrorMessage(pipeline->session));
    return rest > 0;
}

/// Processes all answers that have arrived: a result and a NULL per statement, one result per Sync.
static void receive(Pipeline *pipeline) {
    PGconn *session = pipeline->session;
    if (!PQconsumeInput(session)) fail("the connection: %s", PQerrorMessage(session));
    while (pipeline->under_way > 0 && !PQisBusy(session)) {
        PGresult *result = PQgetResult(session);
        if (!result) {
            if (!pipeline->is_answered) fail("an answer is missing");
            pipeline->is_answered = false;
            pipeline->position++;
            continue;
        }
        if (pipeline->position == pipeline->statements) {
            // Anything else is a failed commit.
            if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) fail("Sync: %s", PQresultErrorMessage(result));
            pipeline->position = 0;
            pipeline->under_way--;
            pipeline->completed++;
        } else {
            if (pipeline->is_answered) fail("a statement is answered twice");
            pipeline->check(pipeline, pipeline->position, result);
            pipeline->is_answered = true;
        }
        PQclear(result);
    }
}

typedef struct {
    Pipeline *pipelines;
    int count;
    double end;
} Worker;

static void *work(void *context) {
    Worker *worker = context;
    struct pollfd sockets[MOST_PIPELINES];
    for (int i = 0; i < worker->count; i++) {
        bool wants_write = fill(&worker->pipelines[i], false);
        sockets[i].fd = PQsocket(worker->pipelines[i].session);
        sockets[i].events = (short)(POLLIN | (wants_write ? POLLOUT : 0));
    }
    for (int busy = worker->count; busy > 0;) {
        int ready = poll(sockets, (nfds_t)worker->count, LIMIT_MILLISECONDS);
        if (ready < 0 && errno != EINTR) fail("poll: %s", strerror(errno));
        if (ready == 0) fail("the server has not answered for %d s", LIMIT_MILLISECONDS / 1000);
        bool is_over = now() >= worker->end;
        busy = 0;
        for (int i = 0; i < worker->count; i++) {
            Pipeline *pipeline = &worker->pipelines[i];
            if (sockets[i].revents) {
                receive(pipeline);
                bool wants_write = fill(pipeline, is_over);
                sockets[i].events = (short)(POLLIN | (wants_write ? POLLOUT : 0));
            }
            busy += pipeline->under_way > 0;
        }
    }
    return NULL;
}

void pipelines_run(Pipeline *pipelines, int count, int threads, double end) {
    if (threads > count) threads = count;
    Worker workers[MOST_PIPELINES];
    pthread_t ids[MOST_PIPELINES];
    for (int i = 0, first = 0; i < threads; i++) {
        int next = count * (i + 1) / threads;
        workers[i] = (Worker){pipelines + first, next - first, end};
        first = next;
        if (i > 0 && pthread_create(&ids[i], NULL, work, &workers[i]) != 0) fail("no thread");
    }
    work(&workers[0]);
    for (int i = 1; i < threads; i++) {
        if (pthread_join(ids[i], NULL) != 0) fail("a thread did not end");
    }
}

void pipeline_leave(Pipeline *pipeline) {
    if (!PQexitPipelineMode(pipeline->session)) fail("the pipeline: %s", PQerrorMessage(pipeline->session));
    PQsetnonblocking(pipeline->session, 0);
}
