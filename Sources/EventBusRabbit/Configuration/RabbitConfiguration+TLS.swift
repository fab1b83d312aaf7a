// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import EventBus
import NIOSSL

extension RabbitConfiguration {
    /// How the broker's certificate is verified; it always is, and TLS 1.2 is the oldest version.
    struct TLS: Sendable, Hashable {
        /// A PEM file with the trusted authorities; `nil` for those of the system.
        var authorities: String?
        /// A PEM file with this program's certificate chain.
        var certificate: String?
        /// A PEM file with the key of the certificate.
        var key: String?
        /// The name that the certificates of all hosts must have, if it is not each host's own.
        var serverName: String?
    }

    /// Reads the files of `cacertfile`, `certfile` and `keyfile`, so that a program can refuse to start when one is wrong.
    ///
    /// The bus reads them again for every connection: files that are replaced count from the next one on.
    ///
    /// - Throws: `BusError` with code `invalidConfiguration` that names the parameter, the file and what is wrong with it.
    public func checkFiles() throws(BusError) {
        do throws(TLSFile.Problem) {
            _ = try self.tls?.context()
        } catch {
            throw BusError(.invalidConfiguration, "RabbitMQ URL: \(error)")
        }
    }
}

extension RabbitConfiguration.TLS {
    /// Reads the files.
    func context() throws(TLSFile.Problem) -> NIOSSLContext {
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.minimumTLSVersion = .tlsv12
        settings.certificateVerification = .fullVerification
        var last = TLSFile(parameter: "cacertfile", path: self.authorities ?? "of the system")
        if self.authorities != nil { settings.trustRoots = .certificates(try last.certificates()) }
        if let certificate = self.certificate, let key = self.key {
            let chain = try TLSFile(parameter: "certfile", path: certificate).certificates()
            settings.certificateChain = chain.map { .certificate($0) }
            last = TLSFile(parameter: "keyfile", path: key)
            settings.privateKey = .privateKey(try last.privateKey())
        }
        do {
            return try NIOSSLContext(configuration: settings)
        } catch {
            // By itself each file can be used.
            let text =
                last.parameter == "keyfile" ? "is not the key of certfile \(self.certificate ?? "")" : "cannot be used"
            throw TLSFile.Problem(file: last, text: "\(text) (\(error))")
        }
    }
}
