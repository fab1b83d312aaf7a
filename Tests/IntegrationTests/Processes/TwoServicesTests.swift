// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Foundation
import Testing

/// The two services as processes of their own, with a real broker and a real database between them.
@Suite(
    "Two services",
    .serialized,
    .enabled(if: Servers.areServicesBuilt, Servers.reasonForSkipping),
    .timeLimit(.minutes(6))
)
struct TwoServicesTests {
    @Test("1,000 registrations become 1,000 accounts")
    func thousandRegistrations() async throws {
        try await Self.withServices { servers, users, _ in
            let ids = try await Registrations(services: [users], prefix: "u", count: 1000).run()
            #expect(ids.count == 1000)
            try await servers.judge(ids)
        }
    }

    @Test("several instances of each service share the work")
    func severalInstances() async throws {
        try await Self.withServices { servers, users, _ in
            try await ServiceProcess.with(.users, on: servers) { moreUsers in
                try await ServiceProcess.with(.payments, on: servers) { morePayments in
                    try await moreUsers.untilReady()
                    try await morePayments.untilReady()
                    let ids = try await Registrations(services: [users, moreUsers], prefix: "i", count: 400).run()
                    #expect(ids.count == 400)
                    try await servers.judge(ids)
                }
            }
        }
    }

    @Test("what is sent to two instances at the same time, with one key, registers one user, and both say which")
    func oneKeyAtTwoInstances() async throws {
        try await Self.withServices { servers, users, _ in
            try await ServiceProcess.with(.users, on: servers) { other in
                try await other.untilReady()
                var ids: Set<String> = []
                for number in 0..<50 {
                    async let one = users.register("twice-\(number)", key: "key-\(number)")
                    async let two = other.register("twice-\(number)", key: "key-\(number)")
                    let answers = try await [one, two]
                    #expect(answers.map(\.status) == [201, 201])
                    let id = try answers[0].text("id")
                    #expect(try answers[1].text("id") == id)
                    ids.insert(id)
                }
                #expect(ids.count == 50)
                try await servers.judge(ids)
            }
        }
    }

    @Test("an account can be asked for, an unknown one is 404")
    func accountOverHTTP() async throws {
        try await Self.withServices { _, users, payments in
            let id = try await users.register("ada").text("id")
            let account = try await eventually(within: .seconds(30), "Ada's account") {
                let answer = try await payments.get("/api/accounts/\(id)")
                return answer.status == 200 ? answer : nil
            }
            #expect(try account.text("user_id") == id)
            #expect(try account.text("currency") == "EUR")
            #expect(try await payments.get("/api/accounts/\(UUID().uuidString)").status == 404)
            #expect(try await payments.get("/api/accounts/nobody").status == 404)
        }
    }

    @Test("the broker is killed and started again in the middle")
    func brokerKilled() async throws {
        try await Self.withServices { servers, users, payments in
            let (ids, seconds) = try await Registrations(services: [users], prefix: "b", count: 300).run {
                try await Servers.infra("kill", "rabbit")
                // Without a broker people can still register, and the service reports the outage.
                #expect(try await users.register("meanwhile").status == 201)
                try await eventually(within: .seconds(20), "user-service to say that it is degraded") {
                    let answer = try await users.get("/readyz")
                    return answer.status == 200 && String(decoding: answer.body, as: UTF8.self).contains("degraded")
                }
                try await eventually(within: .seconds(20), "payment-service to be unready") {
                    try await payments.get("/readyz").status == 503
                }
                #expect(try await payments.get("/healthz").status == 200)
                try await Servers.infra("start", "rabbit")
                return try await servers.untilNextAccount()
            }
            #expect(ids.count == 300)
            try await servers.judge(ids)
            servers.report(fault: "1", seconds: seconds)
        }
    }

    @Test("the payment service is killed in the middle")
    func paymentServiceKilled() async throws {
        try await Self.withServices { servers, users, payments in
            let (ids, _) = try await Registrations(services: [users], prefix: "p", count: 600).run {
                await payments.end()
            }
            try await ServiceProcess.with(.payments, on: servers) { _ in
                let seconds = try await servers.untilNextAccount()
                try await servers.judge(ids)
                servers.report(fault: "20", seconds: seconds)
            }
        }
    }

    @Test("the user service is killed in the middle")
    func userServiceKilled() async throws {
        try await Servers.withFresh { servers in
            try await servers.declareAudit()
            try await ServiceProcess.with(.payments, on: servers) { payments in
                try await ServiceProcess.with(.users, on: servers) { survivor in
                    try await ServiceProcess.with(.users, on: servers) { victim in
                        try await payments.untilReady()
                        try await survivor.untilReady()
                        try await victim.untilReady()
                        let ids = try await withThrowingTaskGroup(of: Set<String>.self) { group in
                            group.addTask {
                                try await Registrations(services: [survivor], prefix: "s", count: 300).run {
                                    await victim.end()
                                }.0
                            }
                            group.addTask {
                                var ids: Set<String> = []
                                for number in 0..<300 {
                                    // Ends when the service does.
                                    guard let answer = try? await victim.register("victim-\(number)") else { break }
                                    if answer.status == 201 { ids.insert(try answer.text("id")) }
                                }
                                return ids
                            }
                            return try await group.reduce(into: Set<String>()) { $0.formUnion($1) }
                        }
                        try await servers.judge(ids)
                    }
                }
            }
        }
    }

    @Test("each instance of the user service is frozen, then one is killed: the other one takes over what it owned")
    func userServiceFrozen() async throws {
        try await Self.withServices { servers, users, payments in
            try await ServiceProcess.with(.users, on: servers) { other in
                try await other.untilReady()
                var ids: Set<String> = []
                // One of the two owns the outbox.
                for (frozen, working) in [(users, other), (other, users)] {
                    frozen.process.signal(SIGSTOP)
                    let id = try await working.register("frozen-\(frozen.port)").text("id")
                    try await eventually(within: .seconds(20), "the account, although the owner may be frozen") {
                        try await payments.get("/api/accounts/\(id)").status == 200
                    }
                    frozen.process.signal(SIGCONT)
                    ids.insert(id)
                }
                await users.end()
                ids.insert(try await other.register("killed").text("id"))
                try await servers.judge(ids)
            }
        }
    }

    @Test("the database is stopped at once and started again in the middle")
    func databaseStopped() async throws {
        try await Self.withServices { servers, users, payments in
            let (ids, seconds) = try await Registrations(services: [users], prefix: "d", count: 300).run {
                try await Servers.infra("stop", "postgres")
                try await eventually(within: .seconds(20), "user-service to be unready") {
                    try await users.get("/readyz").status == 503
                }
                #expect(try await users.register("nobody").status == 503)
                #expect(try await users.get("/healthz").status == 200)
                #expect(try await payments.get("/healthz").status == 200)
                try await Servers.infra("start", "postgres")
                return try await servers.untilNextAccount()
            }
            try await servers.judge(ids)
            servers.report(fault: "26", seconds: seconds)
        }
    }

    @Test("who registers before anybody subscribes gets an account when somebody does")
    func userServiceFirst() async throws {
        try await Servers.withFresh { servers in
            try await ServiceProcess.with(.users, on: servers) { users in
                try await users.untilReady()
                let ids = try await Registrations(services: [users], prefix: "f", count: 20).run()
                #expect(ids.count == 20)
                let waiting = try await servers.waiting(in: "users")
                #expect(waiting.count == 20)
                // An audit of everything would be a subscriber too early.
                try await servers.declareAudit(["payment.#"])
                try await ServiceProcess.with(.payments, on: servers) { _ in
                    try await servers.judge(ids, seen: waiting)
                }
            }
        }
    }

    @Test("services that start before the servers wait for them")
    func serversComeLater() async throws {
        try await Servers.withFresh { servers in
            try await servers.declareAudit()
            async let rabbitStopped: Void = Servers.infra("stop", "rabbit")
            try await Servers.infra("stop", "postgres")
            try await rabbitStopped
            try await ServiceProcess.with(.users, on: servers) { users in
                try await ServiceProcess.with(.payments, on: servers) { payments in
                    for service in [users, payments] {
                        try await eventually(within: .seconds(20), "\(service.kind) to answer") {
                            try await service.get("/healthz").status == 200
                        }
                        #expect(try await service.get("/readyz").status == 503)
                    }
                    async let rabbitStarted: Void = Servers.infra("start", "rabbit")
                    try await Servers.infra("start", "postgres")
                    try await rabbitStarted
                    try await users.untilReady()
                    try await payments.untilReady()
                    let ids = try await Registrations(services: [users], prefix: "l", count: 20).run()
                    try await servers.judge(ids)
                }
            }
        }
    }

    @Test("SIGTERM under load: what was accepted is answered, the exit status is 0, nothing is lost")
    func gracefulShutdown() async throws {
        try await Self.withServices { servers, users, payments in
            let ids = try await withThrowingTaskGroup(of: String?.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        // After the listening socket is closed connections are refused: those were not accepted.
                        guard let answer = try? await users.register("graceful-\(number)") else { return nil }
                        #expect(answer.status == 201)
                        return try answer.text("id")
                    }
                }
                try await eventually(within: .seconds(20), "the first users") {
                    try await servers.number("SELECT count(*) FROM users.users") > 10
                }
                async let usersStatus = users.terminate()
                async let paymentsStatus = payments.terminate()
                #expect(await usersStatus == 0)
                #expect(await paymentsStatus == 0)
                return try await group.reduce(into: Set<String>()) { if let id = $1 { $0.insert(id) } }
            }
            try await ServiceProcess.with(.users, on: servers) { _ in
                try await ServiceProcess.with(.payments, on: servers) { _ in
                    try await servers.judge(ids)
                }
            }
        }
    }

    private static func withServices(
        _ body: (Servers, _ users: ServiceProcess, _ payments: ServiceProcess) async throws -> Void
    ) async throws {
        try await Servers.withFresh { servers in
            try await servers.declareAudit()
            try await ServiceProcess.with(.users, on: servers) { users in
                try await ServiceProcess.with(.payments, on: servers) { payments in
                    try await users.untilReady()
                    try await payments.untilReady()
                    try await body(servers, users, payments)
                }
            }
        }
    }
}
