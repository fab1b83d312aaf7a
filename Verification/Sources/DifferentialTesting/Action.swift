// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A step with all its references resolved, which is performed on both buses.
enum Action: Sendable, Hashable {
    /// Consumers are numbered in the order in which they are opened, as the in-process bus does.
    case open(consumer: Int, slot: Int, prefetch: Int, patterns: [String])
    case publish([PlannedMessage])
    /// `count` deliveries arrive, at any consumer.
    case take(slot: Int, count: Int)
    case settle(slot: Int, labels: [String])
    case giveBack(slot: Int, labels: [String])
    case stray(slot: Int)
    /// Some deliveries are settled at the last moment; the unsettled ones return.
    case end(consumer: Int, slot: Int, ProgramStep.How, settling: [String])
    case wait(slot: Int, count: Int)
    /// `finals` deliveries get a verdict other than a retry.
    case drain(slot: Int, finals: Int)
    case letters(slot: Int)
    case redrive(slot: Int, limit: Int, ProgramStep.Wanted)
    case unbind(slot: Int, pattern: String)
    case move(slot: Int, to: Int)
    case remove(slot: Int)
    case restart
    case mismatch(slot: Int)

    /// The subscription whose deliveries arrive in this action.
    var slotOfTaking: Int? {
        switch self {
        case .take(let slot, _), .wait(let slot, _), .drain(let slot, _): slot
        default: nil
        }
    }
}

extension Action: CustomStringConvertible {
    var description: String {
        func name(_ slot: Int) -> String { "s\(slot + 1)" }
        return switch self {
        case .open(let consumer, let slot, let prefetch, let patterns):
            "open consumer \(consumer) of \(name(slot)) (\(Differential.ordering(of: slot))), prefetch \(prefetch), "
                + "patterns \(patterns.joined(separator: ", "))"
        case .publish(let posts): "publish \(posts.map(\.description).joined(separator: "; "))"
        case .take(let slot, let count): "take \(count) of \(name(slot))"
        case .settle(let slot, let labels): "settle \(labels.joined(separator: ", ")) of \(name(slot))"
        case .giveBack(let slot, let labels): "give back \(labels.joined(separator: ", ")) of \(name(slot))"
        case .stray(let slot): "verdicts on wrong ids of \(name(slot))"
        case .end(let consumer, let slot, let how, let labels):
            "end consumer \(consumer) of \(name(slot)), \(how.rawValue)"
                + (labels.isEmpty ? "" : " after settling \(labels.joined(separator: ", "))")
        case .wait(let slot, let count): "wait for the retries of \(name(slot)) and take \(count)"
        case .drain(let slot, let finals): "drain \(name(slot)) until \(finals) are done or dead"
        case .letters(let slot): "list the dead letters of \(name(slot))"
        case .redrive(let slot, let limit, let wanted):
            "redrive of the first \(limit) of \(name(slot)) those with \(wanted.rawValue) numbers"
        case .unbind(let slot, let pattern): "unbind \(pattern) from \(name(slot))"
        case .move(let slot, let other): "move what waits in \(name(slot)) to \(name(other))"
        case .remove(let slot): "remove \(name(slot))"
        case .restart: "restart the bus"
        case .mismatch(let slot): "open \(name(slot)) with the other ordering"
        }
    }
}
