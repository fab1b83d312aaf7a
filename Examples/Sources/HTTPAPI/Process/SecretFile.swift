// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A file that holds one secret, as Docker and Kubernetes mount them.
struct SecretFile {
    /// Why it cannot be used, to be read after the variable's name; shows neither path nor contents, either of which may be the secret.
    enum Problem: Error, Hashable, CustomStringConvertible {
        case missing
        case unreadable(CInt)
        case tooLarge
        case notText

        var description: String {
            switch self {
            case .missing: "leads to a file that does not exist"
            case .unreadable(EACCES): "leads to a file that this process may not read"
            case .unreadable(EISDIR): "leads to a directory"
            case .unreadable(let code): "leads to a file that cannot be read (errno \(code))"
            case .tooLarge: "leads to a file of more than \(SecretFile.limit) bytes"
            case .notText: "leads to a file that is not UTF-8 text, or has a NUL in it"
            }
        }
    }

    /// In bytes.
    static let limit = 65_536

    let path: String

    /// The contents without the newline at their end.
    func read() throws(Problem) -> String {
        guard let file = fopen(self.path, "rb") else { throw errno == ENOENT ? .missing : .unreadable(errno) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: Self.limit + 1)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        guard ferror(file) == 0 else { throw .unreadable(errno) }
        guard bytes.count <= Self.limit else { throw .tooLarge }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else { throw .notText }
        return text
    }
}
