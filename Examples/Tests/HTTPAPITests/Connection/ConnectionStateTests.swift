// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import NIOCore
import NIOHTTP1
import Testing

@testable import HTTPAPI

@Suite("The state of a connection")
struct ConnectionStateTests {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    static let request = head("GET", "/a")

    private let limits = ConnectionLimits()

    /// A state machine with what it has wanted, in short.
    private struct Connection {
        var state: ConnectionState
        var now = ConnectionStateTests.start

        mutating func receive(_ inputs: ConnectionInput...) -> [String] {
            inputs.flatMap { self.state.receive($0, at: self.now).map(ConnectionStateTests.name) }
        }

        /// Lets time pass up to the deadline, which is `nil` when there is none.
        mutating func expire() -> (after: TimeAmount?, actions: [String]) {
            guard let deadline = self.state.deadline else { return (nil, []) }
            let before = self.state.expire(at: deadline - .nanoseconds(1))
            #expect(before.isEmpty)
            let after = deadline - self.now
            self.now = deadline
            return (after, self.state.expire(at: deadline).map(ConnectionStateTests.name))
        }

        mutating func answer() -> (closes: Bool, actions: [String]) {
            let closes = self.state.answerBegins()
            return (closes, self.state.answerEnds(at: self.now).map(ConnectionStateTests.name))
        }
    }

    private func connection() -> Connection { Connection(state: ConnectionState(self.limits, at: Self.start)) }

    static func name(_ action: ConnectionAction) -> String {
        switch action {
        case .serve(let head): "serve \(head.request.path ?? "")"
        case .give(let body): "give \(body.readableBytes)"
        case .refuse(let problem): "refuse \(problem.status.code)"
        default: "\(action)"
        }
    }

    static func head(
        _ method: String,
        _ path: String,
        isLast: Bool = false,
        expectsContinue: Bool = false
    ) -> RequestHead {
        var head = HTTPRequestHead(version: .http1_1, method: .RAW(value: method), uri: path, headers: ["Host": "test"])
        if isLast { head.headers.add(name: "Connection", value: "close") }
        if expectsContinue { head.headers.add(name: "Expect", value: "100-continue") }
        do {
            return try RequestHead(head, isSecure: false)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    static func body(_ size: Int) -> ConnectionInput { .body(ByteBuffer(repeating: 0x20, count: size)) }

    @Test("without a request a connection is closed after a while")
    func idle() {
        var connection = self.connection()
        #expect(connection.expire() == (.seconds(60), ["close"]))
    }

    @Test("a head has to be complete a while after its first byte, however it trickles")
    func slowHead() {
        var connection = self.connection()
        #expect(connection.receive(.bytes(1)) == [])
        connection.now = connection.now + .seconds(9)
        #expect(connection.receive(.bytes(1)) == [])
        #expect(connection.expire() == (.seconds(1), ["refuse 408", "finish"]))
    }

    @Test("a request is served, and the next one on the same connection")
    func keepAlive() {
        var connection = self.connection()
        for path in ["/a", "/b"] {
            #expect(connection.receive(.bytes(9), .head(Self.head("GET", path)), .end) == ["serve \(path)", "give 0"])
            #expect(connection.state.isServing)
            // The API may take its time.
            #expect(connection.state.deadline == nil)
            #expect(connection.answer() == (false, []))
            #expect(!connection.state.isServing)
        }
        #expect(connection.expire() == (.seconds(60), ["close"]))
    }

    @Test("a body has to make progress and to be complete a while after the head")
    func slowBody() {
        var stalled = self.connection()
        #expect(stalled.receive(.bytes(9), .head(Self.head("POST", "/a"))) == ["serve /a"])
        #expect(stalled.expire() == (.seconds(10), ["drop", "refuse 408", "finish"]))

        var trickling = self.connection()
        #expect(trickling.receive(.bytes(9), .head(Self.head("POST", "/a"))) == ["serve /a"])
        for _ in 0..<3 {
            trickling.now = trickling.now + .seconds(9)
            #expect(trickling.receive(.bytes(1), Self.body(1)) == [])
        }
        #expect(trickling.expire() == (.seconds(3), ["drop", "refuse 408", "finish"]))
    }

    @Test("a body is given in one part, or as soon as it is seen to be too large")
    func bodies() {
        var connection = self.connection()
        #expect(
            connection.receive(.bytes(9), .head(Self.head("POST", "/a")), Self.body(3), Self.body(4)) == ["serve /a"]
        )
        #expect(connection.receive(.end) == ["give 7"])
        #expect(connection.answer() == (false, []))

        #expect(connection.receive(.bytes(9), .head(Self.head("POST", "/b")), Self.body(16 * 1024)) == ["serve /b"])
        #expect(connection.receive(Self.body(1)) == ["give 16385"])
        #expect(connection.receive(Self.body(5000)) == [])
        // The answer may come before the rest, which is read and forgotten.
        #expect(connection.answer() == (false, []))
        #expect(connection.receive(Self.body(5000), .end) == [])
        #expect(connection.receive(.bytes(9), .head(Self.request), .end) == ["serve /a", "give 0"])
    }

    @Test("a rest that does not come after the answer ends the connection")
    func endlessBody() {
        var connection = self.connection()
        _ = connection.receive(.bytes(9), .head(Self.head("POST", "/b")), Self.body(16 * 1024 + 1))
        #expect(connection.answer() == (false, []))
        #expect(connection.expire() == (.seconds(10), ["drop", "close"]))
    }

    @Test("a client that waits is asked for the body when the API wants it, and then has the usual time")
    func expectation() {
        var connection = self.connection()
        #expect(connection.receive(.bytes(9), .head(Self.head("POST", "/a", expectsContinue: true))) == ["serve /a"])
        #expect(connection.state.deadline == nil)
        connection.now = connection.now + .seconds(100)
        #expect(connection.state.bodyWanted(at: connection.now).map(Self.name) == ["askForBody"])
        #expect(connection.state.bodyWanted(at: connection.now).isEmpty)
        #expect(connection.receive(Self.body(1), .end) == ["give 1"])
        #expect(connection.answer() == (false, []))
    }

    @Test("a client that does not wait is not asked")
    func impatience() {
        var connection = self.connection()
        _ = connection.receive(.bytes(9), .head(Self.head("POST", "/a", expectsContinue: true)), Self.body(1))
        #expect(connection.state.bodyWanted(at: connection.now).isEmpty)
    }

    @Test("a client that was refused instead of asked gets no further answer")
    func refusedExpectation() {
        var connection = self.connection()
        _ = connection.receive(.bytes(9), .head(Self.head("POST", "/a", expectsContinue: true)))
        #expect(connection.answer() == (true, ["finish"]))
        #expect(connection.receive(Self.body(1), .end, .bytes(9), .head(Self.request)) == [])
    }

    @Test("a request that came early waits for its turn")
    func pipelining() {
        var connection = self.connection()
        #expect(connection.receive(.bytes(30), .head(Self.request), .end) == ["serve /a", "give 0"])
        #expect(connection.receive(.head(Self.head("POST", "/b")), Self.body(2), .end) == [])
        #expect(connection.receive(.head(Self.head("GET", "/c")), .end) == [])
        #expect(connection.answer() == (false, ["serve /b", "give 2"]))
        #expect(connection.answer() == (false, ["serve /c", "give 0"]))
        #expect(connection.answer() == (false, []))
    }

    @Test("the beginning of a request that came early has the time of any other from then on")
    func partialPipelining() {
        var connection = self.connection()
        _ = connection.receive(.bytes(30), .head(Self.request), .end, .bytes(3))
        connection.now = connection.now + .seconds(100)
        #expect(connection.answer() == (false, []))
        #expect(connection.expire() == (.seconds(10), ["refuse 408", "finish"]))
    }

    @Test("nothing behind the last request is looked at")
    func last() {
        var connection = self.connection()
        _ = connection.receive(.bytes(30), .head(Self.head("GET", "/a", isLast: true)), .end)
        #expect(connection.receive(.bytes(9), .head(Self.request), .end, .malformed(.malformedRequest)) == [])
        #expect(connection.answer() == (true, ["finish"]))
        #expect(connection.receive(.bytes(9), .head(Self.request), .end, .malformed(.malformedRequest)) == [])
        #expect(connection.state.flushed(at: connection.now).map(Self.name) == ["closeOutput"])
        #expect(connection.expire() == (.seconds(2), ["close"]))
    }

    @Test("what is malformed is refused, after the answers to what came before it")
    func malformed() {
        var connection = self.connection()
        #expect(connection.receive(.bytes(9), .malformed(.malformedRequest)) == ["refuse 400", "finish"])

        var later = self.connection()
        _ = later.receive(.bytes(9), .head(Self.request), .end, .bytes(9), .malformed(.malformedRequest))
        #expect(later.answer() == (false, ["refuse 400", "finish"]))

        var body = self.connection()
        _ = body.receive(.bytes(9), .head(Self.head("POST", "/a")))
        #expect(body.receive(.malformed(.malformedRequest)) == ["drop", "refuse 400", "finish"])
    }

    @Test("a head of spaces, which the parser doesn't count, is refused")
    func spaces() {
        var connection = self.connection()
        for _ in 0..<6 { #expect(connection.receive(.bytes(4096)) == []) }
        #expect(connection.receive(.bytes(4096)) == ["refuse 431", "finish"])
    }

    @Test("a client that closes its side is taken for gone; what is answered nevertheless is written")
    func inputClosed() {
        var connection = self.connection()
        _ = connection.receive(.bytes(9), .head(Self.request), .end, .head(Self.head("GET", "/b")), .end)
        #expect(connection.state.inputClosed(at: connection.now).map(Self.name) == ["drop"])
        #expect(connection.answer() == (false, ["serve /b", "give 0"]))
        #expect(connection.answer() == (false, ["finish"]))
        #expect(connection.state.flushed(at: connection.now).map(Self.name) == ["close"])

        var idle = self.connection()
        #expect(idle.state.inputClosed(at: idle.now).map(Self.name) == ["close"])
    }

    @Test("a connection that has ended drops the work for it")
    func closed() {
        var connection = self.connection()
        _ = connection.receive(.bytes(9), .head(Self.request), .end)
        #expect(connection.state.closed(at: connection.now).map(Self.name) == ["drop", "close"])
        #expect(!connection.state.isServing)
    }

    @Test("at shutdown the request that is being served is the last")
    func drain() {
        var connection = self.connection()
        _ = connection.receive(.bytes(9), .head(Self.request), .end, .head(Self.head("GET", "/b")), .end)
        #expect(connection.state.drain(at: connection.now).isEmpty)
        #expect(connection.answer() == (true, ["finish"]))

        var idle = self.connection()
        #expect(idle.state.drain(at: idle.now).map(Self.name) == ["close"])
    }

    @Test("a client that does not accept its answer is dropped")
    func blocked() {
        var connection = self.connection()
        _ = connection.receive(.bytes(9), .head(Self.request), .end)
        connection.state.becameWritable(false, at: connection.now)
        connection.now = connection.now + .seconds(10)
        connection.state.becameWritable(false, at: connection.now)
        #expect(connection.expire() == (.seconds(20), ["drop", "close"]))
    }

    @Test("of a client that sends and sends nothing is read until it has been answered")
    func backPressure() {
        var connection = self.connection()
        _ = connection.receive(.bytes(9), .head(Self.request), .end)
        for _ in 0..<4 {
            #expect(connection.state.wantsRead)
            _ = connection.receive(.bytes(4096), .head(Self.request), .end)
        }
        #expect(!connection.state.wantsRead)
        #expect(connection.answer() == (false, ["serve /a", "give 0"]))
        #expect(connection.state.wantsRead)
    }
}
