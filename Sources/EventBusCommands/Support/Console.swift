// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where a command writes: results to standard output, everything else to standard error.
public struct Console: Sendable {
    /// Whether results are JSON.
    public let isJSON: Bool
    /// Logs what connections do.
    public let logger: Logger
    private let out: @Sendable (String) -> Void
    private let err: @Sendable (String) -> Void

    /// Creates a console.
    ///
    /// - Parameters:
    ///   - isJSON: whether results are JSON.
    ///   - logger: logs what connections do.
    ///   - out: writes a line of a result.
    ///   - err: writes a line about the work.
    public init(
        isJSON: Bool,
        logger: Logger,
        out: @escaping @Sendable (String) -> Void,
        err: @escaping @Sendable (String) -> Void
    ) {
        self.isJSON = isJSON
        self.logger = logger
        self.out = out
        self.err = err
    }

    /// The standard output and the standard error of the process.
    static func standard(_ options: OutputOptions) -> Console {
        var logger = Logger(label: "eventbus") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = options.verbose ? .debug : .critical
        return Console(
            isJSON: options.json,
            logger: logger,
            out: { write($0, to: STDOUT_FILENO) },
            err: { write($0, to: STDERR_FILENO) }
        )
    }

    /// Writes a result: as JSON on one line, or as text.
    public func show(_ json: @autoclosure () -> JSONValue, text: @autoclosure () -> String) {
        self.out(self.isJSON ? json().text : text())
    }

    /// Writes a line about the work, never a result.
    public func tell(_ line: String) {
        self.err(line)
    }
}

/// Writes a line; ends the process like SIGPIPE would when nobody reads any longer.
private func write(_ line: String, to descriptor: Int32) {
    var line = line + "\n"
    line.withUTF8 { bytes in
        var rest = UnsafeRawBufferPointer(bytes)
        while !rest.isEmpty {
            let count = write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            } else if errno == EPIPE {
                exit(128 + SIGPIPE)
            } else if errno != EINTR, errno != EAGAIN {
                return
            }
        }
    }
}
