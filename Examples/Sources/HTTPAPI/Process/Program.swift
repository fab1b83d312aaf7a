// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import Logging
public import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the executables have in common: options, the exit status, and one clear line on stderr when something is wrong.
public struct Program: Sendable {
    private let name: String
    private let help: String
    private let options: Set<String>

    /// Describes a program.
    ///
    /// - Parameters:
    ///   - name: the name of the executable.
    ///   - help: what `--help` writes.
    ///   - options: the options it knows beside `--help`.
    public init(_ name: String, help: String, options: Set<String>) {
        self.name = name
        self.help = help
        self.options = options
    }

    /// Runs the program to its end and exits: with 0 when `body` returns, with 64 (`EX_USAGE`) after a wrong option,
    /// with 78 (`EX_CONFIG`) after a ``ConfigurationError``, with 1 after any other error.
    ///
    /// Logs go to stderr.
    ///
    /// - Parameter body: does the work, given the options of the command line.
    public func main(_ body: (_ options: Set<String>) async throws -> Void) async -> Never {
        LoggingSystem.bootstrap { label in StreamLogHandler.standardError(label: label) }
        let arguments = Set(CommandLine.arguments.dropFirst())
        if arguments.contains("--help") || arguments.contains("-h") {
            Program.write(self.help, to: STDOUT_FILENO)
            exit(0)
        }
        if let unknown = arguments.subtracting(self.options).min() {
            Program.write("\(self.name): unknown option \(unknown), see --help", to: STDERR_FILENO)
            exit(64)
        }
        do {
            try await body(arguments)
            exit(0)
        } catch is CancellationError {
            Program.write("\(self.name): shutdown took too long, what was left has been cancelled", to: STDERR_FILENO)
            exit(1)
        } catch {
            Program.write("\(self.name): \(error)", to: STDERR_FILENO)
            exit(error is ConfigurationError ? 78 : 1)
        }
    }

    /// Runs services until SIGTERM or SIGINT, then shuts them down in reverse order.
    ///
    /// - Parameters:
    ///   - services: each may use those before it for as long as it runs.
    ///   - logger: logs what the group does.
    /// - Throws: what a service throws.
    public static func run(_ services: [ServiceGroupConfiguration.ServiceConfiguration], logger: Logger) async throws {
        var configuration = ServiceGroupConfiguration(
            services: services,
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger
        )
        configuration.maximumGracefulShutdownDuration = .seconds(25)
        // A publish under way ends within twice the confirm time-out, however the broker behaves.
        configuration.maximumCancellationDuration = .seconds(60)
        try await ServiceGroup(configuration: configuration).run()
    }

    /// Runs services until SIGTERM or SIGINT, then shuts them down in reverse order.
    ///
    /// - Throws: what a service throws.
    public static func run(_ services: [any Service], logger: Logger) async throws {
        try await self.run(services.map { .init(service: $0) }, logger: logger)
    }

    /// Writes a line to standard output, at once.
    public static func write(_ line: String) {
        Program.write(line, to: STDOUT_FILENO)
    }

    /// Whether standard output is a terminal.
    public static var writesToTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    private static func write(_ line: String, to descriptor: Int32) {
        var bytes = Array((line + "\n").utf8)[...]
        while !bytes.isEmpty {
            #if canImport(Darwin)
            let written = bytes.withUnsafeBytes { Darwin.write(descriptor, $0.baseAddress, $0.count) }
            #elseif canImport(Musl)
            let written = bytes.withUnsafeBytes { Musl.write(descriptor, $0.baseAddress, $0.count) }
            #else
            let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            #endif
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }
}
