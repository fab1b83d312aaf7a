// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Why an access token is not accepted.
///
/// The texts are shown to the client as they are: they hold nothing that it sent.
enum TokenError: String, Error, Sendable, CaseIterable {
    case tooLong = "The access token is too long"
    case malformed = "The access token is malformed"
    case wrongAlgorithm = "The access token is signed with another algorithm"
    case unknownKey = "The access token is signed with an unknown key"
    case wrongSignature = "The signature of the access token is wrong"
    case expired = "The access token has expired"
    case notYetValid = "The access token is not valid yet"
    case wrongIssuer = "The access token has another issuer"
    case wrongAudience = "The access token is for another audience"
    case unknownUser = "The access token is of no user"
}
