// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension SigningKeys {
    /// Reads `AUTH_KEYS` or the file that `AUTH_KEYS_FILE` leads to; `nil` when neither is set.
    ///
    /// - Throws: ``ConfigurationError``, also when both are set.
    public init?(_ settings: Settings) throws(ConfigurationError) {
        guard settings.isSet("AUTH_KEYS") || settings.isSet("AUTH_KEYS_FILE") else { return nil }
        self = try settings.secret("AUTH_KEYS", like: "what `openssl genpkey -algorithm ed25519` writes") { text in
            try SigningKeys(pem: text)
        }
    }
}
