// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// When to look at the queues of an open subscription, and what the looks show: a pure state machine.
///
/// Only a look shows that another instance has put messages into quarantine, and that the broker has forgotten a consumer. A look costs
/// the broker something, and its answer waits for the deliveries before it.
struct QueueWatch {
    enum Look: Hashable {
        case quarantine
        /// The subscription's own queue.
        case own
    }

    /// The subscription at one moment.
    struct Situation {
        /// How many deliveries have arrived.
        let arrived: UInt64
        /// Whether a part of one has arrived.
        let isReceiving: Bool
        /// Whether the broker could deliver something.
        let hasRoom: Bool
        /// Whether messages may wait in quarantine that this instance does not know of.
        let looksAtQuarantine: Bool
    }

    /// Messages that wait and are not delivered.
    struct Standstill: Hashable, CustomStringConvertible {
        let messages: Int
        /// For how long at least nothing has been delivered.
        let time: TimeAmount

        var description: String {
            "\(self.messages) messages wait, and none has been delivered for \(self.time.nanoseconds / 1_000_000_000) s"
        }
    }

    /// Messages of which nobody knows whether another consumer gets them, since their number does not change.
    struct Untouched: Hashable, CustomStringConvertible {
        let messages: Int
        /// For how long their number has been the same.
        let time: TimeAmount

        var description: String {
            "\(self.messages) messages have waited for \(self.time.nanoseconds / 1_000_000_000) s behind another consumer, "
                + "or RabbitMQ delivers them to nobody"
        }
    }

    /// While the quarantine queue is found empty the pause doubles, up to ``longestPause``.
    static let shortestPause = TimeAmount.seconds(1)
    static let longestPause = TimeAmount.seconds(30)
    /// For how long the number of messages behind another consumer may stay the same before it is told.
    static let untouchedTime = TimeAmount.minutes(10)

    /// How often to look whether the broker delivers what waits.
    struct Pace {
        /// The time until the first look, and between looks.
        let first: TimeAmount
        let pause: TimeAmount
        /// The pause after a look that has found something amiss, and for how long that must last.
        let secondLook: TimeAmount
        let standstill: TimeAmount
        /// How long an answer may take while nothing else arrives.
        let patience: TimeAmount

        static let alone = Pace(
            first: .seconds(30),
            pause: .seconds(30),
            secondLook: .seconds(30),
            standstill: .seconds(30),
            patience: .seconds(30)
        )
        /// A node of a cluster can be lost at any time, and another one be asked instead.
        ///
        /// RabbitMQ 3 says that it consumes before it has found the queue's leader, and answers nothing on the channel until then.
        static let cluster = Pace(
            first: .zero,
            pause: .seconds(3),
            secondLook: .seconds(2),
            standstill: .seconds(4),
            patience: .seconds(5)
        )
    }

    private let pace: Pace
    private var pause = Self.shortestPause
    private var lastQuarantine: NIODeadline
    private var nextQuarantine: NIODeadline
    private var nextOwn: NIODeadline
    /// How many deliveries had arrived when it was last decided on each look.
    private var arrivedAtQuarantine: UInt64 = 0
    private var arrivedAtOwn: UInt64 = 0
    /// Since when messages wait although nothing is delivered.
    private var waitingSince: NIODeadline?
    /// How many messages wait behind another consumer, and since when exactly so many do.
    private var untouched: (messages: Int, since: NIODeadline)?
    /// How many looks have not been answered, and since when nothing has arrived instead.
    private var open = 0
    private var silence: (since: NIODeadline, arrived: UInt64)

    init(_ pace: Pace = .alone, now: NIODeadline) {
        self.pace = pace
        self.lastQuarantine = now
        self.nextQuarantine = now + Self.shortestPause
        self.nextOwn = now + pace.first
        self.silence = (now, 0)
    }

    /// When to call ``due(now:_:)``.
    func next(watchesQuarantine: Bool) -> NIODeadline {
        watchesQuarantine ? min(self.nextQuarantine, self.nextOwn) : self.nextOwn
    }

    /// Which looks to take now; none before the last ones have been answered.
    mutating func due(now: NIODeadline, _ situation: Situation) -> [Look] {
        if self.open > 0 {
            if now >= self.nextQuarantine { self.nextQuarantine = now + self.pause }
            if now >= self.nextOwn { self.nextOwn = now + self.pace.pause }
            return []
        }
        let looks = self.looks(now: now, situation)
        self.open = looks.count
        self.silence = (now, situation.arrived)
        return looks
    }

    /// A look has been answered.
    mutating func answered() {
        self.open -= 1
    }

    /// Whether a look has not been answered in time although the answer had nothing to wait for.
    mutating func isSilent(now: NIODeadline, _ situation: Situation) -> Bool {
        guard self.open > 0 else { return false }
        if situation.isReceiving || !situation.hasRoom || situation.arrived != self.silence.arrived {
            self.silence = (now, situation.arrived)
        }
        return now - self.silence.since >= self.pace.patience
    }

    private mutating func looks(now: NIODeadline, _ situation: Situation) -> [Look] {
        var looks: [Look] = []
        if now >= self.nextQuarantine {
            // A consumer that is always busy must look now and then as well.
            let isBusy = situation.isReceiving || situation.arrived != self.arrivedAtQuarantine
            let isDue = !isBusy || now - self.lastQuarantine >= Self.longestPause
            self.arrivedAtQuarantine = situation.arrived
            self.nextQuarantine = now + self.pause
            if isDue, situation.hasRoom, situation.looksAtQuarantine {
                self.lastQuarantine = now
                looks.append(.quarantine)
            }
        }
        if now >= self.nextOwn {
            self.nextOwn = now + self.pace.pause
            if situation.arrived == self.arrivedAtOwn, situation.hasRoom, !situation.isReceiving {
                looks.append(.own)
            } else {
                self.waitingSince = nil
            }
            self.arrivedAtOwn = situation.arrived
        }
        return looks
    }

    /// The quarantine queue has been looked at.
    mutating func sawQuarantine(isEmpty: Bool, now: NIODeadline) {
        self.pause = isEmpty ? min(self.pause * 2, Self.longestPause) : Self.shortestPause
        self.nextQuarantine = now + self.pause
    }

    /// This instance has put a message into quarantine: others may do so as well.
    mutating func moved(now: NIODeadline) {
        self.pause = Self.shortestPause
        self.nextQuarantine = min(self.nextQuarantine, now + self.pause)
    }

    /// The subscription's own queue has been looked at.
    ///
    /// That the broker counts no consumer is none: it also says so, and of no messages, when the queue's leader does not answer.
    ///
    /// - Parameter isAlone: whether no other consumer can have been meant to get the messages, as one of an ordered subscription that
    ///   is active while this one stands by.
    /// - Returns: a standstill when looks have found messages, and none delivered between them, for long enough.
    mutating func sawOwn(
        messages: Int,
        isAlone: Bool,
        now: NIODeadline,
        _ situation: Situation
    ) -> Standstill? {
        guard messages > 0, isAlone, situation.hasRoom, situation.arrived == self.arrivedAtOwn else {
            self.waitingSince = nil
            return nil
        }
        self.nextOwn = min(self.nextOwn, now + self.pace.secondLook)
        let since = self.waitingSince ?? now
        self.waitingSince = since
        guard now - since >= self.pace.standstill else { return nil }
        return Standstill(messages: messages, time: now - since)
    }

    /// The queue of an ordered subscription has been looked at.
    ///
    /// Who has got nothing cannot know whether the one consumer that RabbitMQ counts is this or another one, so it is no standstill.
    ///
    /// - Returns: what to tell when exactly as many messages wait as at all looks of the last ``untouchedTime``.
    mutating func sawBehindOther(
        messages: Int,
        consumers: Int,
        now: NIODeadline,
        _ situation: Situation
    ) -> Untouched? {
        guard messages > 0, consumers == 1, situation.arrived == 0 else {
            self.untouched = nil
            return nil
        }
        guard let untouched = self.untouched, untouched.messages == messages else {
            self.untouched = (messages, now)
            return nil
        }
        let time = now - untouched.since
        return time >= Self.untouchedTime ? Untouched(messages: messages, time: time) : nil
    }
}
