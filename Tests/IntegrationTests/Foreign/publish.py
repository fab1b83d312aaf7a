# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""A producer that knows nothing of this package: it publishes a body and a routing key, by default without any property.

publish.py URL ROUTING_KEY [--body TEXT] [--count N] [--header NAME=INTEGER …]

The body is TEXT, or what standard input holds. Exits with 1 and one line of text when a message was returned as
unroutable or refused by the broker.
"""

import argparse
import sys

import pika
import pika.exceptions


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("routing_key")
    parser.add_argument("--body")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--header", action="append", default=[])
    arguments = parser.parse_args()
    headers = {name: int(value) for name, value in (header.split("=", 1) for header in arguments.header)}
    properties = pika.BasicProperties(headers=headers) if headers else None
    body = sys.stdin.buffer.read() if arguments.body is None else arguments.body.encode()

    parameters = pika.URLParameters(arguments.url)
    parameters.socket_timeout = 10
    parameters.blocked_connection_timeout = 30
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for number in range(arguments.count):
            try:
                channel.basic_publish("events", arguments.routing_key, body, properties, mandatory=True)
            except (pika.exceptions.UnroutableError, pika.exceptions.NackError) as error:
                print(f"message {number} of {arguments.count}: {type(error).__name__}", file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
