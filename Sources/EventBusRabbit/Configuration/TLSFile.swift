// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOSSL

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A PEM file (RFC 7468) that a URL names.
struct TLSFile: Hashable {
    /// Why the file cannot be used; its contents are never shown.
    struct Problem: Error, Hashable, CustomStringConvertible {
        let file: TLSFile
        let text: String

        var description: String { "\(self.file.parameter) \(self.file.path) \(self.text)" }
    }

    /// Larger than any bundle of authorities.
    static let limit = 4 << 20

    /// The parameter of the URL, such as `cacertfile`.
    let parameter: String
    let path: String

    /// The certificates in the file, at least one.
    func certificates() throws(Problem) -> [NIOSSLCertificate] {
        let bytes = try self.read()
        guard let found = try? NIOSSLCertificate.fromPEMBytes(bytes), !found.isEmpty else {
            throw Problem(file: self, text: "holds no certificate in PEM format, or a malformed one")
        }
        return found
    }

    /// The private key in the file.
    func privateKey() throws(Problem) -> NIOSSLPrivateKey {
        let bytes = try self.read()
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw Problem(file: self, text: "holds no private key in PEM format that is not encrypted")
        }
        return key
    }

    private func read() throws(Problem) -> [UInt8] {
        guard let file = fopen(self.path, "rb") else { throw Problem(file: self, text: Self.text(errno)) }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = fread(&part, 1, part.count, file)
            guard count > 0 else { break }
            bytes += part[..<count]
            guard bytes.count <= Self.limit else {
                throw Problem(file: self, text: "is larger than \(Self.limit) bytes")
            }
        }
        guard ferror(file) == 0 else { throw Problem(file: self, text: Self.text(errno)) }
        return bytes
    }

    private static func text(_ code: CInt) -> String {
        switch code {
        case ENOENT: "does not exist"
        case EACCES, EPERM: "may not be read by this process"
        case EISDIR: "is a directory"
        default: "cannot be read (errno \(code))"
        }
    }
}
