// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where the certificate and the private key of a server are, both as PEM (RFC 7468).
public struct TLSFiles: Sendable, Hashable {
    static let certificateVariable = "HTTP_TLS_CERTIFICATE_FILE"
    static let keyVariable = "HTTP_TLS_KEY_FILE"

    /// The server's certificate, followed by those that lead to a trusted one.
    public var certificate: String
    /// The private key of the first certificate, without a passphrase.
    public var key: String

    /// Names two files.
    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }

    /// Reads `HTTP_TLS_CERTIFICATE_FILE` and `HTTP_TLS_KEY_FILE`; `nil` without both.
    ///
    /// - Throws: ``ConfigurationError`` when one of them is missing or empty.
    init?(_ settings: Settings) throws(ConfigurationError) {
        let certificate = try TLSFiles.path(Self.certificateVariable, settings)
        let key = try TLSFiles.path(Self.keyVariable, settings)
        switch (certificate, key) {
        case (nil, nil): return nil
        case (let certificate?, let key?): self.init(certificate: certificate, key: key)
        // Nobody who has set one of them wants to be served without TLS.
        case (nil, _): throw TLSFiles.missing(Self.certificateVariable, beside: Self.keyVariable)
        case (_, nil): throw TLSFiles.missing(Self.keyVariable, beside: Self.certificateVariable)
        }
    }

    /// Reads both files.
    ///
    /// - Throws: ``ConfigurationError`` when one of them cannot be read.
    func read() throws(ConfigurationError) -> TLSIdentity {
        TLSIdentity(
            certificate: try TLSFiles.contents(self.certificate, Self.certificateVariable),
            key: try TLSFiles.contents(self.key, Self.keyVariable)
        )
    }

    private static func path(_ variable: String, _ settings: Settings) throws(ConfigurationError) -> String? {
        try settings.value(variable, default: nil, expected: "the path of a file in PEM") { .some(.some($0)) }
    }

    private static func missing(_ variable: String, beside other: String) -> ConfigurationError {
        ConfigurationError(variable, "is missing: TLS needs it beside \(other)")
    }

    private static func contents(_ path: String, _ variable: String) throws(ConfigurationError) -> [UInt8] {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else {
            throw ConfigurationError(variable, "names a file that cannot be read: \(path)")
        }
        return [UInt8](data)
    }
}
