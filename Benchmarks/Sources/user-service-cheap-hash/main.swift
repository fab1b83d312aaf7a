// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPAPI
import UserProcess

let program = Program(
    "user-service-cheap-hash",
    help: """
        user-service-cheap-hash

        The example user-service, but a password is hashed with one SHA-256, so that a measurement shows everything else.
        Never let it see a real password.

        Its settings are those of user-service, without SCRYPT_COST.
        """,
    options: []
)

await program.main { _ in
    try await UserService(.environment, hasher: CheapHasher()).run()
}
