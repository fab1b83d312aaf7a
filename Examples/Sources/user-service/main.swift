// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPAPI
import UserProcess

let program = Program(
    "user-service",
    help: """
        user-service [--healthcheck]

        Registers users: POST /api/users/register/. Users are kept in Postgres, user.created is published to RabbitMQ. With a key
        users can log in: POST /api/users/login/, GET /api/users/me, GET /.well-known/jwks.json.

          --healthcheck  ask a running instance for /healthz and exit with 0 or 1
          --help         this text

          RABBITMQ_URL   amqp://user:password@host:5672/%2F, required; the nodes of a cluster: host-1:5672,host-2:5672; with TLS:
                         amqps://…?cacertfile=FILE, and certfile=FILE&keyfile=FILE for a broker that demands a certificate
          DATABASE_URL   postgres://user:password@host:5432/database?sslmode=verify-full&sslrootcert=FILE, required; sslmode is
                         not needed where the host is this machine
          …_FILE         instead of the two: a file that holds the URL, such as RABBITMQ_URL_FILE=/run/secrets/rabbitmq-url
          HTTP_HOST      the interface to listen on (127.0.0.1)
          HTTP_PORT      the port to listen on (8000)
          HTTP_TLS_CERTIFICATE_FILE, HTTP_TLS_KEY_FILE
                         certificates and private key in PEM: serve TLS, and nothing else
          HTTP_MAXIMUM_CONNECTIONS
                         connections at the same time; others wait (900)
          HTTP_MAXIMUM_CONNECTIONS_PER_CLIENT
                         of these from one address; others are closed (half; all with TRUSTED_PROXY_HEADER)
          AUTH_KEYS      one or two private keys that sign access tokens, from `openssl genpkey -algorithm ed25519`; without them
                         nobody can log in
          AUTH_KEYS_FILE the path of a file with them instead
          AUTH_TOKEN_SECONDS
                         how long an access token holds, 60 to 86400 (900)
          AUTH_ISSUER    who issues them (user-service)
          AUTH_AUDIENCE  for whom they are (api)
          LIMIT_PER_CLIENT
                         how often one client may register or log in: 20/60 for 20 in 60 seconds (no limit)
          LIMIT_PER_NAME how often one name may be tried (no limit)
          TRUSTED_PROXY_HEADER
                         where a proxy writes its client's address, like X-Forwarded-For (clients connect directly)
          LOG_LEVEL      trace, debug, info, notice, warning, error or critical (info)
          SCRYPT_COST    the cost of hashing a password, as a power of two from 10 to 20 (15)
          SCRYPT_MAXIMUM_WAIT
                         how many seconds a password waits to be hashed, before the answer is 503 (3)
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
