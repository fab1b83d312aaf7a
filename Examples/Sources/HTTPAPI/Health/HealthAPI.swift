// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import HTTPTypes
import Hummingbird

/// Health over HTTP: `GET /healthz` for what restarts a process, `GET /readyz` for what sends it work.
public struct HealthAPI: Sendable {
    /// The path that answers `200` as long as the process works.
    public static let livenessPath = "/healthz"
    /// The path that answers `200` or `503`, with reasons.
    public static let readinessPath = "/readyz"

    private let readiness: Readiness

    /// Creates the API of a service.
    public init(_ readiness: Readiness) {
        self.readiness = readiness
    }

    /// Liveness is never a matter of other servers: restarting a process does not bring them back.
    public var endpoints: [Endpoint] {
        [
            Endpoint(.get, Self.livenessPath, Self.liveness) { _, _ in
                JSON.response(.ok, Report(status: "alive"))
            },
            Endpoint(.get, Self.readinessPath, Self.readiness) { _, _ in
                let health = await self.readiness.health
                let report = Report(health)
                return JSON.response(health.isReady ? .ok : .serviceUnavailable, report)
            },
        ]
    }

    private struct Report: Encodable {
        /// `ready`, `degraded` (ready, with notes) or `unready`; `alive` where nothing else was asked.
        let status: String
        var problems: [String]?
        var notes: [String]?

        init(status: String) {
            self.status = status
        }

        init(_ health: Health) {
            self.status = health.isReady ? (health.notes.isEmpty ? "ready" : "degraded") : "unready"
            self.problems = health.problems.isEmpty ? nil : health.problems
            self.notes = health.notes.isEmpty ? nil : health.notes
        }
    }
}
