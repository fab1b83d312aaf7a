// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension SigningKeys {
    /// Reads `AUTH_KEYS` or the file at `AUTH_KEYS_FILE`; `nil` when neither is set.
    ///
    /// - Throws: ``ConfigurationError``.
    public init?(_ settings: Settings) throws(ConfigurationError) {
        let example = "what `openssl genpkey -algorithm ed25519` writes"
        if settings.isSet("AUTH_KEYS_FILE") {
            self = try settings.secret("AUTH_KEYS_FILE", like: "/run/secrets/auth-keys") { path in
                guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { throw UnreadableFile() }
                return try SigningKeys(pem: text)
            }
        } else if settings.isSet("AUTH_KEYS") {
            self = try settings.secret("AUTH_KEYS", like: example) { try SigningKeys(pem: $0) }
        } else {
            return nil
        }
    }
}
