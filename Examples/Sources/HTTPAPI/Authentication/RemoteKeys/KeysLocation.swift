// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where another service has its JWK set, and whom to trust there.
///
/// ## Configuration keys
/// - `AUTH_JWKS_URL` (optional): `https://host/path`. Without TLS only on this machine and for names without a dot, which only a
///   private network knows: whoever can change the answer can issue tokens.
/// - `AUTH_JWKS_CA_FILE` (optional): a PEM file of the authorities to trust in place of the system's.
public struct KeysLocation: Sendable, Hashable {
    /// Why a text is no such URL.
    enum Fault: Error, CustomStringConvertible {
        case noURL, scheme, plainText, parts

        var description: String {
            switch self {
            case .noURL: "it is no URL with a host"
            case .scheme: "its scheme is neither https nor http"
            case .plainText: "without TLS it must be on this machine or a host without a dot in its name"
            case .parts: "it may have no user, query or fragment"
            }
        }
    }

    let isSecure: Bool
    let host: String
    let port: Int
    let path: String
    var authorities: String?

    /// Reads the configuration keys above; `nil` when there is no URL.
    ///
    /// - Throws: ``ConfigurationError``.
    public init?(_ settings: Settings) throws(ConfigurationError) {
        guard settings.isSet("AUTH_JWKS_URL") || settings.isSet("AUTH_JWKS_URL_FILE") else {
            // Whoever has set this does not want everybody to see all accounts.
            guard !settings.isSet("AUTH_JWKS_CA_FILE") else {
                throw ConfigurationError("AUTH_JWKS_CA_FILE", "is set without AUTH_JWKS_URL")
            }
            return nil
        }
        self = try settings.secret("AUTH_JWKS_URL", like: "https://users.example.org/.well-known/jwks.json") {
            try KeysLocation($0)
        }
        guard settings.isSet("AUTH_JWKS_CA_FILE") else { return }
        self.authorities = try settings.secret("AUTH_JWKS_CA_FILE", like: "/run/secrets/ca.pem") { path in
            guard (try? Data(contentsOf: URL(filePath: path))) != nil else { throw UnreadableFile() }
            return path
        }
    }

    /// Takes a URL apart.
    ///
    /// - Throws: ``Fault``.
    init(_ text: String) throws(Fault) {
        guard let url = URLComponents(string: text), let host = url.host, !host.isEmpty else { throw .noURL }
        guard url.user == nil, url.password == nil, url.query == nil, url.fragment == nil else { throw .parts }
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        switch url.scheme?.lowercased() {
        case "https": self.isSecure = true
        case "http": self.isSecure = false
        default: throw .scheme
        }
        guard self.isSecure || Self.isPrivate(self.host) else { throw .plainText }
        self.port = url.port ?? (self.isSecure ? 443 : 80)
        self.path = url.percentEncodedPath.isEmpty ? "/" : url.percentEncodedPath
    }

    private static func isPrivate(_ host: String) -> Bool {
        let isLoopback = host.hasPrefix("127.") && host.utf8.allSatisfy { "0123456789.".utf8.contains($0) }
        // A number without dots is an address as well.
        let isName = host.utf8.first.map { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ?? false
        return host == "::1" || isLoopback || isName && !host.utf8.contains { ".:".utf8.contains($0) }
    }
}
