// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

extension RegistrationAPI {
    static let register = Operation(
        "registerUser",
        "Registers a user, who soon has a payment account.",
        parameters: [
            DescribedParameter(
                .header,
                "Idempotency-Key",
                """
                Chosen for this registration, hard to guess, and sent again with each further attempt, which then gets the answer of \
                the first one that has succeeded, for 24 hours.
                """,
                .string(pattern: "^[!-~]{1,255}$", length: 1...255)
            )
        ],
        body: .named("Registration", Self.form),
        answers: [
            .json(.created, "The user is registered.", UserAnswer.schema),
            .problem(
                .badRequest,
                "The body is no JSON, fields are missing or of the wrong type, or the key is malformed."
            ),
            .problem(.conflict, "Another user has the name or the address; which of them is said."),
            .problem(
                .unprocessableContent,
                "Fields break a rule; which of them is said. Or the key belongs to a registration with other values."
            ),
            .tooManyAttempts,
        ]
    )

    /// What is always accepted; the password's limits are counted in bytes.
    private static let form = Schema.object([
        Schema.Field(
            "username",
            .string(pattern: "^[A-Za-z0-9._-]{3,64}$", length: 3...64),
            "Unique, whatever the letter case."
        ),
        Schema.Field("email", .string(format: "email", length: 6...254), "Unique, whatever the letter case."),
        Schema.Field("password", .string(length: 8...256), "8 to 1024 bytes in UTF-8."),
    ])
}
