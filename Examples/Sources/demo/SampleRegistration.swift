// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import HTTPAPI
import ServiceLifecycle

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Registers Ada over HTTP, as anybody would, logs her in and asks for her account.
struct SampleRegistration: Service {
    /// The sample did not work.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Login: Decodable {
        let token: String

        enum CodingKeys: String, CodingKey {
            case token = "access_token"
        }
    }

    private static let body =
        #"{"username":"ada","email":"ada@example.org","password":"correct horse battery staple"}"#

    let server: ServerConfiguration
    let ports: AsyncStream<Int>
    let consumer: EventConsumer
    let teller: Storyteller
    /// Whether the demo goes on serving afterwards.
    let goesOn: Bool

    /// Ends when the account has been shown, or at graceful shutdown.
    func run() async throws {
        do {
            try await cancelWhenGracefulShutdown { try await self.registerAda() }
        } catch is CancellationError where !Task.isCancelled {
            // That was the graceful shutdown.
        }
    }

    private func registerAda() async throws {
        guard let port = await self.ports.first(where: { _ in true }) else { throw CancellationError() }
        try await self.consumer.untilConsuming()
        var server = self.server
        server.port = port
        let client = HTTPClient(server)

        let registered = try await client.send("POST", RegistrationAPI.path, json: Self.body)
        guard registered.status == 201 else { throw Failure(description: "registration: \(registered)") }
        try await self.untilTold()

        let answer = try await client.send("POST", LoginAPI.loginPath, json: Self.body)
        guard answer.status == 200 else { throw Failure(description: "login: \(answer.status)") }
        let login = try JSONDecoder().decode(Login.self, from: Data(answer.body.utf8))
        let account = try await client.send("GET", AccountAPI.ownPath, token: login.token)
        guard account.status == 200 else { throw Failure(description: "account: \(account)") }
        self.teller.say()
        self.teller.say("POST \(LoginAPI.loginPath), GET \(AccountAPI.ownPath)")
        self.teller.say(account.body)
        self.teller.say()
        if self.goesOn { self.invite(port) }
    }

    private func invite(_ port: Int) {
        let url = "http://\(self.server.host):\(port)\(RegistrationAPI.path)"
        self.teller.say("Register somebody else (Ctrl-C ends):")
        self.teller.say("curl -sS \(url) -H 'Content-Type: application/json' \\")
        self.teller.say(#"    -d '{"username":"grace","email":"grace@example.org","password":"correct horse"}'"#)
        self.teller.say()
    }

    private func untilTold() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in self.teller.endings { return } }
            group.addTask {
                try await Task.sleep(for: .seconds(30))
                throw Failure(description: "no account was opened within 30 seconds")
            }
            try await group.next()
            group.cancelAll()
        }
        try Task.checkCancellation()
    }
}
