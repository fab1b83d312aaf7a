// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPAPI
import UserProcess

let program = Program(
    "user-service",
    help: """
        user-service [--healthcheck]

        Registers users: POST /api/users/register/. Users are kept in Postgres, user.created is published to RabbitMQ.

          --healthcheck  ask a running instance for /healthz and exit with 0 or 1
          --help         this text

          RABBITMQ_URL   amqp://user:password@host:5672/%2F, required; the nodes of a cluster: host-1:5672,host-2:5672
          DATABASE_URL   postgres://user:password@host:5432/database, required
          HTTP_HOST      the interface to listen on (127.0.0.1)
          HTTP_PORT      the port to listen on (8000)
          HTTP_TLS_CERTIFICATE_FILE, HTTP_TLS_KEY_FILE  certificates and private key in PEM: serve TLS, and nothing else
          HTTP_MAXIMUM_CONNECTIONS  connections at the same time; others wait (900)
          LOG_LEVEL      trace, debug, info, notice, warning, error or critical (info)
          SCRYPT_COST    the cost of hashing a password, as a power of two from 10 to 20 (15)
        """,
    options: ["--healthcheck"]
)

await program.main { options in
    let settings = Settings.environment
    if options.contains("--healthcheck") {
        try await ServerConfiguration(settings, defaultPort: 8000).checkHealth()
    } else {
        try await UserService(settings).run()
    }
}
