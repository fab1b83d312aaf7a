// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPAPI

let program = Program(
    "payment-service",
    help: """
        payment-service [--healthcheck]

        Opens a payment account for each user.created from RabbitMQ: GET /api/accounts/{user_id}. Accounts are kept in
        Postgres. With AUTH_JWKS_URL everybody sees only the own account, also at GET /api/accounts/me.

          --healthcheck  ask a running instance for /healthz and exit with 0 or 1
          --help         this text

          RABBITMQ_URL   amqp://user:password@host:5672/%2F, required; the nodes of a cluster: host-1:5672,host-2:5672; with TLS:
                         amqps://…?cacertfile=FILE, and certfile=FILE&keyfile=FILE for a broker that demands a certificate
          DATABASE_URL   postgres://user:password@host:5432/database?sslmode=verify-full&sslrootcert=FILE, required; sslmode is
                         not needed where the host is this machine
          …_FILE         instead of the two: a file that holds the URL, such as RABBITMQ_URL_FILE=/run/secrets/rabbitmq-url
          HTTP_HOST      the interface to listen on (127.0.0.1)
          HTTP_PORT      the port to listen on (8080)
          HTTP_TLS_CERTIFICATE_FILE, HTTP_TLS_KEY_FILE
                         certificates and private key in PEM: serve TLS, and nothing else
          HTTP_MAXIMUM_CONNECTIONS
                         connections at the same time; others wait (900)
          HTTP_MAXIMUM_CONNECTIONS_PER_CLIENT
                         of these from one address; others are closed (half of them; behind a proxy, all)
          AUTH_JWKS_URL  the keys of access tokens: https://host/.well-known/jwks.json; without it anybody sees all accounts
          AUTH_JWKS_CA_FILE
                         a PEM file of the authorities to trust for it (the system's)
          AUTH_ISSUER    who issues access tokens (user-service)
          AUTH_AUDIENCE  for whom they have to be (api)
          LOG_LEVEL      trace, debug, info, notice, warning, error or critical (info)
        """,
    options: ["--healthcheck"]
)

await program.main { options in
    let settings = Settings.environment
    if options.contains("--healthcheck") {
        try await ServerConfiguration(settings, defaultPort: 8080).checkHealth()
    } else {
        try await PaymentService(settings).run()
    }
}
