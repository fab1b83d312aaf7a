// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import NIOCore

/// Finds out what a user may do, by trying what has no effect.
struct RightsTrial {
    let connection: RabbitConnection
    /// How long the broker may take to accept a message; it takes none while its memory or disk is full.
    var patience = TimeAmount.seconds(5)

    /// Publishes in the name of another user, which RabbitMQ refuses after it has looked at the right to write.
    func publish(to exchange: String) async throws -> BrokerExamination.Answer {
        var properties = Properties()
        properties.userID = "eventbus-doctor-is-nobody"
        let message = OutgoingMessage(
            exchange: exchange,
            routingKey: "eventbus.doctor",
            mandatory: true,
            properties: properties,
            headers: HeaderTable([]),
            body: ByteBuffer()
        )
        let channel = try await self.connection.openChannel()
        let other = try await self.connection.openChannel()
        let blocked = self.connection.eventLoop.scheduleTask(in: self.patience) {
            let handler = self.connection.handler.value
            let reason =
                handler.isBlocked ? "it accepts no messages: its memory or its disk is full" : "it did not answer"
            handler.fail(ConnectionFailure(.silent, reason))
        }
        defer { blocked.cancel() }
        let answer = try await self.refusal(of: message, on: channel)
        // A broker that accepts no messages still refuses the first one, and reads nothing that comes after it. And when it has answered
        // this, nothing more can come for the first channel, whose number is free again.
        try await self.connection.call(.channelClose, on: other)
        return answer
    }

    private func refusal(
        of message: OutgoingMessage,
        on channel: NIOLoopBound<AMQPChannel>
    ) async throws -> BrokerExamination.Answer {
        do {
            try await self.connection.onLoop { handler in
                try handler.write { buffer throws(CodecError) in
                    try FrameEncoder.publish(
                        message,
                        channel: channel.value.number,
                        maximumFrame: handler.frameMax,
                        into: &buffer
                    )
                }
                handler.flush()
            }
            try await self.connection.call(.channelClose, on: channel)
            // Whoever may speak for others may publish.
            return .granted
        } catch let failure as ConnectionFailure {
            if failure.code == .channelClosed(406) { return .granted }
            return try self.answer(failure)
        }
    }

    /// Asks for a message where there is none, or where RabbitMQ gives none in this way; it looks at the right to read before.
    func consume(from queue: String) async throws -> BrokerExamination.Answer {
        do {
            guard let count = try await self.connection.count(of: queue) else {
                return .missing("there is no queue \(queue)")
            }
            guard count.messages == 0 else {
                return .unknown("not tried, so as to take nothing: \(count.messages) messages wait")
            }
            let channel = try await self.connection.openChannel()
            // What has arrived just now returns with the end of the channel.
            try await self.connection.call(.basicGet(queue: queue), on: channel)
            try await self.connection.call(.channelClose, on: channel)
            return .granted
        } catch let failure as ConnectionFailure {
            // From a queue with a single active consumer nothing can be fetched.
            if failure.code == .channelClosed(405) { return .granted }
            return try self.answer(failure)
        }
    }

    private func answer(_ failure: ConnectionFailure) throws -> BrokerExamination.Answer {
        switch failure.code {
        case .channelClosed(403): .refused(failure.text)
        case .channelClosed(404): .missing(failure.text)
        case .channelClosed: .unknown(failure.text)
        default: throw failure
        }
    }
}
