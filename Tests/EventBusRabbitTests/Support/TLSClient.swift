// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation

/// The certificates of a client, for one key, which `scripts/infra` makes.
enum TLSClient {
    private static let environment = ProcessInfo.processInfo.environment

    static let key = Self.environment["TLS_CLIENT_KEY"] ?? ""
    static let valid = Self.environment["TLS_CLIENT"] ?? ""
    /// Of an authority that the servers do not trust.
    static let foreign = Self.environment["TLS_CLIENT_FOREIGN"] ?? ""
    static let expired = Self.environment["TLS_CLIENT_EXPIRED"]
}
