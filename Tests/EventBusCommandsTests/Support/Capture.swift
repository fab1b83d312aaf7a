// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusCommands
import Logging
import Synchronization

/// A console whose lines are kept.
final class Capture: Sendable {
    private let lines = Mutex<(out: [String], err: [String])>(([], []))

    var out: [String] { self.lines.withLock { $0.out } }
    var err: [String] { self.lines.withLock { $0.err } }

    func console(isJSON: Bool = false) -> Console {
        Console(
            isJSON: isJSON,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            out: { line in self.lines.withLock { $0.out.append(line) } },
            err: { line in self.lines.withLock { $0.err.append(line) } }
        )
    }
}
