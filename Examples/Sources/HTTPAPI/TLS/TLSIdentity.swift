// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOSSL

/// The certificates and the private key of a server, as they are in files.
struct TLSIdentity: Sendable, Hashable {
    let certificate: [UInt8]
    let key: [UInt8]

    /// What connections need: TLS 1.2 or 1.3 (RFC 9325 §3.1.1), HTTP/1.1.
    ///
    /// - Throws: ``ConfigurationError`` when one of them is malformed or they do not belong together.
    func context() throws(ConfigurationError) -> NIOSSLContext {
        guard let chain = try? NIOSSLCertificate.fromPEMBytes(self.certificate), !chain.isEmpty else {
            throw ConfigurationError(TLSFiles.certificateVariable, "names a file without a certificate in PEM")
        }
        guard let key = try? NIOSSLPrivateKey(bytes: self.key, format: .pem) else {
            throw ConfigurationError(
                TLSFiles.keyVariable,
                "names a file without a private key in PEM, or one with a passphrase"
            )
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            throw ConfigurationError(
                "\(TLSFiles.certificateVariable), \(TLSFiles.keyVariable)",
                "do not belong together: the key has to be that of the first certificate"
            )
        }
        return context
    }
}
