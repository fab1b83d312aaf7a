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
}
