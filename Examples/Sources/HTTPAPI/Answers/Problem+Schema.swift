// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension Problem {
    static let contentType = "application/problem+json"

    /// The body of a problem, as it is described.
    static let schema = Schema.named(
        "Problem",
        .object([
            Schema.Field("type", .choice(["about:blank"]), "The status says it all (RFC 9457 §4.2.1)."),
            Schema.Field("title", .string(), "The status in words."),
            Schema.Field("status", .integer(400...599)),
            Schema.Field("detail", .string(), isRequired: false, "A sentence for a person."),
            Schema.Field("errors", .array(of: Self.faultSchema), isRequired: false, "Every field that is wrong."),
        ])
    )

    private static let faultSchema = Schema.object([
        Schema.Field("field", .string(), "The name of a field of the request's body."),
        Schema.Field("detail", .string(), "What is wrong, to be read after the name."),
    ])
}
