// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.
//
// The subcommands of rabbit, and what they share about the broker.

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

/// Whether `--properties` says `all`; the other choice is `bare`.
bool wants_all_properties(Arguments arguments);

// --- rabbit_session.c: everything that is not timed goes through librabbitmq

typedef struct Session Session;

/// Connects to RABBITMQ_URL without heartbeats and opens CHANNEL.
Session *session_open(void);
/// Declares the exchange `events` and a durable queue, and binds it with its own name as the pattern.
void session_declare(Session *session, const char *queue, bool is_quorum);
/// Drops what is in the queue; returns how many that were.
long session_purge(Session *session, const char *queue);
/// How many messages are ready in the queue.
long session_count(Session *session, const char *queue);
void session_confirm(Session *session);
void session_prefetch(Session *session, unsigned count);
/// Opens another channel after CHANNEL has been closed on the raw socket; from now on it serves the calls above.
void session_reopen(Session *session);
/// The socket, blocking and with a limit of 15 s, for own frames on CHANNEL; librabbitmq holds nothing back.
int session_socket(Session *session);
void session_close(Session *session);

#endif
