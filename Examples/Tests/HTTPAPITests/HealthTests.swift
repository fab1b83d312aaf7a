// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import HTTPAPI
import Hummingbird
import Testing

@Suite("Health over HTTP", .timeLimit(.minutes(1)))
struct HealthTests {
    static let away = Health(problems: ["the broker is away"])
    static let slow = Health(notes: ["events wait"])

    @Test("liveness does not depend on anything")
    func liveness() async throws {
        let router = Router.api(readiness: Readiness(requires: [{ Self.away }]))
        let answer = try await router.answer(.get, "/healthz")
        #expect(answer.status == 200)
    }

    @Test("with everything well a service is ready and says nothing else")
    func ready() async throws {
        let answer = try await Router.api(readiness: Readiness(requires: [{ .ready }], notes: [{ .ready }]))
            .answer(.get, "/readyz")
        #expect(answer.status == 200)
        #expect(answer.text == #"{"status":"ready"}"#)
    }

    @Test("a problem of a required part is 503 with the reason")
    func unready() async throws {
        let answer = try await Router.api(
            readiness: Readiness(requires: [{ .ready }, { Self.away }], notes: [{ Self.slow }])
        )
        .answer(.get, "/readyz")
        #expect(answer.status == 503)
        #expect(answer.json["status"] as? String == "unready")
        #expect(answer.json["problems"] as? [String] == ["the broker is away"])
        #expect(answer.json["notes"] as? [String] == ["events wait"])
    }

    @Test("a problem of another part is a note of a service that is ready, but degraded")
    func degraded() async throws {
        let answer = try await Router.api(
            readiness: Readiness(requires: [{ .ready }], notes: [{ Self.away }, { Self.slow }])
        )
        .answer(.get, "/readyz")
        #expect(answer.status == 200)
        #expect(answer.json["status"] as? String == "degraded")
        #expect(answer.json["notes"] as? [String] == ["the broker is away", "events wait"])
    }
}
