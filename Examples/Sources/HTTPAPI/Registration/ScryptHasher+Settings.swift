// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBusUsers
public import Logging

extension ScryptHasher {
    /// Creates a hasher from two settings.
    ///
    /// A hash takes 2^cost KiB of memory, and a time that doubles with each step. A cost below 14 is for load tests and
    /// is logged once.
    ///
    /// ## Configuration keys
    /// - `SCRYPT_COST` (10 to 20, optional, default 15): the binary logarithm of scrypt's N.
    /// - `SCRYPT_MAXIMUM_WAIT` (1 to 60 seconds, optional, default 3): how long a registration or a login waits for its turn before it
    ///   is answered with 503.
    ///
    /// - Throws: ``ConfigurationError`` when a value is empty, no number or out of range.
    public init(_ settings: Settings, logger: Logger) throws(ConfigurationError) {
        let cost = try settings.number("SCRYPT_COST", default: 15, in: 10...20)
        if cost < 14 {
            logger.warning(
                "Passwords are hashed at a cost that is too low for real ones",
                metadata: ["scrypt.cost": "\(cost)"]
            )
        }
        let wait = try settings.number("SCRYPT_MAXIMUM_WAIT", default: 3, in: 1...60)
        self.init(costExponent: cost, maximumWait: .seconds(wait))
    }
}
