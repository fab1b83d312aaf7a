// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging
import NIOCore
import NIOPosix
import Testing

@testable import HTTPAPI

@Suite("A connection of the server", .timeLimit(.minutes(1)))
struct ClientChannelTests {
    @Test("one that nobody takes, since the server ends, does not end the process")
    func untaken() async throws {
        let logger = Logger(label: "test")
        let server = ClientChannel(
            limits: ConnectionLimits(),
            gate: ConnectionGate(maximum: 1, logger: logger),
            certificate: nil,
            respond: { _, _, _ in }
        )
        try await withServer(.api(), ServerConfiguration(port: 0)) { port in
            let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: port).get()
            // What is set up is given up at once.
            try await channel.eventLoop.flatSubmit { server.setup(channel: channel, logger: logger).map { _ in } }.get()
            try await channel.close()
        }
    }
}
