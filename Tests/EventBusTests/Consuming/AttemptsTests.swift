// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

@Suite("Attempts over crashes")
struct AttemptsTests {
    /// The first two returns do not prove a start, so that they use up no attempt.
    @Test(arguments: [1, 2, 3, 5], [1, 4])
    func aMessageThatAlwaysKillsIsStartedExactlyAsOftenAsAllowed(policy: Int, concurrency: Int) async throws {
        let starts = policy + 2
        let world = try ConsumerFixture()
        let log = world.log
        let options = ConsumerOptions(concurrency: concurrency, retry: RetryPolicy(attempts: policy))
        let neighbours = (0..<20).map { "n\($0)" }
        try world.publish((["n", "killer"] + neighbours).map { try Message(Ping($0)) })
        var lives = 0
        while world.deadLetters.isEmpty, lives < 20 {
            lives += 1
            let life = world.start(options: options) { event in
                if event.label == "killer" {
                    log.append("killer")
                    try await Gate().wait()
                }
                log.append(event.label)
            }
            if log.entries.count(where: { $0 == "killer" }) == lives {
                await world.crash(life)
            } else {
                await world.drain(life)
            }
        }
        #expect(log.entries.count { $0 == "killer" } == starts)
        #expect(lives == starts + 1)
        let letter = try #require(world.deadLetters.first)
        #expect(letter.failures.count == policy)
        #expect(letter.reason == "\(policy) attempts were started and none of them ended")
        #expect(world.deadLetters.count == 1)
        #expect(log.entries.filter { $0 != "killer" }.sorted() == (["n"] + neighbours).sorted())
    }

    /// Whether what came back twice was started is unknown; what comes back after that was delivered alone, and so was started.
    @Test(arguments: [(0, 3), (1, 3), (2, 3), (3, 2), (4, 1)])
    func onlyAReturnThatProvesAStartUsesUpAnAttempt(crashes: Int, left: Int) async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let options = ConsumerOptions(retry: RetryPolicy(attempts: 3, firstDelay: .seconds(1), factor: 1))
        try world.publish("a")
        for _ in 0..<crashes { await world.crash(world.start(options: options) { _ in try await Gate().wait() }) }
        let failing = world.start(options: options) { event in
            log.append(event.label)
            throw HandlerFailure()
        }
        for _ in 0..<3 { world.stage.advance(by: .seconds(1)) }
        #expect(log.entries.count == left)
        #expect(world.deadLetters.map(\.failures.count) == [3])
        await world.drain(failing)
    }

    @Test func withOneAttemptWhatWasNeverStartedIsStartedAfterACrash() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        let options = ConsumerOptions(concurrency: 1, retry: .never)
        try world.publish("killer", "a", "b")
        let first = world.start(options: options) { _ in try await Gate().wait() }
        await world.crash(first)
        let second = world.start(options: options) { event in
            log.append(event.label)
            if event.label == "b" { throw HandlerFailure() }
        }
        await world.drain(second)
        #expect(log.entries == ["killer", "a", "b"])
        #expect(world.deadLetters.map(\.failures.count) == [1])
    }

    @Test func whatCameBackTwiceRunsAlone() async throws {
        let world = try ConsumerFixture()
        let log = world.log
        try world.publish("a", "b", "c")
        for _ in 0..<2 { await world.crash(world.start { _ in try await Gate().wait() }) }
        try world.publish("d")
        let gates = ["a", "b", "c", "d"].reduce(into: [:]) { $0[$1] = Gate() }
        let second = world.start { event in
            log.append(event.label)
            try await gates[event.label]?.wait()
        }
        for (number, label) in ["a", "b", "c"].enumerated() {
            #expect(log.entries.count == number + 1)
            #expect(log.entries.last == label)
            gates[label]?.open()
            world.stage.settle()
        }
        #expect(log.entries == ["a", "b", "c", "d"])
        gates["d"]?.open()
        await world.drain(second)
    }
}

@Suite("Order per key")
struct PerKeyTests {
    @Test func aFailingEventHoldsBackItsKeyAndNoOther() async throws {
        let world = try ConsumerFixture(ordering: .perKey)
        let log = world.log
        let clock = world.stage.clock
        let life = world.start(options: ConsumerOptions(ordering: .perKey)) { event in
            log.append("\(event.label)@\(clock.now.offset.components.seconds)")
            if event.label == "a1", clock.now.offset < .seconds(11) { throw HandlerFailure() }
        }
        try world.publish("a1", "a2", key: "a")
        try world.publish("b1", "b2", key: "b")
        try world.publish("-", key: nil)
        #expect(Set(log.entries) == ["a1@0", "b1@0", "b2@0", "-@0"])
        world.stage.advance(by: .seconds(1))
        world.stage.advance(by: .seconds(10))
        #expect(log.entries.suffix(3) == ["a1@1", "a1@11", "a2@11"])
        await world.drain(life)
        #expect(world.deadLetters.isEmpty)
    }

    @Test func anEventThatHasFailedTooOftenLetsItsKeyGoOn() async throws {
        let world = try ConsumerFixture(ordering: .perKey)
        let log = world.log
        let options = ConsumerOptions(ordering: .perKey, retry: RetryPolicy(attempts: 3))
        let life = world.start(options: options) { event in
            log.append(event.label)
            if event.label == "a1" { throw HandlerFailure() }
        }
        try world.publish("a1", "a2", "a3", key: "a")
        world.stage.advance(by: .seconds(1))
        world.stage.advance(by: .seconds(10))
        #expect(log.entries == ["a1", "a1", "a1", "a2", "a3"])
        #expect(world.deadLetters.map(\.failures.count) == [3])
        await world.drain(life)
    }

    @Test func withoutAStoreReturnsUseUpNoAttempt() async throws {
        let world = try ConsumerFixture(ordering: .perKey)
        let log = world.log
        let options = ConsumerOptions(ordering: .perKey, retry: RetryPolicy(attempts: 3))
        try world.publish("a1", key: "a")
        for _ in 0..<4 { await world.crash(world.start(options: options) { _ in try await Gate().wait() }) }
        let failing = world.start(options: options) { event in
            log.append(event.label)
            throw HandlerFailure()
        }
        world.stage.advance(by: .seconds(1))
        world.stage.advance(by: .seconds(10))
        #expect(log.entries == ["a1", "a1", "a1"])
        #expect(world.deadLetters.map(\.failures.count) == [3])
        await world.drain(failing)
    }

    @Test func noDelayIsLongerThanTenMinutes() async throws {
        let world = try ConsumerFixture(ordering: .perKey)
        let log = world.log
        let options = ConsumerOptions(
            ordering: .perKey,
            retry: RetryPolicy(attempts: 2, firstDelay: .seconds(86_400), cap: .seconds(86_400))
        )
        let life = world.start(options: options) { event in
            log.append(event.label)
            throw HandlerFailure()
        }
        try world.publish("a1", key: "a")
        world.stage.advance(by: .seconds(599))
        #expect(log.entries.count == 1)
        world.stage.advance(by: .seconds(1))
        #expect(log.entries.count == 2)
        await world.drain(life)
    }

    @Test(arguments: [false, true])
    func aStalledSubscriptionNamesTheKey(isFullInBytes: Bool) async throws {
        let world = try ConsumerFixture(ordering: .perKey)
        let log = world.log
        // Either limit is reached with the third event.
        var options = ConsumerOptions(ordering: .perKey, prefetch: 3)
        if isFullInBytes {
            (options.prefetch, options.prefetchBytes) = (64, try 3 * Message(Ping("a1", key: "a")).body.count)
        }
        let life = world.start(options: options) { event in
            log.append(event.label)
            if log.entries.count == 1 { throw HandlerFailure() }
        }
        try world.publish("a1", "a2", key: "a")
        #expect(life.consumer.health.isReady)
        try world.publish("a3", key: "a")
        #expect(life.consumer.health.problems == ["consumer test is stalled by ordering key a"])
        try world.publish("b1", key: "b")
        #expect(log.entries == ["a1"])
        world.stage.advance(by: .seconds(1))
        #expect(log.entries.filter { $0.hasPrefix("a") } == ["a1", "a1", "a2", "a3"])
        #expect(log.entries.contains("b1"))
        #expect(life.consumer.health.isReady)
        await world.drain(life)
    }

    @Test func theShutdownDoesNotWaitForASleepingKey() async throws {
        let world = try ConsumerFixture(ordering: .perKey)
        let log = world.log
        let options = ConsumerOptions(ordering: .perKey)
        let life = world.start(options: options) { event in
            log.append(event.label)
            throw HandlerFailure()
        }
        try world.publish("a1", "a2", key: "a")
        await world.drain(life)
        #expect(world.now == .zero)
        let next = world.start(options: options) { log.append($0.label) }
        #expect(log.entries == ["a1", "a1", "a2"])
        await world.drain(next)
    }

    @Test(arguments: [1, 8])
    func theNextConsumerTakesOverInOrder(concurrency: Int) async throws {
        let world = try ConsumerFixture(ordering: .perKey)
        let log = world.log
        let options = ConsumerOptions(ordering: .perKey, concurrency: concurrency)
        let dying = world.start(options: options) { event in
            if event.label == "a1" { return }
            try await Gate().wait()
        }
        let standby = world.start(options: options) { log.append($0.label) }
        try world.publish("a1", "a2", "a3", key: "a")
        try world.publish("b1", key: "b")
        #expect(log.entries.isEmpty)
        await world.crash(dying)
        #expect(log.entries.filter { $0.hasPrefix("a") } == ["a2", "a3"])
        #expect(log.entries.count == 3)
        await world.drain(standby)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func keysStayInOrderThroughFailuresAndCrashes(seed: UInt64) async throws {
        var generator = SeededRandom(seed: seed)
        let world = try ConsumerFixture(ordering: .perKey)
        let log = world.log
        let failing = Log<String>()
        let options = ConsumerOptions(ordering: .perKey, prefetch: 8, concurrency: 3)
        let labels = (0..<30).map { number in ("\(number)", ["a", "b", "c"].randomElement(using: &generator)) }
        try world.publish(labels.map { try Message(Ping($0.0, key: $0.1)) })
        for label in labels where Int.random(in: 0..<3, using: &generator) == 0 { failing.append(label.0) }
        var lives = 0
        while log.entries.count < labels.count, lives < 200 {
            lives += 1
            let failures = Set(failing.entries.shuffled(using: &generator).prefix(max(0, 8 - lives)))
            let life = world.start(options: options) { event in
                if failures.contains(event.label) { throw HandlerFailure() }
                log.append("\(event.key ?? "")\(event.label)")
            }
            if Bool.random(using: &generator) { world.stage.advance(by: .seconds(1)) }
            await world.crash(life)
        }
        #expect(world.deadLetters.isEmpty)
        for key in ["a", "b", "c"] {
            let expected = labels.filter { $0.1 == key }.map { key + $0.0 }
            #expect(log.entries.filter { $0.hasPrefix(key) } == expected)
        }
    }
}
