# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Prints how many messages are ready in queues together, by passive declarations; a queue that is missing holds none.

count.py URL QUEUE…

What `rabbitmqctl list_queues` says of quorum queues is up to five seconds old; this is not.
"""

import sys

import pika


def ready(connection: pika.BlockingConnection, queue: str) -> int:
    try:
        return connection.channel().queue_declare(queue, passive=True).method.message_count
    except pika.exceptions.ChannelClosedByBroker as error:
        # A retry queue is created when a message first needs it.
        if error.reply_code == 404:
            return 0
        raise


def main() -> int:
    parameters = pika.URLParameters(sys.argv[1])
    parameters.socket_timeout = 10
    with pika.BlockingConnection(parameters) as connection:
        print(sum(ready(connection, queue) for queue in sys.argv[2:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
