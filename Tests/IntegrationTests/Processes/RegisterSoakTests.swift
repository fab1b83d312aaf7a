// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import EventBusTesting
import Testing

/// Five hundred clients who register without a pause, for a minute.
@Suite(
    "Registering under load",
    .serialized,
    .enabled(if: RegisterLoad.isWanted, "takes minutes: run scripts/test --soak register"),
    .timeLimit(.minutes(10))
)
struct RegisterSoakTests {
    /// What the memory of a service may grow by between a quarter of the time and its end, in bytes.
    static let growth = 16 * 1024 * 1024

    @Test("every 201 is one account, nothing else is answered, memory stays flat, and the services stay ready")
    func cheapHashes() async throws {
        try await Self.run(seconds: 60, scryptCost: 10) { load in #expect(load.ids.count >= 500) }
    }

    @Test("with hashes as costly as in production, what is too much is 503")
    func costlyHashes() async throws {
        try await Self.run(seconds: 40, scryptCost: 15) { load in #expect(load.statuses["503", default: 0] > 0) }
    }

    private static func run(seconds: Int, scryptCost: Int, _ check: (RegisterLoad) -> Void) async throws {
        try await Servers.withFresh { servers in
            try await servers.declareAudit()
            try await ServiceProcess.with(
                .users,
                on: servers,
                settings: [
                    "SCRYPT_COST": "\(scryptCost)", "SCRYPT_MAXIMUM_WAIT": "3",
                    // All come from one address, as from a proxy.
                    "HTTP_MAXIMUM_CONNECTIONS_PER_CLIENT": "900",
                ]
            ) { users in
                try await ServiceProcess.with(.payments, on: servers) { payments in
                    try await users.untilReady()
                    try await payments.untilReady()
                    let load = try await RegisterLoad.run(clients: 500, seconds: seconds, [users, payments])
                    print(load.summary)
                    #expect(Set(load.statuses.keys).isSubset(of: ["201", "503"]), "\(load.statuses)")
                    for (name, service) in load.services {
                        #expect(
                            service.readiness.keys.allSatisfy { $0.hasPrefix("200 ") },
                            "\(name): \(service.readiness) \(service.notes)"
                        )
                        #expect(
                            service.late - service.early <= Self.growth,
                            "\(name): \(service.early) \(service.late)"
                        )
                    }
                    #expect(Set(load.ids).count == load.ids.count)
                    try await servers.judge(Set(load.ids))
                    check(load)
                }
            }
        }
    }
}
