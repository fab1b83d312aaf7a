# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Prints how many messages are ready in queues together, by passive declarations.

count.py URL QUEUE…

What `rabbitmqctl list_queues` says of quorum queues is up to five seconds old; this is not.
"""

import sys

import pika


def main() -> int:
    parameters = pika.URLParameters(sys.argv[1])
    parameters.socket_timeout = 10
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        print(sum(channel.queue_declare(queue, passive=True).method.message_count for queue in sys.argv[2:]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
