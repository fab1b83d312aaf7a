// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Synchronization

/// What has been measured on one of the two channels that the bus publishes on, for its health: a pure state machine.
struct LaneActivity: Sendable {
    /// What is published on the channel.
    enum Kind: Int, Sendable {
        case events
        case copies

        var text: String {
            switch self {
            case .events: "events"
            case .copies: "retries and dead letters"
            }
        }
    }

    /// For how long messages may be tried without success before that is a problem.
    static let patience = TimeAmount.seconds(10)
    /// For how long an attempt counts that has ended without success: whoever publishes tries again within that time.
    private static let memory = TimeAmount.seconds(30)

    let kind: Kind
    /// How many messages have no outcome yet.
    private(set) var open = 0
    /// Since when messages have been tried of which none was confirmed.
    private var triedSince: NIODeadline?
    private var lastTry: NIODeadline?
    /// What became of the last message that was not confirmed.
    private var lastFailure: String?
    /// Why the broker has closed the channel, until something is confirmed.
    private var closure: (text: String, since: NIODeadline)?
    /// What was replaced last, and why.
    private var replacement: (what: String, reason: String, time: NIODeadline)?
    /// What the broker refuses; see ``ConfirmWatch/refused``.
    var refused: [String: ConfirmWatch.Refusals] = [:]

    init(_ kind: Kind) {
        self.kind = kind
    }

    mutating func tried(open: Int, now: NIODeadline) {
        // After a time in which nobody tried, a new one begins.
        let isLate = self.open == 0 && self.lastTry.map { now - $0 >= Self.memory } ?? true
        self.open = open
        self.lastTry = now
        if self.triedSince == nil || isLate { self.triedSince = now }
    }

    /// A message was refused without asking the broker.
    mutating func dismissed(open: Int) {
        self.open = open
        if open == 0, self.lastFailure == nil { self.triedSince = nil }
    }

    /// The broker has confirmed messages, or said that nobody has subscribed to them.
    mutating func confirmed(open: Int, now: NIODeadline) {
        self.open = open
        self.triedSince = open > 0 ? now : nil
        self.lastFailure = nil
        self.closure = nil
    }

    mutating func failed(_ outcome: PublishOutcome, open: Int, now: NIODeadline) {
        self.open = open
        self.lastTry = now
        switch outcome {
        case .confirmed, .unroutable: break
        case .refused(let reason): self.lastFailure = reason
        case .unknown: self.lastFailure = "the broker does not answer"
        case .notSent(let error): self.lastFailure = error.message
        }
    }

    mutating func closed(_ text: String, now: NIODeadline) {
        self.closure = (text, self.closure?.since ?? now)
    }

    /// What the broker has closed the channel for is mended.
    mutating func repaired() { self.closure = nil }

    mutating func replaced(_ what: String, because reason: String, now: NIODeadline) {
        self.replacement = (what, reason, now)
    }

    /// What prevents messages from being published.
    func problems(now: NIODeadline) -> [String] {
        var problems: [String] = []
        if let closure = self.closure {
            let age = Self.age(closure.since, now)
            problems.append("for \(age) the broker has not let \(self.kind.text) be published: \(closure.text)")
        }
        // Of copies every subscription tells by itself.
        if self.kind == .events, self.closure == nil, let since = self.triedSince, now - since >= Self.patience,
            self.open > 0 || self.lastTry.map({ now - $0 < Self.memory }) ?? false
        {
            let cause = self.lastFailure.map { "; the last one: \($0)" } ?? ""
            problems.append("no event was confirmed for \(Self.age(since, now)), waiting: \(self.open)\(cause)")
        }
        return problems
    }

    /// What needs attention although messages are published.
    func notes(now: NIODeadline) -> [String] {
        var notes: [String] = []
        let refused = self.refused.filter { now - $0.value.since >= Self.patience && now - $0.value.last < Self.memory }
        for (key, refusals) in refused.sorted(by: { $0.value.since < $1.value.since }).prefix(3) {
            notes.append(
                "\(key): the broker has refused every message for \(Self.age(refusals.since, now)), \(refusals.count) in all"
            )
        }
        if let (what, reason, time) = self.replacement, now - time < .minutes(1) {
            notes.append("the \(what) for \(self.kind.text) was replaced \(Self.age(time, now)) ago: \(reason)")
        }
        return notes
    }

    private static func age(_ since: NIODeadline, _ now: NIODeadline) -> String {
        "\((now - since).nanoseconds / 1_000_000_000) s"
    }
}

/// Changed in its place with every batch and answer, and read when somebody asks for the health.
final class SharedActivity: Sendable {
    private let activity: Mutex<LaneActivity>

    init(_ activity: LaneActivity) {
        self.activity = Mutex(activity)
    }

    var current: LaneActivity { self.activity.withLock { $0 } }

    func change(_ body: (inout LaneActivity) -> Void) {
        self.activity.withLock { body(&$0) }
    }
}
