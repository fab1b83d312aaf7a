// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

extension RegistrationAPI {
    static let register = Operation(
        "registerUser",
        "Registers a user, who soon has a payment account.",
        body: .named("Registration", Self.form),
        answers: [
            .json(.created, "The user is registered.", .named("User", Self.user)),
            .problem(.badRequest, "The body is no JSON, or fields are missing or of the wrong type."),
            .problem(.conflict, "Another user has the name or the address; which of them is said."),
            .problem(.unprocessableContent, "Fields break a rule; which of them is said."),
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

    private static let user = Schema.object([
        Schema.Field("id", .uuid),
        Schema.Field("username", .string()),
        Schema.Field("email", .string()),
        Schema.Field("created_at", .time),
    ])
}
