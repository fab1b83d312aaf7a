// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a connection to a broker has shown; nothing was changed, and no message was stored.
package struct BrokerExamination: Sendable {
    /// What the user may do, as far as it was tried.
    package enum Answer: Hashable, Sendable {
        case granted
        /// In RabbitMQ's words.
        case refused(String)
        /// What it is about does not exist.
        case missing(String)
        /// It was not tried, or there was no answer: why.
        case unknown(String)
    }

    package struct Right: Hashable, Sendable {
        /// For example `publish to exchange events`.
        package let what: String
        package let answer: Answer

        package init(_ what: String, _ answer: Answer) {
            self.what = what
            self.answer = answer
        }
    }

    /// Name and port.
    package var host: String
    /// The broker's version, as far as it has told.
    package var version: (major: Int, minor: Int)?
    /// How many channels a connection can have; 0 is no limit.
    package var channels: Int
    /// The largest frame, in bytes.
    package var frameBytes: Int
    /// In seconds; 0 is none.
    package var heartbeat: Int
    /// How long connecting and logging in took.
    package var connecting: Duration
    /// How long a question takes, the quickest of three.
    package var roundTrip: Duration
    package var rights: [Right]

    package init(
        host: String,
        version: (major: Int, minor: Int)?,
        channels: Int,
        frameBytes: Int,
        heartbeat: Int,
        connecting: Duration,
        roundTrip: Duration,
        rights: [Right]
    ) {
        self.host = host
        self.version = version
        self.channels = channels
        self.frameBytes = frameBytes
        self.heartbeat = heartbeat
        self.connecting = connecting
        self.roundTrip = roundTrip
        self.rights = rights
    }
}
