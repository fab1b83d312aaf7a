// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import EventBusRabbit
import Testing

@testable import EventBusCommands

@Suite("Commands for dead letters", .timeLimit(.minutes(1)))
struct DeadLetterCommandTests {
    private let subscription: Subscription
    private let bus = InMemoryEventBus()

    init() throws {
        self.subscription = try Subscription("accounts", patterns: ["user.#"])
    }

    private func bury(_ count: Int = 500) async throws {
        try await DeadLetters.bury(count, of: self.subscription, topic: "user.created", on: self.bus)
    }

    private func left() async throws -> Int {
        try await self.bus.deadLetters(of: self.subscription.name, limit: .max).count
    }

    /// A dead-letter queue that nobody else consumes.
    private static func queue(_ messages: Int) -> QueueCount { QueueCount(messages: messages, consumers: 0) }

    private func change(_ verdict: DeadLetterVerdict, _ filter: DeadLetterFilter = DeadLetterFilter())
        -> DeadLetterChange
    {
        DeadLetterChange(subscription: self.subscription.name, verdict: verdict, filter: filter)
    }

    @Test func aRedriveThatIsRepeatedChangesNothingMore() async throws {
        try await self.bury()
        let capture = Capture()
        try await self.change(.redrive).run(on: self.bus, Self.queue(500), capture.console())
        try await self.change(.redrive).run(on: self.bus, Self.queue(0), capture.console())
        #expect(capture.out == ["500 redriven, 0 kept", "0 redriven, 0 kept"])
        #expect(try await self.left() == 0)
    }

    @Test func onlyWhatMatchesIsChanged() async throws {
        try await self.bury(30)
        let capture = Capture()
        try await self.change(.discard, DeadLetterFilter(reason: "bad 1")).run(
            on: self.bus,
            Self.queue(30),
            capture.console(isJSON: true)
        )
        #expect(
            capture.out == [
                #"{"complete":true,"copies":0,"discarded":10,"dryRun":false,"kept":20,"reason":null,"redriven":0,"subscription":"accounts"}"#
            ]
        )
        #expect(try await self.left() == 20)
    }

    @Test func aDryRunChangesNothing() async throws {
        try await self.bury(30)
        let capture = Capture()
        var change = self.change(.redrive, DeadLetterFilter(reason: "bad 2"))
        change.isDryRun = true
        try await change.run(on: self.bus, Self.queue(30), capture.console())
        #expect(capture.out == ["10 would be redriven, 20 kept"])
        #expect(try await self.left() == 30)
    }

    @Test func anErrorTellsWhatHasBeenDone() async throws {
        try await self.bury(1200)
        let capture = Capture()
        let task = Task { [bus] in
            try await self.change(.redrive).run(
                on: StoppingBus(inner: bus, after: 2),
                Self.queue(1200),
                capture.console()
            )
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(capture.out == ["1000 redriven, 0 kept, not complete: repeat it"])
        try await self.change(.redrive).run(on: self.bus, Self.queue(200), capture.console())
        #expect(capture.out.last == "200 redriven, 0 kept")
    }

    @Test(arguments: [
        (QueueCount(messages: 31, consumers: 0), "taken"), (QueueCount(messages: 30, consumers: 1), "held"),
    ])
    func whatWasNotLookedAtIsNotCalledComplete(_ queue: QueueCount, _ reason: String) async throws {
        try await self.bury(30)
        let capture = Capture()
        var change = self.change(.redrive)
        change.isDryRun = true
        var errors: [CommandError?] = []
        errors.append(
            await #expect(throws: CommandError.self) {
                try await change.run(on: self.bus, queue, capture.console(isJSON: true))
            }
        )
        #expect(capture.out[0].hasPrefix(#"{"complete":false,"#))
        #expect(capture.out[0].contains(#""reason":"\#(reason)""#))
        errors.append(
            await #expect(throws: CommandError.self) { try await change.run(on: self.bus, queue, capture.console()) }
        )
        #expect(capture.out[1] == "30 would be redriven, 0 kept, not complete: repeat it")
        let list = try DeadLettersListCommand.parse(["accounts", "--group-by", "topic"])
        errors.append(
            await #expect(throws: CommandError.self) {
                try await list.list(on: self.bus, queue, capture.console(isJSON: true))
            }
        )
        #expect(capture.out[2].hasPrefix(#"{"complete":false,"#))
        errors.append(
            await #expect(throws: CommandError.self) {
                try await DeadLettersShowCommand.parse(["accounts", "31"]).show(on: self.bus, queue, capture.console())
            }
        )
        #expect(errors.map { $0?.exit } == Array(repeating: CommandExit.incomplete, count: 4))
        // What is found is no less true.
        try await DeadLettersShowCommand.parse(["accounts", "30"]).show(on: self.bus, queue, capture.console())
    }

    @Test func moreThanTheLimitNeedsNotBeLookedAt() async throws {
        try await self.bury(30)
        let capture = Capture()
        var change = self.change(.redrive)
        change.limit = 10
        try await change.run(on: self.bus, Self.queue(30), capture.console())
        #expect(capture.out == ["10 redriven, 0 kept"])
    }

    @Test func aListChangesNothingAndTellsHowManyMatch() async throws {
        try await self.bury(30)
        let capture = Capture()
        for _ in 0..<100 {
            let command = try DeadLettersListCommand.parse(["accounts", "--reason", "bad 1", "--limit", "4"])
            try await command.list(on: self.bus, Self.queue(30), capture.console())
        }
        #expect(try await self.left() == 30)
        let lines = try #require(capture.out.first).split(separator: "\n")
        #expect(lines.count == 5)
        #expect(lines[0].hasPrefix("DEAD SINCE"))
        #expect(lines[1].hasSuffix("bad 1"))
        #expect(capture.err.first == "4 of 10 are shown, see --limit")
    }

    @Test func groupsAreCounted() async throws {
        try await self.bury(31)
        let capture = Capture()
        let command = try DeadLettersListCommand.parse(["accounts", "--group-by", "reason"])
        try await command.list(on: self.bus, Self.queue(31), capture.console())
        #expect(capture.out[0].split(separator: "\n").map { $0.prefix(2) } == ["CO", "11", "10", "10"])
        try await command.list(on: self.bus, Self.queue(31), capture.console(isJSON: true))
        #expect(capture.out[1].hasPrefix(#"{"complete":true,"groupBy":"reason","groups":[{"count":11,"newest":""#))
    }

    @Test func aBodyIsShownOnlyWhenAskedFor() async throws {
        try await self.bury(3)
        let capture = Capture()
        try await DeadLettersShowCommand.parse(["accounts", "2"]).show(on: self.bus, Self.queue(3), capture.console())
        #expect(capture.out[0].contains("2 bytes, see --body"))
        #expect(!capture.out[0].contains("{}"))
        try await DeadLettersShowCommand.parse(["accounts", "2", "--body"]).show(
            on: self.bus,
            Self.queue(3),
            capture.console()
        )
        #expect(capture.out[1].contains("{}"))
        try await DeadLettersShowCommand.parse(["accounts", "2"]).show(
            on: self.bus,
            Self.queue(3),
            capture.console(isJSON: true)
        )
        #expect(!capture.out[2].contains("\"body\""))
        let error = await #expect(throws: CommandError.self) {
            try await DeadLettersShowCommand.parse(["accounts", "4"]).show(
                on: self.bus,
                Self.queue(3),
                capture.console()
            )
        }
        #expect(error?.exit == CommandExit.problem)
    }
}

/// Ends the settling of dead letters after some batches, like a signal.
private struct StoppingBus: EventBus {
    let inner: InMemoryEventBus
    let after: Int

    func settleDeadLetters(
        of subscription: SubscriptionName,
        limit: Int,
        batch: Int,
        _ decide: ([DeadLetter]) async throws -> [DeadLetterVerdict]
    ) async throws -> DeadLetterCounts {
        var batches = 0
        return try await self.inner.settleDeadLetters(of: subscription, limit: limit, batch: batch) { letters in
            let verdicts = try await decide(letters)
            batches += 1
            if batches > self.after { throw CancellationError() }
            return verdicts
        }
    }

    func publish(_ messages: [Message]) async -> [PublishOutcome] { await self.inner.publish(messages) }

    func withDeliveries(to subscription: Subscription, _ body: (any Deliveries) async throws -> Void) async throws {
        try await self.inner.withDeliveries(to: subscription, body)
    }

    func deadLetters(of subscription: SubscriptionName, limit: Int) async throws -> [DeadLetter] {
        try await self.inner.deadLetters(of: subscription, limit: limit)
    }

    func redrive(
        _ subscription: SubscriptionName,
        limit: Int,
        where isWanted: @Sendable (DeadLetter) -> Bool
    ) async throws -> Int {
        try await self.inner.redrive(subscription, limit: limit, where: isWanted)
    }

    func unbind(_ patterns: [TopicPattern], from subscription: SubscriptionName) async throws {
        try await self.inner.unbind(patterns, from: subscription)
    }

    func move(_ subscription: SubscriptionName, to other: SubscriptionName) async throws -> Int {
        try await self.inner.move(subscription, to: other)
    }

    func remove(_ subscription: SubscriptionName) async throws { try await self.inner.remove(subscription) }
}
