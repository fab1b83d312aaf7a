// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Looks at the queues of an open subscription when its ``QueueWatch`` decides so.
///
/// Asking for the number of messages is cheap and disturbs no other consumer. Confined to the event loop.
final class QueueLooks {
    private let subscription: Subscription
    private let channel: AMQPChannel
    private let handler: ConnectionHandler
    private let status: BusStatus
    private let eventLoop: any EventLoop
    private var watch: QueueWatch
    private var timer: Scheduled<Void>?
    /// How many deliveries had arrived when a standstill was told of, perhaps by an earlier session; `nil` if none is.
    private var stoodStillAt: UInt64? = 0
    private var isUntouched = false

    /// The subscription at this moment; `nil` when looking is over.
    var situation: (() -> QueueWatch.Situation?)?
    /// Called when the quarantine queue has messages.
    var onQuarantined: (() -> Void)?
    /// Called when messages wait and are not delivered, and with `nil` when that is over.
    var onStandstill: ((QueueWatch.Standstill?) -> Void)?

    init(
        _ subscription: Subscription,
        _ channel: AMQPChannel,
        _ handler: ConnectionHandler,
        _ pace: QueueWatch.Pace,
        _ status: BusStatus
    ) {
        self.subscription = subscription
        self.channel = channel
        self.handler = handler
        self.status = status
        self.eventLoop = handler.eventLoop
        self.watch = QueueWatch(pace, now: self.eventLoop.now)
    }

    func start() {
        self.schedule()
    }

    /// This instance has put a message into quarantine.
    func moved() {
        self.watch.moved(now: self.eventLoop.now)
        self.timer?.cancel()
        self.schedule()
    }

    func close() {
        self.timer?.cancel()
        (self.situation, self.onQuarantined, self.onStandstill) = (nil, nil, nil)
        self.tell(nil)
    }

    private func schedule() {
        guard self.situation?() != nil else { return }
        let next = self.watch.next(watchesQuarantine: self.subscription.ordering == .none)
        self.timer = self.eventLoop.assumeIsolated().scheduleTask(deadline: next) { self.look() }
    }

    private func look() {
        guard let situation = self.situation?() else { return }
        if let count = self.stoodStillAt, situation.arrived > count { self.flows() }
        guard !self.watch.isSilent(now: self.eventLoop.now, situation) else {
            return self.handler.fail(ConnectionFailure(.silent, "the broker did not answer a request"))
        }
        for look in self.watch.due(now: self.eventLoop.now, situation) {
            switch look {
            case .quarantine:
                self.count(Topology.quarantine(self.subscription.name)) { messages, _ in
                    self.watch.sawQuarantine(isEmpty: messages == 0, now: self.eventLoop.now)
                    if messages > 0 { self.onQuarantined?() }
                }
            case .own:
                self.count(self.subscription.name.description) { self.sawOwn(messages: $0, consumers: $1) }
            }
        }
        self.schedule()
    }

    private func sawOwn(messages: Int, consumers: Int) {
        guard let situation = self.situation?() else { return }
        if self.subscription.ordering == .perKey {
            let now = self.eventLoop.now
            self.tell(self.watch.sawBehindOther(messages: messages, consumers: consumers, now: now, situation))
        }
        let isAlone = Self.isAlone(self.subscription.ordering, consumers: consumers, arrived: situation.arrived)
        let standstill = self.watch.sawOwn(
            messages: messages,
            isAlone: isAlone,
            now: self.eventLoop.now,
            situation
        )
        if let standstill {
            self.stoodStillAt = situation.arrived
            self.onStandstill?(standstill)
        } else if messages == 0 || !isAlone {
            self.flows()
        }
        // The second look may be earlier than the next one was to be.
        self.timer?.cancel()
        self.schedule()
    }

    /// Whether no other consumer can be meant to get what waits.
    ///
    /// Of a queue with a single active consumer RabbitMQ counts that one only, and does not tell who it is. Who has got a delivery is
    /// the active one from then on.
    static func isAlone(_ ordering: Ordering, consumers: Int, arrived: UInt64) -> Bool {
        ordering == .none || consumers == 0 || arrived > 0
    }

    /// What another instance in this process has told stays.
    private func tell(_ untouched: QueueWatch.Untouched?) {
        guard untouched != nil || self.isUntouched else { return }
        self.isUntouched = untouched != nil
        self.status.noteUntouched(untouched, of: self.subscription.name)
    }

    private func flows() {
        guard self.stoodStillAt != nil else { return }
        self.stoodStillAt = nil
        self.onStandstill?(nil)
    }

    private func count(_ queue: String, _ body: @escaping (_ messages: Int, _ consumers: Int) -> Void) {
        let declare = ClientMethod.queueDeclare(name: queue, passive: true, arguments: [])
        self.handler.call(declare, on: self.channel, isUrgent: false).assumeIsolated().whenSuccess { reply in
            self.watch.answered()
            guard case .method(.queueDeclareOk(let messages, let consumers)) = reply else { return }
            body(Int(messages), Int(consumers))
        }
    }
}
