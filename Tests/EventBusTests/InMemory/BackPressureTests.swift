// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Synchronization
import Testing

@Suite("The in-process bus when a subscription is full")
struct BackPressureTests {
    private let stage = ManualExecutor()
    private let bus: InMemoryEventBus

    init() {
        self.bus = InMemoryEventBus(clock: self.stage.clock, capacity: 2)
    }

    // MARK: Steps

    private func open(_ name: SubscriptionName, _ patterns: TopicPattern..., prefetch: Int = 10) throws -> Scope {
        let scope = Scope()
        let subscription = try Subscription(name, patterns: patterns, prefetch: prefetch)
        scope.run = self.stage.start { [bus] in
            try await bus.withDeliveries(to: subscription) { deliveries in
                scope.attach(deliveries)
                _ = try await Notifier().wait(above: 0)
            }
        }
        return scope
    }

    /// Publishes messages, each given as `label topic`, in one call.
    private func publish(_ messages: String...) -> ManualTask<[PublishOutcome]> {
        let messages = messages.map { text in
            let words = text.split(separator: " ")
            return Message(
                id: String(words[0]),
                topic: Topic(stringLiteral: String(words[1])),
                time: Stamp.next().time,
                body: []
            )
        }
        return self.stage.start { [bus] in await bus.publish(messages) }
    }

    private func take(_ scope: Scope) throws -> [Delivery] {
        let next = self.stage.start { try await scope.deliveries?.next() }
        defer { next.cancel() }
        return try next.result?.get() ?? []
    }

    private func settle(_ delivery: Delivery, _ scope: Scope, _ verdict: Verdict = .done) {
        scope.deliveries?.settle(delivery.id, verdict)
        self.stage.settle()
    }

    private func held(_ name: SubscriptionName = "full") -> Int {
        guard let report = self.bus.report(of: name) else { return -1 }
        return report.ready.count + report.delayed.count + report.unsettled.count
    }

    private func suspended(_ name: SubscriptionName = "full") -> Int? {
        self.bus.report(of: name)?.suspendedPublishers
    }

    // MARK: Waiting

    @Test func aPublisherWaitsForRoomAndThenItsMessageIsStored() throws {
        let scope = try self.open("full", "a")
        #expect(try self.publish("1 a", "2 a").names == ["confirmed", "confirmed"])
        let waiting = self.publish("3 a")
        #expect(!waiting.hasEnded)
        #expect(self.suspended() == 1)
        let deliveries = try self.take(scope)
        #expect(deliveries.map(\.message.id) == ["1", "2"])
        #expect(!waiting.hasEnded, "unsettled messages take up room")
        self.settle(deliveries[0], scope)
        #expect(try waiting.names == ["confirmed"])
        #expect(try self.take(scope).map(\.message.id) == ["3"])
        #expect(self.suspended() == 0)
    }

    @Test func publishersGetRoomInOrderOfArrival() throws {
        let scope = try self.open("full", "a")
        _ = self.publish("1 a", "2 a")
        let waiting = (3...6).map { self.publish("\($0) a") }
        var taken = try self.take(scope)
        for round in 1...6 {
            self.settle(taken.removeFirst(), scope)
            #expect(waiting.map(\.hasEnded) == (1...4).map { $0 <= round })
            if round < 5 { taken += try self.take(scope) }
        }
        #expect(taken.isEmpty)
    }

    @Test func aWaitingPublisherIsNotOvertaken() throws {
        let scope = try self.open("full", "a")
        _ = self.publish("1 a", "2 a")
        let first = self.publish("3 a", "4 a")
        let delivery = try #require(try self.take(scope).first)
        // There is room again, and a second publisher arrives before the first one has run.
        scope.deliveries?.settle(delivery.id, .done)
        let second = self.publish("5 a")
        #expect(first.hasEnded && !second.hasEnded)
        #expect(self.bus.report(of: "full")?.unsettled.map(\.message.id) == ["2", "3", "4"])
    }

    @Test func oneCallCanExceedTheCapacityAndTheNextWaits() throws {
        _ = try self.open("full", "a")
        #expect(try self.publish("1 a", "2 a", "3 a", "4 a").names == Array(repeating: "confirmed", count: 4))
        #expect(!self.publish("5 a").hasEnded)
        #expect(self.held() == 4)
    }

    @Test func nothingIsDroppedHoweverManyPublishersWait() throws {
        let scope = try self.open("full", "a", prefetch: 1)
        let publishers = (1...50).map { self.publish("\($0) a") }
        var seen: [String] = []
        while let delivery = try self.take(scope).first {
            #expect(self.held() <= 2)
            seen.append(delivery.message.id)
            self.settle(delivery, scope)
        }
        #expect(seen == (1...50).map { "\($0)" })
        #expect(try publishers.flatMap { try $0.names } == Array(repeating: "confirmed", count: 50))
    }

    // MARK: Giving up

    @Test func aPublisherGivesUpAfterThirtySeconds() throws {
        _ = try self.open("full", "a")
        _ = self.publish("1 a", "2 a")
        let waiting = self.publish("3 a")
        self.stage.advance(by: .milliseconds(29_999))
        #expect(!waiting.hasEnded)
        self.stage.advance(by: .milliseconds(1))
        guard case .notSent(let error)? = try waiting.result?.get().first else {
            Issue.record("the message is not sent")
            return
        }
        #expect(error.code == .unavailable)
        #expect(error.message == "subscription full: no room within 30.0 seconds")
        #expect(self.held() == 2)
        #expect(self.suspended() == 0)
    }

    @Test func aCancelledPublisherStoresNothing() throws {
        let scope = try self.open("full", "a")
        _ = self.publish("1 a", "2 a")
        let waiting = self.publish("3 a")
        waiting.cancel()
        self.stage.settle()
        guard case .notSent(let error)? = try waiting.result?.get().first else {
            Issue.record("the message is not sent")
            return
        }
        #expect(error.code == .unavailable)
        #expect(error.cause is CancellationError)
        for delivery in try self.take(scope) { self.settle(delivery, scope) }
        #expect(self.held() == 0)
    }

    @Test func aPublisherThatGivesUpNoLongerBlocksLaterOnes() throws {
        _ = try self.open("full", "a", "both")
        _ = try self.open("other", "b", "both")
        _ = self.publish("1 a", "2 a")
        let first = self.publish("3 both")
        let second = self.publish("4 b")
        #expect(!first.hasEnded)
        #expect(!second.hasEnded, "an older message is waiting for the same subscription")
        first.cancel()
        self.stage.settle()
        #expect(try first.names == ["notSent"])
        #expect(try second.names == ["confirmed"])
        #expect(self.held("other") == 1)
    }

    // MARK: Several subscriptions

    @Test func aFullSubscriptionDelaysOnlyItsOwnMessages() throws {
        _ = try self.open("full", "a", "both")
        _ = try self.open("other", "b", "both")
        _ = self.publish("1 a", "2 a")
        #expect(try self.publish("3 b").names == ["confirmed"])
        let mixed = self.publish("4 b", "5 a", "6 nobody")
        #expect(!mixed.hasEnded)
        #expect(self.held("other") == 2)
        self.stage.advance(by: .seconds(30))
        #expect(try mixed.names == ["confirmed", "notSent", "unroutable"])
    }

    @Test func aMessageIsStoredForAllOfItsSubscriptionsOrForNone() throws {
        let scope = try self.open("full", "a", "both")
        _ = try self.open("other", "b", "both")
        _ = self.publish("1 a", "2 a")
        let waiting = self.publish("3 both")
        #expect(self.held("other") == 0)
        self.settle(try #require(try self.take(scope).first), scope)
        #expect(try waiting.names == ["confirmed"])
        #expect(self.held("other") == 1)
        #expect(self.held("full") == 2)
    }

    @Test func eachSubscriptionGetsTheMessagesOfOneCallInOrder() throws {
        let scope = try self.open("full", "a", "both")
        _ = try self.open("other", "b", "both")
        _ = self.publish("1 a", "2 a")
        let waiting = self.publish("3 both", "4 b")
        #expect(self.held("other") == 0)
        self.settle(try #require(try self.take(scope).first), scope)
        #expect(waiting.hasEnded)
        #expect(self.bus.report(of: "other")?.unsettled.map(\.message.id) == ["3", "4"])
    }

    // MARK: What takes up room

    @Test func aDelayedRetryTakesUpRoomAndADeadLetterDoesNot() throws {
        let scope = try self.open("full", "a")
        _ = self.publish("1 a", "2 a")
        let waiting = self.publish("3 a")
        let deliveries = try self.take(scope)
        self.settle(deliveries[0], scope, .retry(after: .seconds(1), Failures(count: 1)))
        #expect(!waiting.hasEnded)
        self.settle(deliveries[1], scope, .deadLetter(reason: "no use", Failures(count: 1)))
        #expect(try waiting.names == ["confirmed"])
        #expect(self.held() == 2)
    }

    @Test func endingAScopeFreesNoRoom() throws {
        let scope = try self.open("full", "a")
        _ = self.publish("1 a", "2 a")
        let waiting = self.publish("3 a")
        scope.run?.cancel()
        self.stage.settle()
        #expect(scope.run?.hasEnded == true)
        #expect(!waiting.hasEnded)
        #expect(self.held() == 2)
    }

    @Test func aRedriveNeedsNoRoom() throws {
        let scope = try self.open("full", "a")
        _ = self.publish("1 a")
        self.settle(try self.take(scope)[0], scope, .deadLetter(reason: "no use", Failures(count: 1)))
        _ = self.publish("2 a", "3 a")
        let count = try self.stage.run { [bus] in try await bus.redrive("full") }
        #expect(count == 1)
        #expect(self.held() == 3)
    }
}

/// An open scope.
private final class Scope: Sendable {
    private struct State: Sendable {
        var deliveries: (any Deliveries)?
        var run: ManualTask<Void>?
    }

    private let state = Mutex(State())

    var deliveries: (any Deliveries)? { self.state.withLock { $0.deliveries } }

    var run: ManualTask<Void>? {
        get { self.state.withLock { $0.run } }
        set { self.state.withLock { $0.run = newValue } }
    }

    func attach(_ deliveries: any Deliveries) {
        self.state.withLock { $0.deliveries = deliveries }
    }
}

extension ManualTask where Value == [PublishOutcome] {
    /// The names of the outcomes.
    fileprivate var names: [String] {
        get throws {
            try (self.result?.get() ?? []).map { outcome in
                switch outcome {
                case .confirmed: "confirmed"
                case .unroutable: "unroutable"
                case .refused: "refused"
                case .unknown: "unknown"
                case .notSent: "notSent"
                }
            }
        }
    }
}
