// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// The subcommands of rabbit, and their shared code for the broker.

#ifndef RABBIT_H
#define RABBIT_H

#include "measure.h"

#include <stdbool.h>

enum { PREFETCH = 500, BODY_LENGTH = 256, CHANNEL = 1 };

void publish_main(int count, char **values);
void fill_main(int count, char **values);
void purge_main(int count, char **values);
void consume_main(int count, char **values);
void latency_main(int count, char **values);

/// Whether `--properties` is `all`; the alternative is `bare`.
bool wants_all_properties(Arguments arguments);

// --- rabbit_session.c: everything outside of the timed part uses librabbitmq

typedef struct Session Session;

/// Connects to RABBITMQ_URL without heartbeats and opens CHANNEL.
Session *session_open(void);
/// Declares the exchange `events` and a durable queue, and binds it with its own name as the pattern.
void session_declare(Session *session, const char *queue, bool is_quorum);
/// Purges the queue; returns how many messages it contained.
long session_purge(Session *session, const char *queue);
/// How many messages are ready in the queue.
long session_count(Session *session, const char *queue);
void session_confirm(Session *session);
void session_prefetch(Session *session, unsigned count);
/// Opens another channel after CHANNEL has been closed on the raw socket; the functions above then use the new one.
void session_reopen(Session *session);
/// The socket for hand-written frames on CHANNEL, blocking, with a time limit of 15 s; librabbitmq has nothing buffered.
int session_socket(Session *session);
void session_close(Session *session);

#endif
