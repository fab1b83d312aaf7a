// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

// The standard library normalizes, but under a name that only Swift's own libraries may count on. Foundation has a name for it,
// and brings 30 MB of tables along to a system that is not Apple's. So a compiler with which this was tested takes the former.
#if canImport(FoundationEssentials) && compiler(<6.4)
@_spi(_Unicode) import Swift

extension String {
    /// The text in Unicode's Normalization Form C (UAX #15).
    var composed: String {
        var scalars = String.UnicodeScalarView()
        for scalar in self._nfc { scalars.append(scalar) }
        return String(scalars)
    }
}
#else
import Foundation

extension String {
    /// The text in Unicode's Normalization Form C (UAX #15).
    var composed: String { self.precomposedStringWithCanonicalMapping }
}
#endif
