// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging
import NIOCore
import Synchronization

/// Lets connections in, but of no client too many: what ``ConnectionCounts`` decides, for all event loops of a server.
final class ConnectionGate: Sendable {
    /// The client has as many connections as it may have.
    struct Refused: Error {}

    private let counts: Mutex<ConnectionCounts>
    private let logger: Logger

    init(maximum: Int, logger: Logger) {
        self.counts = Mutex(ConnectionCounts(maximum: maximum))
        self.logger = logger
    }

    /// Counts a connection until it is closed, however that happens.
    ///
    /// - Throws: ``Refused``.
    func admit(_ channel: any Channel) throws(Refused) {
        // Without an address the client has gone already, or is on this machine and needs no network.
        guard let client = channel.remoteAddress.flatMap({ ClientAddress($0) }) else { return }
        let (decision, maximum) = self.counts.withLock { ($0.open(client, at: .now()), $0.maximum) }
        switch decision {
        case .accept:
            channel.closeFuture.whenComplete { _ in self.counts.withLock { $0.close(client) } }
            return
        case .refuse: break
        case .refuseAndTell(let count):
            self.logger.warning(
                "A client has too many connections: others of it are closed at once, see HTTP_MAXIMUM_CONNECTIONS_PER_CLIENT",
                metadata: ["http.connections.maximum": "\(maximum)", "http.connections.refused": "\(count)"]
            )
        }
        throw Refused()
    }
}
