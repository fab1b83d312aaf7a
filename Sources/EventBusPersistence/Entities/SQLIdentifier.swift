// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The rule for names that are written into SQL as they are.
package enum SQLIdentifier {
    /// Why a name cannot be used, or `nil` if it can.
    package static func problem(of name: String) -> String? {
        guard let first = name.utf8.first else { return "must not be empty" }
        if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) { return "must not begin with a digit" }
        // Postgres silently shortens longer names (manual, 4.1.1).
        if name.utf8.count > 63 { return "at most 63 characters are allowed" }
        for byte in name.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                continue
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): return "upper case is not allowed"
            default: return "only a-z, 0-9 and _ are allowed"
            }
        }
        return nil
    }
}
