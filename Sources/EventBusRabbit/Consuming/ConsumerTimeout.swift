// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// For how long a broker lets a delivery be unsettled, as it says when it has lasted longer (RabbitMQ, `consumer_timeout`).
///
/// RabbitMQ tells it nowhere else. From 4.3 on it cancels the consumer without a reason.
struct ConsumerTimeout: Hashable, CustomStringConvertible {
    let limit: Duration

    /// - Returns: `nil` if a channel was closed for another reason.
    init?(_ failure: ConnectionFailure) {
        guard failure.code == .channelClosed(406), failure.text.contains("delivery acknowledgement") else { return nil }
        let words = failure.text.split(separator: " ")
        let number = zip(words, words.dropFirst()).first { $0.0 == "used:" }.flatMap { Int64($0.1) }
        guard let number else { return nil }
        self.limit = .milliseconds(number)
    }

    var description: String {
        "the broker has taken back what was unsettled for \(self.limit) (its consumer_timeout): "
            + "the time limit of handlers must be shorter"
    }
}
