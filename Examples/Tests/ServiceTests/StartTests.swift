// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import HTTPAPI
import Testing

/// The services as programs: how they start, say what is wrong, and end.
///
/// None of this needs a server.
@Suite("Starting the services", .serialized, .timeLimit(.minutes(2)))
struct StartTests {
    static let services = ["user-service", "payment-service"]

    struct Case: Sendable, CustomTestStringConvertible {
        let variable: String
        let value: String?
        var testDescription: String { "\(self.variable)=\(self.value ?? "(missing)")" }
    }

    static let wrongSettings: [Case] = [
        Case(variable: "RABBITMQ_URL", value: nil), Case(variable: "RABBITMQ_URL", value: ""),
        Case(variable: "RABBITMQ_URL", value: "amqp:/guest:hunter2"),
        Case(variable: "RABBITMQ_URL", value: "http://guest:hunter2@localhost"),
        Case(variable: "RABBITMQ_URL", value: "amqp://guest:hunter2@localhost:port/"),
        Case(variable: "RABBITMQ_URL", value: "amqps://guest:hunter2@localhost/?cacertfile=/nowhere/ca.pem"),
        Case(variable: "DATABASE_URL", value: "postgres://guest:hunter2@db.example/x"),
        Case(variable: "DATABASE_URL", value: nil), Case(variable: "DATABASE_URL", value: " "),
        Case(variable: "DATABASE_URL", value: "postgres://guest:hunter2@localhost:99999/x"),
        Case(variable: "DATABASE_URL", value: "mysql://guest:hunter2@localhost/x"),
        Case(variable: "HTTP_PORT", value: "hunter2"), Case(variable: "HTTP_PORT", value: ""),
        Case(variable: "HTTP_HOST", value: "not a host"), Case(variable: "LOG_LEVEL", value: "loud"),
    ]

    @Test("a wrong setting ends the start with one line that names the variable", arguments: services, wrongSettings)
    func wrongSetting(_ service: String, _ setting: Case) async throws {
        var environment = ServiceProcess.unreachable
        environment[setting.variable] = setting.value
        let end = try await ServiceProcess(service, environment: environment).untilEnd()
        #expect(end.status == 78)
        let lines = end.text.split(separator: "\n")
        #expect(lines.count == 1)
        #expect(lines.first?.hasPrefix("\(service): \(setting.variable) ") == true, "\(end.text)")
        #expect(!end.text.contains("hunter2"))
    }

    @Test("an address that cannot be listened on ends the start", arguments: services)
    func wrongAddress(_ service: String) async throws {
        let environment = ServiceProcess.unreachable.merging(["HTTP_HOST": "192.0.2.1"]) { $1 }
        let end = try await ServiceProcess(service, environment: environment).untilEnd()
        #expect(end.status == 78)
        #expect(end.text.contains("HTTP_HOST, HTTP_PORT "))
        #expect(!end.text.contains("hunter2"))
    }

    @Test("an unknown option is refused", arguments: services)
    func unknownOption(_ service: String) async throws {
        let end = try await ServiceProcess(service, ["--health"], environment: ServiceProcess.unreachable).untilEnd()
        #expect(end.status == 64)
    }

    @Test("without servers a service lives, is unready, and ends at a signal", arguments: services, [SIGTERM, SIGINT])
    func unreachableServers(_ service: String, _ signal: Int32) async throws {
        let port = try await FreePort.find()
        let environment = ServiceProcess.unreachable.merging(["HTTP_PORT": "\(port)"]) { $1 }
        let before = try await ServiceProcess(service, ["--healthcheck"], environment: environment).untilEnd()
        #expect(before.status == 1)

        let process = try ServiceProcess(service, environment: environment)
        let client = HTTPClient(ServerConfiguration(port: port))
        try await eventually(within: .seconds(20), "\(service) to answer") {
            try await client.send("GET", "/healthz").status == 200
        }
        let readiness = try await client.send("GET", "/readyz")
        #expect(readiness.status == 503)
        #expect(readiness.body.contains(#""status":"unready""#))
        #expect(!readiness.body.contains("hunter2"))
        let description = try await client.send("GET", "/openapi.json")
        #expect(description.status == 200)
        #expect(description.body.contains(#""title":"\#(service)""#))
        // It gives up after 3 s, which a busy machine can take.
        try await eventually(within: .seconds(30), "the health check of \(service)") {
            try await ServiceProcess(service, ["--healthcheck"], environment: environment).untilEnd().status == 0
        }

        process.signal(signal)
        let end = try await process.untilEnd()
        #expect(end.status == 0)
        #expect(!end.text.contains("hunter2"))
    }
}
