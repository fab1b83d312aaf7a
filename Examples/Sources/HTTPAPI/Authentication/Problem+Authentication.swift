// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

extension Problem {
    /// A request without credentials: the answer says which are needed, and no error (RFC 6750 §3.1).
    static let unauthenticated = Problem(
        .unauthorized,
        "This needs an access token: log in, and send it as Authorization: Bearer …",
        headers: [.wwwAuthenticate: challenge]
    )

    /// A name or a password that is wrong.
    static let wrongCredentials = Problem(
        .unauthorized,
        "The name or the password is wrong.",
        headers: [.wwwAuthenticate: challenge]
    )

    /// What belongs to somebody else.
    static let forbidden = Problem(.forbidden, "This belongs to another user.")

    /// A token that is not accepted (RFC 6750 §3).
    static func unauthorized(_ error: TokenError) -> Problem {
        let value = #"\#(self.challenge), error="invalid_token", error_description="\#(error.rawValue)""#
        return Problem(.unauthorized, error.rawValue + ".", headers: [.wwwAuthenticate: value])
    }

    private static let challenge = #"Bearer realm="api""#
}
