// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Where a benchmark's own tasks run.
public enum WorkingThread: String, Sendable {
    /// Where tasks run by default.
    case pool
    /// On the thread of what is measured: `RabbitEventBus.executor`, `PostgresStore.executor`.
    case own

    /// Reads the value of `--on`.
    public init(_ text: String) throws {
        guard let thread = WorkingThread(rawValue: text) else {
            throw BenchmarkFailure("--on \(text) is neither pool nor own")
        }
        self = thread
    }

    /// What tasks are to prefer, given the executor of what is measured.
    public func executor(_ own: any TaskExecutor) -> (any TaskExecutor)? {
        switch self {
        case .pool: nil
        case .own: own
        }
    }
}
