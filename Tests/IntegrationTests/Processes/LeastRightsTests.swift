// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import Testing

/// The services as `Examples/compose.tls.yaml` runs them, with the files of `Examples/deploy`.
@Suite(
    "Least rights",
    .serialized,
    .enabled(if: Servers.areServicesBuilt, Servers.reasonForSkipping),
    .timeLimit(.minutes(4))
)
struct LeastRightsTests {
    @Test("with a certificate each and no password, over TLS, as users that may do no more than they need")
    func services() async throws {
        try await Deployment.with { deployment in
            try await deployment.withService(.payments) { payments in
                try await deployment.withService(.users) { users in
                    try await payments.untilReady()
                    try await users.untilReady()
                    let id = try await users.register("least").text("id")
                    try await eventually(within: .seconds(30), "the account") {
                        try await payments.get("/api/accounts/\(id)").status == 200
                    }
                    // Nothing that they may not do is missing, either.
                    for service in [users, payments] {
                        try await eventually(within: .seconds(30), "\(service.kind.rawValue) to miss nothing") {
                            String(decoding: try await service.get("/readyz").body, as: UTF8.self).contains(#""ready""#)
                        }
                        #expect(!service.process.text.contains("ACCESS_REFUSED"))
                        #expect(!service.process.text.contains("permission denied"))
                    }
                }
            }
            #expect(try await deployment.may("user-service", "has_schema_privilege('users', 'CREATE')"))
            #expect(try await !deployment.may("user-service", "has_schema_privilege('payments', 'USAGE')"))
            #expect(try await deployment.may("payment-service", "has_schema_privilege('payments', 'CREATE')"))
            #expect(try await !deployment.may("payment-service", "has_schema_privilege('users', 'USAGE')"))
            for name in Deployment.names {
                #expect(try await !deployment.may(name, "has_database_privilege(current_database(), 'CREATE')"))
                #expect(try await !deployment.may(name, "has_schema_privilege('public', 'CREATE')"))
                let question = "rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
                #expect(try await !deployment.may(name, question))
            }
        }
    }

    @Test("the operator's tool looks after dead letters and reads outboxes, and may do nothing else")
    func operatorsTool() async throws {
        try await Deployment.with { deployment in
            try await deployment.withService(.payments) { payments in
                try await deployment.withService(.users) { users in
                    try await payments.untilReady()
                    try await users.untilReady()
                    try await Self.settleDeadLetters(deployment)

                    let early = try await deployment.operate(["outbox", "status"])
                    #expect(early.status != 0 && early.text.contains("permission denied"), "\(early)")
                    try await deployment.runSQL("operator.sql")
                    let outboxes = try await deployment.operate(["outbox", "status", "--json"])
                    #expect(outboxes.status == 0, "\(outboxes)")
                    for schema in ["users", "payments"] { #expect(outboxes.text.contains(#""schema":"\#(schema)""#)) }

                    for refused in [
                        ["publish", "user.created", "--body", "{}"], ["tail", "user.#", "--count", "1"],
                        ["subscriptions", "unbind", "payments.accounts", "user.created"],
                    ] {
                        let answer = try await deployment.operate(refused)
                        #expect(answer.status != 0 && answer.text.contains("ACCESS_REFUSED"), "\(refused): \(answer)")
                    }
                }
            }
            for schema in ["users", "payments"] {
                let outbox = "'\(schema).eventbus_outbox'"
                #expect(try await deployment.may("operator", "has_table_privilege(\(outbox), 'SELECT')"))
                let changes = "has_table_privilege(\(outbox), 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')"
                #expect(try await !deployment.may("operator", changes))
                #expect(try await !deployment.may("operator", "has_schema_privilege('\(schema)', 'CREATE')"))
            }
            let others = """
                EXISTS (SELECT FROM pg_class WHERE relnamespace IN ('users'::regnamespace, 'payments'::regnamespace)
                    AND relkind IN ('r', 'p', 'v', 'm') AND relname <> 'eventbus_outbox'
                    AND (has_table_privilege(oid, 'DELETE, TRUNCATE, TRIGGER')
                        OR has_any_column_privilege(oid, 'SELECT, INSERT, UPDATE, REFERENCES')))
                """
            #expect(try await !deployment.may("operator", others))
        }
    }

    /// Makes a dead letter; the operator lists it, redrives it and, since nobody can read it, discards it.
    private static func settleDeadLetters(_ deployment: Deployment) async throws {
        func untilListed(redrives: Int) async throws {
            try await eventually(within: .seconds(30), "a dead letter that was redriven \(redrives) times") {
                let list = try await deployment.operate(["dead-letters", "list", "payments.accounts", "--json"])
                return list.status == 0 && list.text.contains(#""redrives":\#(redrives)"#)
            }
        }
        try await deployment.publishUnreadable()
        try await untilListed(redrives: 0)
        let redriven = try await deployment.operate(["dead-letters", "redrive", "payments.accounts", "--json"])
        #expect(redriven.status == 0 && redriven.text.contains(#""redriven":1"#), "\(redriven)")
        try await untilListed(redrives: 1)
        let discarded = try await deployment.operate([
            "dead-letters", "discard", "payments.accounts", "--all", "--json",
        ])
        #expect(discarded.status == 0 && discarded.text.contains(#""discarded":1"#), "\(discarded)")
    }
}
