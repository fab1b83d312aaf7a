// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import HTTPAPI
import NIOSSL
import Testing

/// A folder with a certificate that signs itself, and its key, made by `openssl`.
final class TestCertificate: Sendable {
    let files: TLSFiles
    private let folder: URL

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "certificate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
        self.files = TLSFiles(
            certificate: folder.appending(path: "certificate.pem").path,
            key: folder.appending(path: "key.pem").path
        )
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"]
            + ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
            + ["-keyout", self.files.key, "-out", self.files.certificate]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    deinit { try? FileManager.default.removeItem(at: self.folder) }

    /// Puts the certificate and the key of another one into the place of these.
    func replace(with other: TestCertificate) throws {
        try self.write(Data(contentsOf: URL(filePath: other.files.certificate)), to: self.files.certificate)
        try self.write(Data(contentsOf: URL(filePath: other.files.key)), to: self.files.key)
    }

    func write(_ data: Data, to path: String) throws {
        try data.write(to: URL(filePath: path), options: .atomic)
    }

    /// A client that trusts this certificate and no other one.
    func client(maximumVersion: TLSVersion? = nil) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(self.files.certificate))
        configuration.certificateVerification = .noHostnameVerification
        configuration.minimumTLSVersion = .tlsv1
        configuration.maximumTLSVersion = maximumVersion
        return try NIOSSLContext(configuration: configuration)
    }
}
