// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusUsers
import HTTPAPI
import Logging
import Synchronization
import Testing

@testable import demo

@Suite("Demo", .timeLimit(.minutes(1)))
struct DemoTests {
    @Test("reports the sample user's steps in order, shows the account, and ends")
    func once() async throws {
        let lines = Lines()
        let demo = Demo(
            ServerConfiguration(port: 0),
            once: true,
            hasher: ScryptHasher(costExponent: 4, maximumWait: .seconds(60)),
            script: Script(isStyled: false),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            write: { lines.append($0) }
        )
        try await demo.run()

        let text = lines.text
        // The answer to the client and what the relay does are not ordered; everything else is.
        let way = [
            "request", "validated", "hashed",
            "committed  in one transaction of Users: row in users + outbox row user.created",
            "published  the relay hands user.created to the bus",
            "confirmed  the bus is responsible for user.created",
            "committed  in one transaction of Payments: inbox row + row in accounts + outbox row payment.account.opened",
            "published  the relay hands payment.account.opened to the bus",
            "confirmed  the bus is responsible for payment.account.opened",
            #""currency":"EUR""#,
        ]
        var rest = text[...]
        for step in way {
            let place = try #require(rest.firstRange(of: step), "\(step) is missing or too early in:\n\(text)")
            rest = rest[place.upperBound...]
        }
        #expect(text.contains("received   payments.accounts gets user.created"))
        #expect(text.contains("answered   201 Created"))
        #expect(text.contains("scrypt, ln=4,r=8,p=3"))
        #expect(!text.contains("correct horse"))
    }

    @Test("for a port that is in use the error names the variables")
    func portIsTaken() async throws {
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            let first = HTTPServer(.init(named: "test", serving: []), ServerConfiguration(port: 0), logger: logger) {
                port.yield($0)
            }
            group.addTask { try await first.run() }
            let taken = try #require(await ports.first { _ in true })
            let second = HTTPServer(.init(named: "test", serving: []), ServerConfiguration(port: taken), logger: logger)
            let error = await #expect(throws: ConfigurationError.self) { try await second.run() }
            #expect(error?.variable == "HTTP_HOST, HTTP_PORT")
            #expect(error?.description.contains("127.0.0.1:\(taken)") == true)
            group.cancelAll()
        }
    }
}

/// The lines that were written.
final class Lines: Sendable {
    private let lines = Mutex<[String]>([])

    func append(_ line: String) {
        self.lines.withLock { $0.append(line) }
    }

    var text: String { self.lines.withLock { $0.joined(separator: "\n") } }
}
