// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Life of a bus")
struct BusStatusTests {
    @Test("Tasks wait until the bus starts, and not afterwards")
    func started() async throws {
        let status = BusStatus()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { try await status.untilStarted() } }
            await Task.yield()
            #expect(status.start())
            try await group.waitForAll()
        }
        status.change(to: .down("lost"))
        try await status.untilStarted()
        #expect(!status.start())
    }

    @Test("A task that waits can be cancelled")
    func cancelled() async {
        let status = BusStatus()
        let task = Task { try await status.untilStarted() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("After the end waiting fails, and the bus stays ended")
    func ended() async {
        let status = BusStatus()
        #expect(status.start())
        status.change(to: .ended)
        status.change(to: .connected)
        let error = await #expect(throws: BusError.self) { try await status.untilStarted() }
        #expect(error?.code == .closed)
        #expect(status.health.problems == ["RabbitMQ: the bus has been shut down"])
    }

    @Test("Copies that are not confirmed are a problem until they are, with subscription, number and cause")
    func copies() {
        let status = BusStatus()
        #expect(status.start())
        status.change(to: .connected)
        #expect(status.health == .ready)
        let delay = CopyDelay(count: 3, time: .seconds(12), cause: .refused(reason: "full"))
        status.note(delay, of: "payments", scope: 7)
        status.note(CopyDelay(count: 1, time: .seconds(10), cause: nil), of: "users", scope: 8)
        let text = "messages have not been moved to its own queues for"
        #expect(
            status.health.problems == [
                "RabbitMQ: subscription payments: 3 \(text) 12 s: full",
                "RabbitMQ: subscription users: 1 \(text) 10 s: the broker does not answer",
            ]
        )
        status.change(to: .down("gone"))
        #expect(status.health.problems.count == 3)
        status.change(to: .connected)
        for scope in [7, 8] as [UInt64] { status.note(nil, of: "payments", scope: scope) }
        #expect(status.health.isReady)
    }

    @Test("Retry queues that cannot be used are a note while others can be, and a problem if none can")
    func retryQueues() {
        let status = BusStatus()
        #expect(status.start())
        status.change(to: .connected)
        status.note(.init(reasons: ["RabbitMQ: queue a.retry.1: no"]), scope: 1)
        status.note(.init(reasons: ["RabbitMQ: queue b.retry.1: no"], isTotal: true), scope: 2)
        #expect(
            status.health
                == Health(problems: ["RabbitMQ: queue b.retry.1: no"], notes: ["RabbitMQ: queue a.retry.1: no"])
        )
        status.note(.init(), scope: 1)
        status.note(.init(), scope: 2)
        #expect(status.health == .ready)
    }

    @Test("A retry queue that cannot be asked for is one that cannot be used, whatever the reason")
    func retryQueueWithoutConnection() async throws {
        let bus = RabbitEventBus(try RabbitConfiguration(url: "amqp://127.0.0.1:1"))
        #expect(bus.status.start())
        guard case .unusable(let reason) = await bus.declareRetryQueue(of: "s", .seconds(1)) else {
            Issue.record("there is no broker")
            return
        }
        #expect(reason.hasPrefix("RabbitMQ: queue s.retry.1: "))
    }

    @Test("Since when there is no connection, or the broker accepts nothing, is told with the latest reason")
    func since() {
        func time(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }
        let status = BusStatus()
        #expect(status.start())
        status.change(to: .down("refused"), now: time(100))
        status.change(to: .down("timed out"), now: time(103))
        #expect(status.health(now: time(105)).problems == ["RabbitMQ: not connected for 5 s: timed out"])
        status.change(to: .connected, now: time(106))
        #expect(status.health(now: time(110)) == Health(notes: ["RabbitMQ: connected for 4 s, after: timed out"]))
        status.change(to: .blocked(reason: "low on memory"), now: time(111))
        let blocked = "RabbitMQ: the broker has accepted no messages for 9 s: low on memory"
        #expect(status.health(now: time(120)).problems == [blocked])
        let activity = SharedActivity(LaneActivity(.events))
        status.observe(activity, of: .events)
        activity.change { $0.tried(open: 2, now: time(110)) }
        let silent = "RabbitMQ: no event was confirmed for 10 s, waiting: 2"
        #expect(status.health(now: time(120)).problems == [blocked, silent])
        status.change(to: .connected, now: time(121))
        #expect(status.health(now: time(166)).notes == [])
    }

    @Test("Messages that are not delivered are a problem until they are; a consumer timeout is a note")
    func standstill() throws {
        let status = BusStatus()
        #expect(status.start())
        status.change(to: .connected)
        let (first, second) = (
            QueueWatch.Standstill(messages: 3, time: .seconds(30)),
            QueueWatch.Standstill(messages: 4, time: .seconds(60))
        )
        #expect(status.note(first, of: "payments") == 1)
        #expect(status.note(second, of: "payments") == 2)
        #expect(
            status.health.problems == [
                "RabbitMQ: subscription payments: 4 messages wait, and none has been delivered for 60 s"
            ]
        )
        status.note(nil, of: "payments")
        #expect(status.health == .ready)
        let text = "delivery acknowledgement on channel 1 timed out. Timeout value used: 5000 ms."
        let timeout = try #require(ConsumerTimeout(ConnectionFailure(.channelClosed(406), text)))
        status.note(timeout, of: "payments")
        #expect(status.health.isReady)
        #expect(
            status.health.notes == [
                "RabbitMQ: subscription payments: the broker has taken back what was unsettled for 5.0 seconds "
                    + "(its consumer_timeout): the time limit of handlers must be shorter"
            ]
        )
    }

    @Test("Messages that stay behind another consumer are a note, and so is for a minute a shard that is not open")
    func notes() {
        func time(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }
        let status = BusStatus()
        #expect(status.start())
        status.change(to: .connected, now: time(0))
        status.noteUntouched(.init(messages: 5, time: .minutes(10)), of: "payments", now: time(600))
        #expect(
            status.health(now: time(630))
                == Health(
                    notes: [
                        "RabbitMQ: subscription payments: 5 messages have waited for 600 s behind another consumer, "
                            + "or RabbitMQ delivers them to nobody"
                    ]
                )
        )
        #expect(status.health(now: time(750)) == .ready, "nobody has looked again")
        #expect(status.noteClosed("the shard is not open: refused", shard: "payments", now: time(751)))
        #expect(!status.noteClosed("the shard is not open: refused again", shard: "payments", now: time(753)))
        let text = "RabbitMQ: subscription payments: the shard is not open: refused again"
        #expect(status.health(now: time(810)) == Health(notes: [text]))
        #expect(status.health(now: time(811)) == Health(problems: [text]))
        status.noteClosed(nil, shard: "payments", now: time(812))
        #expect(status.health(now: time(812)) == .ready)
    }

    @Test(
        "A shard that is opened and lost again and again is a problem after a minute, and is new once it has stayed open"
    )
    func flapping() {
        func time(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }
        let status = BusStatus()
        #expect(status.start())
        status.change(to: .connected, now: time(0))
        #expect(status.noteClosed("lost", shard: "payments", now: time(900)))
        for second in stride(from: 907, through: 956, by: 7) as StrideThrough<UInt64> {
            status.noteClosed(nil, shard: "payments", now: time(second - 5))
            #expect(status.health(now: time(second - 1)) == .ready)
            #expect(!status.noteClosed("lost", shard: "payments", now: time(second)))
        }
        let text = "RabbitMQ: subscription payments: lost"
        #expect(status.health(now: time(959)) == Health(notes: [text]))
        #expect(status.health(now: time(960)) == Health(problems: [text]))
        status.noteClosed(nil, shard: "payments", now: time(970))
        status.noteClosed(nil, shard: "payments", now: time(979))
        #expect(status.noteClosed("lost", shard: "payments", now: time(980)))
        #expect(status.health(now: time(981)) == Health(notes: [text]))
    }

    @Test("An exchange and bindings that cannot be declared again are a problem until they can")
    func unrepaired() {
        func time(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }
        let status = BusStatus()
        #expect(status.start())
        status.change(to: .connected, now: time(0))
        for second in [100, 140] as [UInt64] {
            status.note(unrepaired: "refused", of: "payments", now: time(second))
        }
        #expect(
            status.health(now: time(150)).problems == [
                "RabbitMQ: subscription payments: for 50 s exchange and bindings could not be declared again, "
                    + "events may not arrive: refused"
            ]
        )
        status.note(unrepaired: nil, of: "payments", now: time(160))
        #expect(status.health(now: time(160)).isReady)
    }

    @Test("A second run() traps, with the reason in the text")
    func secondRun() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let bus = RabbitEventBus(try RabbitConfiguration(url: "amqp://127.0.0.1:1"))
            async let first: Void = bus.run()
            async let second: Void = bus.run()
            _ = try await (first, second)
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("run() of a RabbitEventBus was called twice"))
    }
}
