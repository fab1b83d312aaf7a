// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

extension LoginAPI {
    static let login = Operation(
        "logIn",
        "Returns an access token of the user with a name and a password.",
        body: .named(
            "Login",
            .object([
                Schema.Field("username", .string(), "The user name or the e-mail address, in any letter case."),
                Schema.Field("password", .string()),
            ])
        ),
        answers: [
            .json(
                .ok,
                "Name and password are right.",
                .named("AccessToken", Self.token),
                headers: [Self.cacheControl("Keeps the token out of caches.")]
            ),
            .problem(
                .unauthorized,
                "The name or the password is wrong; which of them is not said.",
                headers: [DescribedHeader(.wwwAuthenticate, "How to present a token (RFC 6750 §3).", .string())]
            ),
            .problem(.badRequest, "The body is no JSON, or fields are missing or of the wrong type."),
            .tooManyAttempts,
        ]
    )

    static let user = Operation(
        "getOwnUser",
        "Returns the user whose access token it is.",
        security: [.bearer],
        answers: [
            .json(.ok, "The user.", UserAnswer.schema, headers: [Self.cacheControl("Keeps the user out of caches.")])
        ]
    )

    static let keys = Operation(
        "getKeys",
        "Returns the public keys that verify access tokens: a JWK set (RFC 7517).",
        answers: [
            .json(
                .ok,
                "The keys.",
                .object([Schema.Field("keys", .array(of: Self.key))]),
                headers: [
                    Self.cacheControl("How long they may be kept.")
                ]
            )
        ]
    )

    private static let token = Schema.object([
        Schema.Field("access_token", .string(), "A JWT (RFC 7519)."),
        Schema.Field("token_type", .choice(["Bearer"])),
        Schema.Field("expires_in", .integer(60...86_400), "In seconds."),
    ])

    private static let key = Schema.object([
        Schema.Field("kty", .choice(["OKP"])),
        Schema.Field("crv", .choice(["Ed25519"])),
        Schema.Field("alg", .choice(["EdDSA"])),
        Schema.Field("kid", .string()),
        Schema.Field("x", .string()),
    ])

    private static func cacheControl(_ description: String) -> DescribedHeader {
        DescribedHeader(.cacheControl, description, .string())
    }
}
