// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension ServerConfiguration {
    /// Asks a server that runs with this configuration whether its process works.
    ///
    /// - Parameter limit: how long the answer may take.
    /// - Throws: ``HTTPClient/Failure``; an error of the connection.
    public func checkHealth(within limit: Duration = .seconds(3)) async throws {
        let answer = try await HTTPClient(self, timeLimit: limit).send("GET", HealthAPI.livenessPath)
        guard answer.status == 200 else {
            throw HTTPClient.Failure(description: "\(HealthAPI.livenessPath) answered \(answer.status)")
        }
    }
}
