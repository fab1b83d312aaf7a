// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Logging
import NIOSSL
import Synchronization

/// The certificate that new connections get; follows its files, so that it can be renewed without a restart.
final class ServerCertificate: Sendable {
    /// TLS was asked for, but there is no certificate.
    struct NotLoaded: Error {}

    private struct Current {
        let identity: TLSIdentity
        let context: NIOSSLContext
        /// Why the files cannot be used as they are now.
        var problem: ConfigurationError?
    }

    /// How often the files are read: seldom enough to cost nothing, often enough for certificates that hold for hours.
    static let interval = Duration.seconds(10)

    private let files: TLSFiles
    private let logger: Logger
    private let current = Mutex<Current?>(nil)

    init(_ files: TLSFiles, logger: Logger) {
        self.files = files
        self.logger = logger
    }

    /// What a new connection needs.
    ///
    /// - Throws: ``NotLoaded``: no connection does without TLS.
    func context() throws -> NIOSSLContext {
        guard let current = self.current.withLock({ $0 }) else { throw NotLoaded() }
        return current.context
    }

    /// Reads the files for the first time.
    ///
    /// - Throws: ``ConfigurationError`` when they cannot be used.
    func load() throws(ConfigurationError) {
        let identity = try self.files.read()
        let current = Current(identity: identity, context: try identity.context())
        self.current.withLock { $0 = current }
    }

    /// Reads the files again and again, until cancellation.
    func keepUpToDate() async throws {
        while true {
            try await Task.sleep(for: Self.interval)
            self.reload()
        }
    }

    /// Takes over files that have changed.
    ///
    /// Of what cannot be used each reason is logged once, and the old certificate stays.
    func reload() {
        do throws(ConfigurationError) {
            let identity = try self.files.read()
            guard self.current.withLock({ $0?.identity }) != identity else {
                if self.change(problem: nil) {
                    self.logger.notice("The files of the server's certificate can be used again, and have not changed")
                }
                return
            }
            let current = Current(identity: identity, context: try identity.context())
            self.current.withLock { $0 = current }
            self.logger.notice("The server's certificate has changed: new connections get the new one")
        } catch {
            guard self.change(problem: error) else { return }
            self.logger.error(
                "The server's new certificate cannot be used: the old one stays",
                metadata: ["http.tls.problem": "\(error)"]
            )
        }
    }

    /// - Returns: whether that is news.
    private func change(problem: ConfigurationError?) -> Bool {
        self.current.withLock { current in
            defer { current?.problem = problem }
            return current?.problem != problem
        }
    }
}
