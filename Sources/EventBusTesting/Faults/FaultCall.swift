// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A call of the bus or of a store at which something can go wrong.
enum FaultCall: String, Sendable {
    case publish
    case open
    case redrive
    case next
    case settle
    case flush
    case begin
    case commit
    case find
    case claim
    case own
    case exchange
    /// Between two calls.
    case step = "a step"

    /// The faults that can happen at this call.
    var faults: [Fault] {
        switch self {
        case .publish:
            [
                .deathBefore, .deathAfter, .delay, .unavailable, .lostAnswer, .lostCall, .refusal, .duplicate,
                .busRestart,
            ]
        case .open: [.deathBefore, .deathAfter, .delay, .unavailable]
        case .redrive: [.deathBefore, .deathAfter, .delay, .unavailable, .lostAnswer, .copyOnly]
        case .next: [.deathBefore, .deathAfter, .delay, .reorder, .split, .cut, .busRestart, .shutdown]
        case .settle: [.deathBefore, .deathAfter, .duplicate, .lostVerdict, .copyOnly]
        case .flush: [.deathBefore, .deathAfter, .delay, .cut]
        case .begin: [.deathBefore, .delay, .unavailable, .storeOutage, .shutdown, .lateCommit]
        case .commit: [.deathBefore, .deathAfter, .delay, .unavailable, .lostAnswer, .conflict, .slowStore, .lockedRow]
        case .find: [.deathBefore, .deathAfter, .delay, .unavailable, .slowStore]
        case .claim: [.deathBefore, .deathAfter, .unavailable, .lostAnswer, .slowStore]
        case .own: [.deathBefore, .deathAfter, .delay, .unavailable]
        case .exchange: [.deathBefore, .deathAfter, .delay, .unavailable, .lostAnswer, .storeOutage, .slowStore]
        case .step: [.shutdown, .freeze, .clockStep]
        }
    }
}
