// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusRabbit
import Measuring

/// Where the benchmark's own tasks run.
enum WorkingThread: String {
    /// Where tasks run unless told otherwise.
    case pool
    /// On the bus's own thread, ``EventBusRabbit/RabbitEventBus/executor``.
    case loop

    init(_ text: String) throws {
        guard let thread = WorkingThread(rawValue: text) else {
            throw BenchmarkFailure("--on \(text) is neither pool nor loop")
        }
        self = thread
    }

    func executor(of bus: RabbitEventBus) -> (any TaskExecutor)? {
        switch self {
        case .pool: nil
        case .loop: bus.executor
        }
    }
}
