// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import HTTPAPI
import Hummingbird
import NIOCore
import Testing

/// Connections to a real server, over loopback.
@Suite("Connections", .timeLimit(.minutes(1)))
struct ConnectionTests {
    static let body = #"{"username":"ada","email":"ada@example.org","password":"correct horse"}"#

    static func registration(_ fields: String...) -> String {
        let head = ["POST /api/users/register/ HTTP/1.1", "Host: test", "Content-Type: application/json"] + fields
        return head.joined(separator: "\r\n") + "\r\n\r\n"
    }

    static let health = "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"

    /// Limits of time that a test can wait for.
    static var short: ConnectionLimits {
        var limits = ConnectionLimits()
        limits.head = .milliseconds(200)
        limits.bodyPause = .milliseconds(200)
        limits.farewell = .milliseconds(200)
        return limits
    }

    @Test("a connection serves requests one after the other, and those that came early in their order")
    func keepAlive() async throws {
        try await withServer { port in
            try await RawConnection.with(port: port) { connection in
                try await connection.send(Self.health)
                #expect(try await connection.readAnswer().status == 200)
                let registration = Self.registration("Content-Length: \(Self.body.utf8.count)") + Self.body
                try await connection.send(Self.health + registration + "\r\n" + Self.health)
                var statuses: [Int] = []
                for _ in 0..<3 { statuses.append(try await connection.readAnswer().status) }
                #expect(statuses == [200, 201, 200])
            }
        }
    }

    @Test("a client that waits for leave to send a body gets it, or the answer at once")
    func expectation() async throws {
        try await withServer { port in
            try await RawConnection.with(port: port) { connection in
                try await connection.send(
                    Self.registration("Expect: 100-continue", "Content-Length: \(Self.body.utf8.count)")
                )
                #expect(try await connection.read(to: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
                try await connection.send(Self.body)
                #expect(try await connection.readAnswer().status == 201)
                // The connection goes on.
                try await connection.send(Self.health)
                #expect(try await connection.readAnswer().status == 200)
            }
            for (request, status) in [
                (Self.registration("Expect: 100-continue", "Content-Length: 16385"), 413),
                (
                    "POST /api/users/register HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
                    415
                ),
                ("POST /nothing HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", 404),
                ("POST /healthz HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", 405),
            ] {
                let text = try await RawConnection.with(port: port) { connection in
                    try await connection.send(request)
                    return try await connection.readToEnd()
                }
                #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(text)")
                #expect(text.lowercased().contains("connection: close"))
            }
        }
    }

    @Test("a head or a body that does not arrive is 408, also behind another request")
    func slow() async throws {
        try await withServer(limits: Self.short) { port in
            for (beginning, answers) in [
                ("G", 0), (String(Self.health.dropLast(2)), 0), (Self.registration("Content-Length: 9") + "{", 0),
                (Self.health + "G", 1), (Self.health + String(Self.health.dropLast(2)), 1),
                (Self.registration("Transfer-Encoding: chunked") + "1\r\n{\r\n", 0),
            ] {
                try await RawConnection.with(port: port) { connection in
                    try await connection.send(beginning)
                    for _ in 0..<answers { #expect(try await connection.readAnswer().status == 200) }
                    let refusal = try await connection.readAnswer()
                    #expect(refusal.status == 408, "\(beginning)")
                    #expect(refusal.fields["connection"] == "close")
                    #expect(refusal.fields["content-type"] == "application/problem+json")
                    #expect(refusal.fields["x-request-id"] != nil)
                    #expect(try await connection.readToEnd() == "")
                }
            }
        }
    }

    @Test("a connection without a request is closed after a while, before and behind one")
    func idle() async throws {
        var limits = ConnectionLimits()
        limits.idle = .seconds(2)
        try await withServer(limits: limits) { port in
            let before = try await RawConnection.with(port: port) { try await $0.readToEnd() }
            #expect(before == "")
            // On a busy machine a connection can be over before it is used.
            let behind: String = try await eventually(within: .seconds(40), "a connection that is used in time") {
                try await RawConnection.with(port: port) { connection in
                    // An empty line is no request.
                    try await connection.send(Self.health + "\r\n")
                    #expect(try await connection.readAnswer().status == 200)
                    return try await connection.readToEnd()
                }
            }
            #expect(behind == "")
        }
    }

    @Test("behind the last request nothing is answered, whatever it is", arguments: [health, "\u{1}\u{2}", "GET"])
    func last(_ rest: String) async throws {
        try await withServer { port in
            let text = try await RawConnection.with(port: port) { connection in
                try await connection.send("GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n" + rest)
                return try await connection.readToEnd()
            }
            #expect(text.split(separator: "HTTP/1.1 ").count == 1, "\(text)")
            #expect(text.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("an answer reaches a client that still sends")
    func lingering() async throws {
        try await withServer { port in
            let text = try await RawConnection.with(port: port) { connection in
                let field = "X-Long: " + String(repeating: "x", count: 64 * 1024) + "\r\n"
                try await connection.send(
                    "GET /healthz HTTP/1.1\r\nHost: test\r\n" + String(repeating: field, count: 16)
                )
                return try await connection.readToEnd()
            }
            #expect(text.hasPrefix("HTTP/1.1 431 "), "\(text)")
        }
    }

    @Test("more connections than the limit wait until one ends")
    func maximumConnections() async throws {
        var configuration = ServerConfiguration(port: 0)
        configuration.maximumConnections = 1
        try await withServer(.api(), configuration) { port in
            let (holding, holder) = AsyncStream.makeStream(of: Void.self)
            let (sent, sender) = AsyncStream.makeStream(of: Void.self)
            let order = try await withThrowingTaskGroup(of: Void.self) { group in
                let (order, events) = AsyncStream.makeStream(of: String.self)
                group.addTask {
                    try await RawConnection.with(port: port) { connection in
                        holder.yield()
                        for await _ in sent { break }
                        for _ in 0..<50 {
                            try await connection.send(Self.health)
                            #expect(try await connection.readAnswer().status == 200)
                        }
                        events.yield("first")
                    }
                }
                group.addTask {
                    for await _ in holding { break }
                    try await RawConnection.with(port: port) { connection in
                        try await connection.send(Self.health)
                        sender.yield()
                        #expect(try await connection.readAnswer().status == 200)
                        events.yield("second")
                    }
                }
                try await group.waitForAll()
                events.finish()
                return await order.reduce(into: []) { $0.append($1) }
            }
            #expect(order == ["first", "second"])
        }
    }

    @Test("work for a client that is gone is dropped", arguments: ["close", "reset", "finish"])
    func gone(_ end: String) async throws {
        let hasher = WaitingHasher()
        try await withServer(.api(hasher: hasher)) { port in
            try await RawConnection.with(port: port) { connection in
                try await connection.send(Self.registration("Content-Length: \(Self.body.utf8.count)") + Self.body)
                try await eventually(within: .seconds(50), "the hasher to be asked") { hasher.waiting == 1 }
                switch end {
                case "reset": try await connection.reset()
                case "finish":
                    connection.finish()
                    // A client that only closed its side learns of it.
                    #expect(try await connection.readAnswer().status == 503)
                    #expect(try await connection.readToEnd() == "")
                default: break
                }
            }
            try await eventually(within: .seconds(50), "the work to be dropped") { hasher.cancelled == 1 }
            #expect(hasher.waiting == 0)
        }
    }

    @Test("three hundred clients that give up leave nothing behind")
    func manyGone() async throws {
        let hasher = WaitingHasher()
        try await withServer(.api(hasher: hasher)) { port in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<300 {
                    group.addTask {
                        try await RawConnection.with(port: port) { connection in
                            try await connection.send(
                                Self.registration("Content-Length: \(Self.body.utf8.count)") + Self.body
                            )
                            try await eventually(within: .seconds(50), "all to wait") {
                                hasher.waiting + hasher.cancelled == 300
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await eventually(within: .seconds(50), "all work to be dropped") { hasher.cancelled == 300 }
        }
    }
}
