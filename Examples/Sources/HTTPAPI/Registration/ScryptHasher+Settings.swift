// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBusUsers
public import Logging

extension ScryptHasher {
    /// Creates a hasher from the setting `SCRYPT_COST`: the binary logarithm of scrypt's N, 10 to 20, 15 by default.
    ///
    /// A hash takes 2^cost KiB of memory, and a time that doubles with each step. A cost below 14 is for load tests and
    /// is logged once.
    ///
    /// - Throws: ``ConfigurationError`` when the value is empty, no number or out of range.
    public init(_ settings: Settings, logger: Logger) throws(ConfigurationError) {
        let cost = try settings.number("SCRYPT_COST", default: 15, in: 10...20)
        if cost < 14 {
            logger.warning(
                "Passwords are hashed at a cost that is too low for real ones",
                metadata: ["scrypt.cost": "\(cost)"]
            )
        }
        self.init(costExponent: cost)
    }
}
