// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusUsers
import HTTPAPI
import Logging

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

let program = Program(
    "demo",
    help: """
        demo [--once]

        Users and Payments in one process, on the in-process bus and stores: registers a user, reports step by step how the
        registration becomes a payment account, and goes on serving both HTTP APIs. Nothing is kept.

          --once         end after the sample user
          --help         this text

          HTTP_HOST      the interface to listen on (127.0.0.1)
          HTTP_PORT      the port to listen on (8000)
          LOG_LEVEL      trace, debug, info, notice, warning, error or critical (warning)
          SCRYPT_COST    the cost of hashing a password, as a power of two from 10 to 20 (15)
          SCRYPT_MAXIMUM_WAIT
                         how many seconds a password waits to be hashed, before the answer is 503 (3)
        """,
    options: ["--once"]
)

await program.main { options in
    let settings = Settings.environment
    let server = try ServerConfiguration(settings, defaultPort: 8000, defaultLevel: .warning)
    let logger = server.logger("demo")
    let isPlain = ProcessInfo.processInfo.environment["NO_COLOR"] != nil
    let demo = Demo(
        server,
        once: options.contains("--once"),
        hasher: try ScryptHasher(settings, logger: logger),
        script: Script(isStyled: Program.writesToTerminal && !isPlain),
        logger: logger,
        write: { Program.write($0) }
    )
    try await demo.run()
}
