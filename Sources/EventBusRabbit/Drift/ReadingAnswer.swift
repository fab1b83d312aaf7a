// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a broker has of a name.
enum ReadingAnswer<Value: Hashable>: Hashable {
    case found(Value)
    case missing
    /// Why nothing is known.
    case unknown(String)
}
