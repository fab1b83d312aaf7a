// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("What refusals tell of a queue or an exchange")
struct ArgumentReadingTests {
    private func refusal(_ text: String, _ code: UInt16 = 406) -> ConnectionFailure {
        ConnectionFailure(.channelClosed(code), text)
    }

    private func other(_ argument: String, _ value: String) -> ConnectionFailure {
        self.refusal(
            "PRECONDITION_FAILED - inequivalent arg '\(argument)' for 'a' in vhost '/': received '1' but current is '\(value)'"
        )
    }

    private static let queue = TopologyQueue(
        "a",
        arguments: ["x-queue-type": "quorum", "x-delivery-limit": 1_000_000, "x-max-length": 7]
    )
    private static let exchange = TopologyExchange("a", type: "topic")

    @Test func aQueueIsDeclaredUntilTheBrokerAgrees() {
        var reading = QueueReading(Self.queue)
        #expect(reading.answered(self.other("x-delivery-limit", "20")) == nil)
        guard case .queueDeclare(_, _, let arguments) = reading.declaration else {
            Issue.record("\(reading.declaration)")
            return
        }
        #expect(arguments.map(\.0) == ["x-delivery-limit", "x-max-length", "x-queue-type"])
        #expect(arguments[0].1 == 20)
        var found = Self.queue
        found.arguments["x-delivery-limit"] = 20
        #expect(reading.answered(nil) == .found(found))
    }

    @Test func aQueueThatDiffersInAnUnknownWayIsNotAsWanted() {
        var reading = QueueReading(Self.queue)
        var found = Self.queue
        found.refusal = "PRECONDITION_FAILED - something new"
        #expect(reading.answered(self.refusal("PRECONDITION_FAILED - something new")) == .found(found))
    }

    @Test func aQueueOnWhichTheBrokerNeverAgreesIsNotAsWanted() {
        var reading = QueueReading(Self.queue)
        var answer: ReadingAnswer<TopologyQueue>?
        for _ in 0...QueueReading.maximumRefusals {
            #expect(answer == nil)
            answer = reading.answered(self.other("x-max-length", "5"))
        }
        guard case .found(let found) = answer else {
            Issue.record("\(String(describing: answer))")
            return
        }
        #expect(found.refusal?.contains("x-max-length") == true)
    }

    @Test func anExchangeIsTheSame() {
        var reading = ExchangeReading(Self.exchange)
        #expect(reading.answered(self.other("type", "direct")) == nil)
        var found = Self.exchange
        found.type = "direct"
        found.refusal = "PRECONDITION_FAILED - something new"
        #expect(reading.answered(self.refusal("PRECONDITION_FAILED - something new")) == .found(found))
        var agreeing = ExchangeReading(Self.exchange)
        #expect(agreeing.answered(nil) == .found(Self.exchange))
    }

    @Test func whatMayNotBeAskedIsUnknown() {
        var (queue, exchange) = (QueueReading(Self.queue), ExchangeReading(Self.exchange))
        #expect(queue.answered(self.refusal("no", 403)) == .unknown("arguments of queue a: no"))
        #expect(exchange.answered(self.refusal("no", 403)) == .unknown("arguments of exchange a: no"))
    }
}
