// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@testable import EventBusRabbit

@Suite("The broker's consumer timeout")
struct ConsumerTimeoutTests {
    @Test("It is read from the text with which the broker closes a channel, and from no other")
    func read() {
        let text =
            "406 PRECONDITION_FAILED - delivery acknowledgement on channel 2 timed out. Timeout value used: 5000 ms. "
            + "This timeout value can be configured, see consumers doc guide to learn more"
        #expect(ConsumerTimeout(ConnectionFailure(.channelClosed(406), text))?.limit == .seconds(5))
        #expect(ConsumerTimeout(ConnectionFailure(.channelClosed(404), text)) == nil)
        #expect(ConsumerTimeout(ConnectionFailure(.channelClosed(406), "406 unknown delivery tag used: 5 ms")) == nil)
        let vague = "406 delivery acknowledgement on channel 2 timed out. Timeout value used: none"
        #expect(ConsumerTimeout(ConnectionFailure(.channelClosed(406), vague)) == nil)
    }
}
