// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension Result where Failure == any Error {
    /// The value that `body` returns, or the error that it throws.
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
