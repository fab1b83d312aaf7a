# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""A consumer that knows nothing of this package: it prints what arrives, one line of JSON per message.

consume.py URL PATTERN COUNT [--timeout SECONDS]

Binds a queue of its own to the exchange `events`, prints READY, then each message as an object with the keys
routing_key, properties (those that are set), headers, and body (text). Ends after COUNT messages. Exits with 1 and one
line of text when they don't arrive in time.
"""

import argparse
import base64
import datetime
import decimal
import json
import sys
import time

import pika

PROPERTIES = (
    "content_type content_encoding delivery_mode priority correlation_id reply_to expiration message_id timestamp type "
    "user_id app_id cluster_id"
).split()


def plain(value):
    """What JSON has no form for, in one that a test can compare."""
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=datetime.timezone.utc).isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError(f"no JSON form for {type(value)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("pattern")
    parser.add_argument("count", type=int)
    parser.add_argument("--timeout", type=float, default=60)
    arguments = parser.parse_args()
    deadline = time.monotonic() + arguments.timeout

    parameters = pika.URLParameters(arguments.url)
    parameters.socket_timeout = 10
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, "events", arguments.pattern)
        print("READY", flush=True)

        seen = 0
        while seen < arguments.count:
            left = deadline - time.monotonic()
            if left <= 0:
                print(f"{seen} of {arguments.count} messages in {arguments.timeout:g} s", file=sys.stderr)
                return 1
            # consume() comes back with three times None when nothing arrives within inactivity_timeout.
            method, properties, body = next(channel.consume(queue, inactivity_timeout=left))
            if method is None:
                continue
            message = {
                "routing_key": method.routing_key,
                "properties": {
                    name: getattr(properties, name) for name in PROPERTIES if getattr(properties, name) is not None
                },
                "headers": properties.headers or {},
                "body": body.decode("utf-8"),
            }
            print(json.dumps(message, default=plain, sort_keys=True), flush=True)
            channel.basic_ack(method.delivery_tag)
            seen += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
