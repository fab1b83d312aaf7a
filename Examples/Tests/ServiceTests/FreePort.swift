// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore
import NIOPosix
import Testing

/// Finds a port that nobody listens on.
enum FreePort {
    static func find() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(channel.localAddress?.port)
        try await channel.close()
        return port
    }
}
