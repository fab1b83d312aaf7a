// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Hummingbird
import NIOSSL
import Testing

@testable import HTTPAPI

@Suite("The certificate of a server", .timeLimit(.minutes(1)))
struct ServerCertificateTests {
    @Test("both settings or neither", arguments: [("HTTP_TLS_CERTIFICATE_FILE", "HTTP_TLS_KEY_FILE")])
    func settings(_ certificate: String, _ key: String) throws {
        #expect(try SettingsTests.configuration([:]).tls == nil)
        let both = try SettingsTests.configuration([certificate: "/a.pem", key: "/b.pem"])
        #expect(both.tls == TLSFiles(certificate: "/a.pem", key: "/b.pem"))
        for (variable, other) in [(certificate, key), (key, certificate)] {
            let missing = #expect(throws: ConfigurationError.self) {
                try SettingsTests.configuration([variable: "/a.pem"])
            }
            #expect(missing?.variable == other)
            #expect(missing?.problem.contains(variable) == true)
            let empty = #expect(throws: ConfigurationError.self) {
                try SettingsTests.configuration([variable: "", other: "/a.pem"])
            }
            #expect(empty?.variable == variable)
        }
    }

    @Test("files that cannot be used are refused by the names of their variables")
    func unusable() throws {
        let own = try TestCertificate()
        let other = try TestCertificate()
        let nothing = try TestCertificate()
        try nothing.write(Data("no PEM".utf8), to: nothing.files.certificate)
        try nothing.write(Data(), to: nothing.files.key)
        let cases = [
            (TLSFiles(certificate: "/nowhere/a.pem", key: own.files.key), "HTTP_TLS_CERTIFICATE_FILE"),
            (TLSFiles(certificate: own.files.certificate, key: "/nowhere/a.pem"), "HTTP_TLS_KEY_FILE"),
            (TLSFiles(certificate: nothing.files.certificate, key: own.files.key), "HTTP_TLS_CERTIFICATE_FILE"),
            (TLSFiles(certificate: own.files.key, key: own.files.key), "HTTP_TLS_CERTIFICATE_FILE"),
            (TLSFiles(certificate: own.files.certificate, key: nothing.files.key), "HTTP_TLS_KEY_FILE"),
            (TLSFiles(certificate: own.files.certificate, key: own.files.certificate), "HTTP_TLS_KEY_FILE"),
            (
                TLSFiles(certificate: own.files.certificate, key: other.files.key),
                "HTTP_TLS_CERTIFICATE_FILE, HTTP_TLS_KEY_FILE"
            ),
        ]
        for (files, variable) in cases {
            let error = #expect(throws: ConfigurationError.self) {
                try ServerCertificate(files, logger: LogRecorder().logger).load()
            }
            #expect(error?.variable == variable)
        }
        try ServerCertificate(own.files, logger: LogRecorder().logger).load()
    }

    @Test("without a certificate no connection is set up")
    func notLoaded() throws {
        let certificate = ServerCertificate(try TestCertificate().files, logger: LogRecorder().logger)
        #expect(throws: ServerCertificate.NotLoaded.self) { try certificate.context() }
    }

    @Test("a new certificate is taken over, one that cannot be used is logged once and the old one stays")
    func reload() throws {
        let log = LogRecorder()
        let files = try TestCertificate()
        let certificate = ServerCertificate(files.files, logger: log.logger)
        try certificate.load()
        let first = try certificate.context()

        certificate.reload()
        #expect(try certificate.context() === first)
        #expect(log.lines.isEmpty)

        // Half of the change.
        let other = try TestCertificate()
        let key = try Data(contentsOf: URL(filePath: files.files.key))
        try files.replace(with: other)
        try files.write(key, to: files.files.key)
        certificate.reload()
        certificate.reload()
        #expect(try certificate.context() === first)
        #expect(log.lines.count == 1)
        #expect(log.lines.first?.hasPrefix("error") == true)
        #expect(log.lines.first?.contains("HTTP_TLS_KEY_FILE") == true)

        try FileManager.default.removeItem(atPath: files.files.key)
        certificate.reload()
        certificate.reload()
        #expect(log.lines.count == 2)
        #expect(try certificate.context() === first)

        try files.replace(with: other)
        certificate.reload()
        #expect(try certificate.context() !== first)
        #expect(log.lines.count == 3)
        #expect(log.lines.last?.hasPrefix("notice") == true)
    }

    @Test("each change of the reason is logged, and its end, however often they come again")
    func reasons() throws {
        let log = LogRecorder()
        let files = try TestCertificate()
        let good = try Data(contentsOf: URL(filePath: files.files.key))
        let certificate = ServerCertificate(files.files, logger: log.logger)
        try certificate.load()
        let first = try certificate.context()

        func expect(_ level: String, _ text: String) {
            let count = log.lines.count
            for _ in 0..<3 { certificate.reload() }
            #expect(log.lines.count == count + 1, "\(log.lines)")
            #expect(
                log.lines.last?.hasPrefix("\(level) ") == true && log.lines.last?.contains(text) == true,
                "\(log.lines)"
            )
        }
        for _ in 0..<2 {
            try files.write(Data("no PEM".utf8), to: files.files.key)
            expect("error", "without a private key")
            try FileManager.default.removeItem(atPath: files.files.key)
            expect("error", "cannot be read")
            try files.write(Data("no PEM".utf8), to: files.files.key)
            expect("error", "without a private key")
            try files.write(good, to: files.files.key)
            expect("notice", "can be used again")
            try FileManager.default.removeItem(atPath: files.files.key)
            expect("error", "cannot be read")
            try files.write(good, to: files.files.key)
            expect("notice", "can be used again")
        }
        #expect(try certificate.context() === first)
    }

    @Test("connections get the new certificate without a restart")
    func reloadWhileServing() async throws {
        let files = try TestCertificate()
        let other = try TestCertificate()
        let old = try files.client()
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let configuration = TLSTests.configuration(files)
        let server = HTTPServer(.api(), configuration, logger: LogRecorder().logger) { listening.yield($0) }
        let certificate = try #require(server.certificate)
        try await withServer(server, ports) { port in
            #expect(try await TLSTests.text(port: port, old).hasPrefix("HTTP/1.1 200 "))
            try files.replace(with: other)
            certificate.reload()
            #expect(try await TLSTests.text(port: port, other.client()).hasPrefix("HTTP/1.1 200 "))
            let error = try await HandshakeError.text(port: port, old)
            #expect(error.contains("CERTIFICATE_VERIFY_FAILED"), "\(error)")
        }
    }
}
