// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@testable import EventBusRabbit

@Suite("What RabbitMQ says about another argument")
struct InequivalentArgumentTests {
    private static let sent: [String: HeaderValue] = [
        "x-delivery-limit": 1_000_000, "x-dead-letter-exchange": "", "x-single-active-consumer": true,
    ]

    private func read(_ difference: String) -> InequivalentArgument? {
        InequivalentArgument("PRECONDITION_FAILED - inequivalent arg \(difference)", sent: Self.sent)
    }

    @Test(
        "The argument and its value are read from the texts of RabbitMQ 3.10 to 4.3",
        arguments: [
            (
                "'x-delivery-limit' for queue 'a' in vhost '/': received '1000000' but current is '5'",
                "x-delivery-limit", 5
            ),
            (
                "'x-delivery-limit' for queue 'a' in vhost '/': received the value '1000000' of type 'signedint' but current is none",
                "x-delivery-limit", nil
            ),
            (
                "'x-message-ttl' for queue 'a' in vhost '/': received none but current is the value '1000' of type 'signedint'",
                "x-message-ttl", 1000
            ),
            (
                "'x-single-active-consumer' for queue 'a' in vhost '/': received none but current is the value 'true' of type 'bool'",
                "x-single-active-consumer", true
            ),
            (
                "'x-dead-letter-exchange' for queue 'a' in vhost '/': received '' but current is 'it's'",
                "x-dead-letter-exchange", "it's"
            ),
            (
                "'alternate-exchange' for exchange 'a' in vhost '/': received none but current is the value '17' of type 'longstr'",
                "alternate-exchange", "17"
            ),
            ("'durable' for queue 'a' in vhost '/': received 'true' but current is 'false'", "durable", false),
            ("'type' for exchange 'a' in vhost '/': received 'topic' but current is 'direct'", "type", "direct"),
        ] as [(String, String, HeaderValue?)]
    )
    func texts(_ text: String, _ name: String, _ current: HeaderValue?) {
        let difference = self.read(text)
        #expect(difference?.name == name)
        #expect(difference?.current == current)
    }

    @Test(
        "Another text is none",
        arguments: ["", "invalid arg 'x-overflow'", "'a' for queue 'a': received '1' but current is "]
    )
    func other(_ text: String) {
        #expect(self.read(text) == nil)
    }
}
