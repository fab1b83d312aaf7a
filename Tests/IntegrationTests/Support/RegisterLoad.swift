// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Testing

/// What `scripts/lib/register_load.py` reports of a crowd that registers.
struct RegisterLoad: Sendable, Decodable {
    static let isWanted = Servers.areServicesBuilt && ProcessInfo.processInfo.environment["REGISTER_SOAK"] != nil

    /// What one service said of itself meanwhile.
    struct Service: Sendable, Decodable {
        /// How often `/readyz` was answered with a status and a word, such as `200 ready`.
        let readiness: [String: Int]
        /// The longest wait for such an answer, in seconds.
        let slowest: Double
        let notes: [String: Int]
        /// Resident memory after a quarter of the time and at its end, in bytes.
        let early: Int
        let late: Int
    }

    /// How often each status was answered; other names are those of errors.
    let statuses: [String: Int]
    /// The longest wait for an answer, in seconds.
    let slowest: Double
    let ids: [String]
    let services: [String: Service]

    static func run(clients: Int, seconds: Int, _ services: [ServiceProcess]) async throws -> RegisterLoad {
        let script = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../scripts/lib/register_load.py").standardizedFileURL
        let text = try await Command.run(
            ["python3", script.path, "\(clients)", "\(seconds)"]
                + services.map { "\($0.kind.rawValue)=\($0.port):\($0.process.identifier)" }
        )
        return try JSONDecoder().decode(RegisterLoad.self, from: Data(text.utf8))
    }

    var summary: String {
        let services = self.services.sorted { $0.key < $1.key }.map { name, service in
            let (early, late) = (service.early / 1_000_000, service.late / 1_000_000)
            return
                "\(name): \(service.readiness), at most \(service.slowest) s, \(early) to \(late) MB, \(service.notes)"
        }
        return (["answers: \(self.statuses), at most \(self.slowest) s"] + services).joined(separator: "\n")
    }
}
