// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

extension AccountAPI {
    static let account = Operation(
        "getAccount",
        "Returns the payment account of a user.",
        parameters: [DescribedParameter(.path, "user_id", "The id of the user, from the registration.", .uuid)],
        answers: [
            .json(.ok, "The account.", Self.schema),
            .problem(
                .notFound,
                "There is no account of this user, or not yet: it is opened soon after the registration."
            ),
        ]
    )

    private static let schema = Schema.named(
        "Account",
        .object([
            Schema.Field("id", .uuid),
            Schema.Field("user_id", .uuid),
            Schema.Field("currency", .string(pattern: "^[A-Z]{3}$"), "ISO 4217."),
            Schema.Field("balance", .integer(), "In minor units of the currency, such as cents."),
            Schema.Field("created_at", .time),
        ])
    )
}
