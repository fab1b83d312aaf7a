// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging
import Synchronization

/// Records what is logged, at every level, as lines of text.
final class LogRecorder: Sendable {
    private let recorded = Mutex<[String]>([])

    var lines: [String] { self.recorded.withLock { $0 } }

    var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(recorder: self) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = self.metadata.merging(event.metadata ?? [:]) { $1 }
            let pairs = metadata.map { "\($0)=\($1)" }.sorted().joined(separator: " ")
            self.recorder.recorded.withLock { $0.append("\(event.level) \(event.message) \(pairs)") }
        }
    }
}
