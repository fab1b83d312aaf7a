// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Runs `body`, which SIGINT or SIGTERM cancels; a second signal ends the process with 130 at once.
///
/// - Throws: what `body` throws.
func withInterrupts(_ body: @escaping @Sendable () async throws -> Void) async throws {
    let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
    let work = Task { try await body() }
    let watch = Task {
        var isSecond = false
        for await _ in signals {
            if isSecond { exit(CommandExit.interrupted.rawValue) }
            isSecond = true
            work.cancel()
        }
    }
    defer { watch.cancel() }
    try await withTaskCancellationHandler {
        try await work.value
    } onCancel: {
        work.cancel()
    }
}
