// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("Opening a subscription again")
struct OpeningRetryTests {
    private func pauses(after failure: ConnectionFailure) -> [Duration?] {
        var retry = OpeningRetry()
        return (0..<13).map { _ in retry.next(after: failure) }
    }

    @Test(
        "A queue without a leader is asked for again four times a second, for three seconds",
        arguments: [
            (.closedByBroker(541), "541 INTERNAL_ERROR"),
            (
                .channelClosed(404),
                "404 NOT_FOUND - home node 'a@b' of durable queue 'q' in vhost '/' is down or inaccessible"
            ),
            (.channelClosed(404), "404 NOT_FOUND - queue 'q' in vhost '/' process is stopped by supervisor"),
        ] as [(ConnectionFailure.Code, String)]
    )
    func again(_ code: ConnectionFailure.Code, _ text: String) {
        let expected = Array(repeating: Duration.milliseconds(250), count: 12) as [Duration?] + [nil]
        #expect(self.pauses(after: ConnectionFailure(code, text)) == expected)
        var retry = OpeningRetry()
        let error = ConnectionFailure(code, text).busError(.unavailable)
        #expect(retry.next(after: error) == .milliseconds(250))
    }

    @Test(
        "What would change nothing, and what is not the broker's answer, is not repeated",
        arguments: [
            .channelClosed(404), .channelClosed(403), .channelClosed(406), .closedByBroker(403), .lost, .silent,
            .unreachable,
            .cancelled,
        ] as [ConnectionFailure.Code]
    )
    func notAgain(_ code: ConnectionFailure.Code) {
        #expect(self.pauses(after: ConnectionFailure(code, "no queue 'q' in vhost '/'")).first == .some(nil))
        var retry = OpeningRetry()
        #expect(retry.next(after: CancellationError()) == nil)
    }
}
