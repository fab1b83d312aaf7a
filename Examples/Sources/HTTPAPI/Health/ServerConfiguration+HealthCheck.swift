// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension ServerConfiguration {
    /// Asks a server that runs with this configuration whether its process works.
    ///
    /// - Throws: ``HTTPClient/Failure``; an error of the connection.
    public func checkHealth() async throws {
        let answer = try await HTTPClient(self, timeLimit: .seconds(3)).send("GET", HealthAPI.livenessPath)
        guard answer.status == 200 else {
            throw HTTPClient.Failure(description: "\(HealthAPI.livenessPath) answered \(answer.status)")
        }
    }
}
