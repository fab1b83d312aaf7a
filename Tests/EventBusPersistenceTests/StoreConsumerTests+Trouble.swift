// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusPersistence
import EventBusTesting
import Synchronization
import Testing

extension StoreConsumerTests {
    // MARK: Outages of the store

    @Test(arguments: [RepositoryError.Code.unavailable, .timedOut])
    func duringAnOutageOfTheStoreDeliveriesAreHeldAndUseNoAttempt(code: RepositoryError.Code) throws {
        self.store.fail(.transaction, code, times: 3)
        // With one attempt, using it up would make the message a dead letter.
        let consumer = self.consumer(retry: .never)
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("one"))
        let cause = "RepositoryError: \(code): failed by a test"
        #expect(consumer.health.problems == ["consumer test.answers holds its deliveries: \(cause)"])
        for pause in [20, 40, 80] {
            #expect(self.calls.labels == [])
            #expect(!consumer.health.isReady)
            self.stage.advance(by: .milliseconds(pause))
        }
        #expect(self.calls.labels == ["one"])
        #expect(consumer.health == .ready)
        #expect(self.deadLetters.isEmpty)
        #expect(try self.published() == ["one"])
    }

    @Test func aCommitWhoseAnswerWasLostHasOneEffect() throws {
        self.store.fail(.answer, .commitUnknown)
        let consumer = self.consumer(retry: .never)
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("one"))
        #expect(!consumer.health.isReady)
        self.stage.advance(by: .milliseconds(20))
        #expect(consumer.health == .ready)
        #expect(self.calls.labels == ["one"], "the inbox knows that it has been handled")
        #expect(self.store.count(.transaction) == 2)
        #expect(try self.published() == ["one"])
        #expect(self.deadLetters.isEmpty)
    }

    @Test func aLostCommitIsRepeated() throws {
        self.store.fail(.transaction, .commitUnknown)
        let consumer = self.consumer(retry: .never)
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("one"))
        self.stage.advance(by: .milliseconds(20))
        #expect(self.calls.labels == ["one"])
        #expect(try self.published() == ["one"])
    }

    // MARK: Messages that crash the process

    /// Starts one consumer after the other, whose handler never returns, and ends each of them while it is running.
    private func dieRepeatedly(_ crashes: Int, attempts: Int) async throws -> Int {
        let counter = Counter()
        for crash in 0...crashes {
            let consumer = EventConsumer(
                Self.name,
                on: self.bus,
                store: self.store,
                options: ConsumerOptions(concurrency: 1, retry: RetryPolicy(attempts: attempts)),
                clock: self.stage.clock
            ) {
                On(Asked.self) { (_: Asked, _: borrowing Transaction) in
                    counter.increment()
                    _ = try await Notifier().wait(above: 0)
                }
            }
            let running = self.stage.start { try await consumer.run() }
            guard crash < crashes else { break }
            running.cancel()
            await self.stage.end(running)
            #expect(running.error is CancellationError)
        }
        return counter.value
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)
        var value: Int { self.count.withLock { $0 } }
        func increment() { self.count.withLock { $0 += 1 } }
    }

    @Test(.timeLimit(.minutes(1)))
    func aMessageThatCrashesItsConsumerIsStartedAsOftenAsAllowedThenDeadLettered() async throws {
        let killer = try self.message("killer")
        try self.enqueue(killer)
        let starts = try await self.dieRepeatedly(6, attempts: 3)
        #expect(starts == 3)
        #expect(self.deadLetters.map(\.message) == [killer])
        #expect(self.deadLetters.first?.reason == "3 attempts were started and none of them ended")
        #expect(self.deadLetters.first?.failures.count == 3)
    }

    @Test(.timeLimit(.minutes(1))) func crashesAndFailuresAreCountedTogether() async throws {
        try self.enqueue(try self.message("one"))
        let starts = try await self.dieRepeatedly(1, attempts: 3)
        #expect(starts == 2)
        #expect(self.store.count(.claim) == 1, "the first start is free, each later one is claimed before it happens")
    }

    @Test func aDeliveryThatCannotBeClaimedIsHeld() throws {
        try self.enqueue(try self.message("one"))
        let bus = self.bus
        try self.stage.run {
            let subscription = try Subscription(Self.name, patterns: [TopicPattern(Asked.topic)])
            try await bus.withDeliveries(to: subscription) { _ = try await $0.next() }
        }
        self.store.fail(.claim, times: 2)
        let consumer = self.consumer(retry: RetryPolicy(attempts: 2))
        _ = self.stage.start { try await consumer.run() }
        #expect(!consumer.health.isReady)
        self.stage.advance(by: .milliseconds(20))
        #expect(self.calls.labels == [])
        self.stage.advance(by: .milliseconds(40))
        #expect(self.calls.labels == ["one"])
        #expect(consumer.health == .ready)
    }

    // MARK: Time limit and shutdown

    @Test func aHandlerThatExceedsItsTimeLimitHasNoEffect() throws {
        let answers = self.store.repository(for: Answer.self)
        let consumer = EventConsumer(
            Self.name,
            on: self.bus,
            store: self.store,
            options: ConsumerOptions(concurrency: 1, retry: .never, timeLimit: .seconds(5)),
            clock: self.stage.clock
        ) {
            On(Asked.self) { event, transaction in
                try answers.insert(Answer(event.label), in: transaction)
                // Ignores cancellation.
                _ = try? await Notifier().wait(above: 0)
            }
        }
        _ = self.stage.start { try await consumer.run() }
        try self.publish(try self.message("slow"))
        self.stage.advance(by: .seconds(5))
        #expect(try !self.hasAnswer("slow"))
        #expect(self.deadLetters.map(\.reason) == ["TimeLimitExceeded: the time limit of 5.0 seconds was exceeded"])
    }

    @Test(.timeLimit(.minutes(1))) func aShutdownDuringAnOutageOfTheStoreCountsNoReturn() async throws {
        self.store.fail(.transaction, times: 100)
        let message = try self.message("one")
        try self.enqueue(message)
        let consumer = self.consumer()
        let (running, trigger) = self.stage.startUnderShutdown { try await consumer.run() }
        #expect(!consumer.health.isReady)
        trigger()
        await self.stage.untilNextJob()
        self.stage.advance(by: .seconds(1))
        await self.stage.end(running)
        #expect(running.error == nil)
        let bus = self.bus
        let delivery = try self.stage.run {
            let found = Mutex<Delivery?>(nil)
            let subscription = try Subscription(Self.name, patterns: [TopicPattern(Asked.topic)])
            try await bus.withDeliveries(to: subscription) { deliveries in
                let first = try await deliveries.next()?.first
                found.withLock { $0 = first }
            }
            return found.withLock { $0 }
        }
        #expect(delivery?.message == message)
        #expect(delivery?.failures == Failures())
        #expect(delivery?.returns == 0)
    }
}
