// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

@testable import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension QueueState {
    static func message(_ label: String) -> Message {
        Message(id: label, topic: "t", time: Date(timeIntervalSince1970: 0), body: [])
    }

    /// What a consumer gets: labels with returns, or a word for any other answer.
    mutating func labels(for consumer: UInt64, now: Duration = .zero) -> [String] {
        switch self.take(by: consumer, now: now).0 {
        case .deliveries(let deliveries):
            deliveries.map { $0.returns == 0 ? $0.message.id : "\($0.message.id)+\($0.returns)" }
        case .wait(nil): ["wait"]
        case .wait(let due?): ["wait until \(due.components.seconds)"]
        case .stopped: ["stopped"]
        case .detached: ["detached"]
        }
    }

    @discardableResult
    mutating func settle(
        _ tag: UInt64,
        by consumer: UInt64,
        _ verdict: Verdict = .done,
        now: Duration = .zero
    ) -> [UInt64] {
        self.settle(tag, by: consumer, verdict, now: now) {
            Stamp(id: Identifier(high: 0, low: 0), time: Date(timeIntervalSince1970: 9))
        }
    }

    /// Two consumers, the first with this number, take what is there and go.
    mutating func abandon(from first: UInt64) {
        for consumer in first...first + 1 {
            _ = self.attach(consumer, prefetch: 10)
            _ = self.labels(for: consumer)
            _ = self.detach(consumer)
        }
    }
}
