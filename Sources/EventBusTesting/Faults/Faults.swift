// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// What may go wrong in a ``Simulation``, and how often.
public struct Faults: Sendable, Hashable {
    /// The kinds of faults that happen.
    public var kinds: Set<Fault>
    /// How many calls in a thousand of the bus or of a store go wrong; between calls, a tenth as many of the processes' steps.
    public var perThousandCalls: Int
    /// The maximum number of faults in a run; after them all calls succeed.
    public var maximum: Int

    /// Whether, with some seeds, subscriptions have room for a few messages only, so that publishers have to wait.
    public var fullSubscriptions: Bool

    /// Creates a choice of faults.
    public init(
        _ kinds: Set<Fault> = Set(Fault.allCases),
        perThousandCalls: Int = 30,
        maximum: Int = 12,
        fullSubscriptions: Bool = false
    ) {
        require(
            (0...1000).contains(perThousandCalls),
            "perThousandCalls is \(perThousandCalls), must be from 0 to 1000"
        )
        require(maximum >= 0, "maximum is \(maximum), must not be negative")
        self.fullSubscriptions = fullSubscriptions
        self.kinds = kinds
        self.perThousandCalls = perThousandCalls
        self.maximum = maximum
    }

    /// Nothing goes wrong.
    public static let none = Faults([], perThousandCalls: 0, maximum: 0)
    /// Everything may go wrong.
    public static let all = Faults(fullSubscriptions: true)
}

/// Something that goes wrong, most of it at a call of the bus or of a store.
public enum Fault: String, Sendable, Hashable, CaseIterable {
    /// The process dies before the call has any effect.
    case deathBefore = "death before"
    /// The process dies after the call has had its effect and never gets the answer.
    case deathAfter = "death after"
    /// Time passes before the call.
    case delay
    /// The bus or the store cannot be reached; the call has no effect.
    case unavailable
    /// The call has its effect and the answer is lost.
    case lostAnswer = "lost answer"
    /// The call is lost, so that the caller does not know whether it had an effect.
    case lostCall = "lost call"
    /// The bus refuses some of the messages.
    case refusal
    /// The call has its effect twice.
    case duplicate
    /// Deliveries of an unordered subscription arrive in another order.
    case reorder
    /// Some of the deliveries arrive later.
    case split
    /// The connection of a subscription is lost; unsettled deliveries return.
    case cut
    /// The verdict is lost together with the connection.
    case lostVerdict = "lost verdict"
    /// A retry or a dead letter is stored, or a dead letter redriven, and the connection is lost before the original is removed.
    case copyOnly = "copy without acknowledgement"
    /// The store cannot serialize concurrent transactions.
    case conflict
    /// The bus restarts: every connection is lost, and for a while it is unreachable.
    case busRestart = "bus restart"
    /// For a while the store is unreachable.
    case storeOutage = "store outage"
    /// The process is asked to shut down and starts again; this can also happen between two calls.
    case shutdown
    /// For a while, a few seconds to a quarter of an hour, the process neither works nor dies; see ``SimulatedProcess/freeze(for:busGivesUpAfter:storesGiveUpAfter:)``.
    case freeze
    /// The store answers late, at most a minute, or not in the caller's time.
    case slowStore = "slow store"
    /// A commit is not confirmed in time and takes effect later, while its caller may be trying again.
    case lateCommit = "late commit"
    /// Another transaction holds the row that the caller's transaction needs, for up to 8 seconds: who needs it waits, for 4 seconds
    /// at most, and then gets `locked`.
    case lockedRow = "locked row"
    /// For up to ten minutes the wall clock is wrong, by at most an hour in either direction; time passes as before.
    case clockStep = "clock step"
}

/// A fault that has happened.
public struct InjectedFault: Sendable, Hashable, CustomStringConvertible {
    /// Which call of which process went wrong.
    public struct ID: Sendable, Hashable {
        /// The process, over all its lives.
        public let process: String
        /// The number of the call, from 1.
        public let call: Int
        /// Whether it went wrong between two calls; ``call`` is then the number of a step of the process.
        public let isStep: Bool

        init(process: String, call: Int, isStep: Bool = false) {
            self.process = process
            self.call = call
            self.isStep = isStep
        }
    }

    /// Where it happened.
    public let id: ID
    /// What happened.
    public let fault: Fault
    /// The name of the call.
    public let call: String

    /// One line.
    public var description: String {
        "\(self.fault.rawValue) at \(self.call) (\(self.id.isStep ? "step" : "call") \(self.id.call) of \(self.id.process))"
    }
}
