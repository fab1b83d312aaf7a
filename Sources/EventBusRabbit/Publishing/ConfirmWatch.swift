// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// Whether a channel, or the whole connection, is to be replaced, since messages are refused or not answered: a pure state machine.
///
/// A channel that has lost its way to a queue refuses every message for it, while other channels reach it (RabbitMQ, after the loss of
/// a node); and RabbitMQ can lose confirms. A new channel costs the messages of other topics nothing, a new connection much more: so it is
/// the last resort, and only for a channel on which nothing works any more. A queue that is full refuses everything as well, and for
/// long: so what has not helped is repeated ever more rarely.
struct ConfirmWatch {
    enum Advice: Hashable {
        case none
        case replaceChannel
        /// The new one has less time to answer.
        case replaceSilentChannel
        case replaceConnection
    }

    /// A topic or a queue whose messages are refused.
    struct Refusals: Hashable {
        let since: NIODeadline
        var last: NIODeadline
        var count: Int
    }

    /// How long messages may be refused without one that is confirmed, and how long a new channel may stay silent in the place of a
    /// silent one.
    static let patience = TimeAmount.seconds(10)
    /// How long messages may be refused when there are other hosts.
    ///
    /// After the loss of a node, a channel of RabbitMQ 3 can refuse all messages for a queue whose leader it knew there.
    static let refusalsAmongHosts = TimeAmount.seconds(3)
    /// How long a node may confirm nothing when there are others.
    ///
    /// RabbitMQ 3 sends what has reached no leader again after 10 s only.
    static let patienceAmongHosts = TimeAmount.seconds(5)
    /// How long the broker may take to open a channel in the place of another one.
    static let openingPatience = TimeAmount.seconds(3)
    /// A refusal after that long has nothing to do with the one before it.
    private static let memory = TimeAmount.minutes(10)
    private static let longestPause = TimeAmount.minutes(10)
    private static let mostRefused = 100

    /// The topics or queues of which nothing has been confirmed since their first refusal.
    private(set) var refused: [String: Refusals] = [:]
    private var lastConfirmed: NIODeadline?
    /// What was replaced last, and how often something was since everything worked.
    private var lastReplaced: NIODeadline?
    private var attempts = 0
    private var isSilent = false
    /// Nodes, or channels, that have been left because nothing was confirmed.
    private var silentNodes = QuickTries()

    /// How long the node may confirm nothing before another one is tried.
    var patienceWithNode: TimeAmount {
        self.silentNodes.patience(Self.patienceAmongHosts, longest: Self.longestPause)
    }

    /// Whether ``confirmed(_:now:)`` has to know the topics or queues.
    var needsKeys: Bool { !self.refused.isEmpty }

    /// Messages were confirmed.
    mutating func confirmed(now: NIODeadline) {
        self.lastConfirmed = now
        self.isSilent = false
        // While one queue confirms nothing and others do, each new connection would seem to be the end of it.
        self.silentNodes.worked(now: now)
        if self.refused.isEmpty { self.attempts = 0 }
    }

    /// A message for this topic or queue was confirmed.
    mutating func confirmed(_ routingKey: String) {
        self.refused[routingKey] = nil
    }

    /// The broker has refused a message for this topic or queue.
    ///
    /// - Parameter lastStored: when a message was last stored that was published on the connection, also on other channels.
    mutating func refused(
        _ routingKey: String,
        hasOtherHosts: Bool = false,
        lastStored: NIODeadline = .uptimeNanoseconds(0),
        now: NIODeadline
    ) -> Advice {
        let patience = hasOtherHosts ? Self.refusalsAmongHosts : Self.patience
        self.isSilent = false
        guard var refusals = self.refused[routingKey], now - refusals.last < Self.memory else {
            self.forget(now: now)
            self.refused[routingKey] = Refusals(since: now, last: now, count: 1)
            return .none
        }
        refusals.last = now
        refusals.count += 1
        self.refused[routingKey] = refusals
        guard now - refusals.since >= patience else { return .none }
        return self.replace(after: patience, lastStored: lastStored, now: now)
    }

    /// For the whole time limit of a message, or for ``patience`` on a channel that took the place of a silent one, nothing was answered.
    mutating func silent() -> Advice {
        defer { self.isSilent = true }
        return self.isSilent ? .replaceConnection : .replaceSilentChannel
    }

    /// For ``patienceWithNode`` nothing was confirmed on a channel.
    ///
    /// - Parameter answersOthers: whether messages on other channels have been stored meanwhile.
    mutating func silentNode(answersOthers: Bool, now: NIODeadline) -> Advice {
        self.silentNodes.tried(now: now)
        return answersOthers ? .replaceChannel : .replaceConnection
    }

    private mutating func replace(after patience: TimeAmount, lastStored: NIODeadline, now: NIODeadline) -> Advice {
        var advice = Advice.replaceChannel
        if let last = self.lastReplaced, self.attempts > 0 {
            let factor = Int64(1) << min(Int64(self.attempts) - 1, 10)
            let pause = min(patience * factor, Self.longestPause)
            guard now - last >= pause else { return .none }
            // Every second time, as long as not even other messages are confirmed.
            let works = max(self.lastConfirmed ?? lastStored, lastStored) > last
            if !works, self.attempts % 2 == 1 { advice = .replaceConnection }
        }
        self.attempts += 1
        self.lastReplaced = now
        return advice
    }

    /// Forgets what nobody publishes any more, so that the table stays small.
    private mutating func forget(now: NIODeadline) {
        guard self.refused.count >= Self.mostRefused else { return }
        self.refused = self.refused.filter { now - $0.value.last < Self.patience }
        if self.refused.count >= Self.mostRefused { self.refused = [:] }
    }
}
