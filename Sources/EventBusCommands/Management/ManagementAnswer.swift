// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What an HTTP server has answered.
struct ManagementAnswer: Sendable {
    let status: Int
    /// The header `Date` (RFC 9110 §6.6.1): the server's clock, in seconds.
    let date: String?
    let body: [UInt8]
}

/// Why there is no answer.
enum ManagementFailure: Error, CustomStringConvertible {
    case text(String)

    var description: String {
        switch self {
        case .text(let text): text
        }
    }
}
