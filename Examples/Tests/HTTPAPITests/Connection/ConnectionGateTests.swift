// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import HTTPAPI
import Hummingbird
import Testing

/// Connections of one client to a real server, over loopback.
@Suite("Connections of one client", .timeLimit(.minutes(1)))
struct ConnectionGateTests {
    static let last = "GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"

    /// Makes sure that the server has let a connection in.
    static func useOnce(_ connection: RawConnection) async throws {
        try await connection.send(ConnectionTests.health)
        #expect(try await connection.readAnswer().status == 200)
    }

    static func end(_ connection: RawConnection, _ how: String) async throws {
        switch how {
        case "reset": try await connection.reset()
        case "answered":
            try await connection.send(Self.last)
            #expect(try await connection.readToEnd().hasPrefix("HTTP/1.1 200 "))
        case "malformed":
            try await connection.send("\u{1}\u{2}\r\n\r\n")
            #expect(try await connection.readToEnd().hasPrefix("HTTP/1.1 400 "))
        default: break
        }
    }

    @Test(
        "one too many is closed at once, and however a connection ends, there is room for another one",
        arguments: ["close", "reset", "answered", "malformed"]
    )
    func oneTooMany(_ how: String) async throws {
        var configuration = HTTPAPI.ServerConfiguration(port: 0)
        configuration.maximumConnectionsPerClient = 2
        let log = LogRecorder()
        try await withServer(.api(), configuration, logger: log.logger) { port in
            for _ in 0..<3 {
                // The server learns a little later that the client has closed the connections before.
                try await eventually(within: .seconds(50), "room for two connections") {
                    try await RawConnection.with(port: port) { first in
                        try await Self.useOnce(first)
                        try await RawConnection.with(port: port) { second in
                            try await Self.useOnce(second)
                            #expect(await Self.answer(port: port) == "")
                            try await Self.end(second, how)
                            try await Self.end(first, how)
                        }
                    }
                    return true
                }
            }
        }
        let warnings = log.lines.filter { $0.hasPrefix("warning ") }
        #expect(warnings.count == 1, "more than three were refused, within a minute: \(warnings)")
        #expect(warnings.first?.contains("HTTP_MAXIMUM_CONNECTIONS_PER_CLIENT") == true)
        #expect(warnings.first?.contains("127.0.0.1") == false)
    }

    /// What a new connection is answered, which may be reset while it asks.
    static func answer(port: Int) async -> String {
        let text = try? await RawConnection.with(port: port) { connection in
            try await connection.send(Self.last)
            return try await connection.readToEnd()
        }
        return text ?? ""
    }

    @Test("a handshake that fails leaves nothing behind")
    func handshakes() async throws {
        let certificate = try TestCertificate()
        var configuration = TLSTests.configuration(certificate)
        configuration.maximumConnectionsPerClient = 1
        try await withServer(.api(), configuration) { port in
            for _ in 0..<5 { #expect(await !Self.answer(port: port).contains("HTTP/")) }
            try await eventually(within: .seconds(50), "room for a connection") {
                try await TLSTests.text(port: port, certificate.client()).hasPrefix("HTTP/1.1 200 ")
            }
        }
    }
}
