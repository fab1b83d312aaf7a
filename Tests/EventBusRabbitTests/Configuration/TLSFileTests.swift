// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation
import NIOCore
import Testing

@testable import EventBusRabbit

@Suite("Files of TLS")
struct TLSFileTests {
    /// Writes a file for the length of `body`.
    private func withFile(_ contents: Data, _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString).pem").path
        try contents.write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func problem(_ query: String) throws -> String {
        let configuration = try RabbitConfiguration(url: "amqps://user:geheim@host?\(query)")
        let error = #expect(throws: BusError.self) { try configuration.checkFiles() }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("geheim") == false)
        return error?.message ?? ""
    }

    @Test("Without files there is nothing to check")
    func none() throws {
        try RabbitConfiguration(url: "amqp://host").checkFiles()
        try RabbitConfiguration(url: "amqps://host").checkFiles()
    }

    @Test(
        "A missing file is named with its parameter",
        arguments: ["cacertfile=/no/a.pem", "certfile=/no/a.pem&keyfile=/no/b"]
    )
    func missing(_ query: String) throws {
        let parameter = try #require(query.split(separator: "=").first)
        #expect(try self.problem(query) == "RabbitMQ URL: \(parameter) /no/a.pem does not exist")
    }

    @Test("A directory is no file")
    func directory() throws {
        #expect(try self.problem("cacertfile=/tmp") == "RabbitMQ URL: cacertfile /tmp is a directory")
    }

    @Test(
        "A malformed file is named, and nothing of it is shown",
        arguments: [
            "", "geheim", "-----BEGIN CERTIFICATE-----\ngeheim\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nZ2VoZWlt\n-----END CERTIFICATE-----\n",
        ]
    )
    func malformed(_ contents: String) throws {
        try self.withFile(Data(contents.utf8)) { path in
            let text = try self.problem("cacertfile=\(path)")
            #expect(text == "RabbitMQ URL: cacertfile \(path) holds no certificate in PEM format, or a malformed one")
        }
    }

    @Test("A file that is too large to be one of certificates is not read to its end")
    func large() throws {
        try self.withFile(Data(count: TLSFile.limit + 1)) { path in
            let text = try self.problem("cacertfile=\(path)")
            #expect(text == "RabbitMQ URL: cacertfile \(path) is larger than 4194304 bytes")
        }
    }

    @Test("A file without a key is none")
    func key() throws {
        try self.withFile(Data("-----BEGIN PRIVATE KEY-----\nZ2VoZWlt\n-----END PRIVATE KEY-----\n".utf8)) { path in
            let file = TLSFile(parameter: "keyfile", path: path)
            let error = #expect(throws: TLSFile.Problem.self) { try file.privateKey() }
            #expect(error?.description == "keyfile \(path) holds no private key in PEM format that is not encrypted")
        }
    }

    @Test(
        "A failed handshake is explained",
        arguments: [
            ("error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER", "does not speak TLS"),
            ("handshakeFailed(NIOSSL.BoringSSLError.sslError([Error:  EOF during handshake]))", "may not speak TLS"),
            ("error:10000418:SSL routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA", "authority of certfile"),
            ("error:1000045c:SSL routines:OPENSSL_internal:TLSV1_ALERT_CERTIFICATE_REQUIRED", "demands a certificate"),
            ("error:10000415:SSL routines:OPENSSL_internal:SSLV3_ALERT_CERTIFICATE_EXPIRED", "time of certfile"),
            ("error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED", "authority of cacertfile"),
        ]
    )
    func hints(_ error: String, _ hint: String) {
        #expect(TLSHint.text(error).contains(hint))
        #expect(TLSHint.text(error).hasSuffix("(\(error))"))
    }

    @Test("Other errors stay as they are")
    func otherErrors() { #expect(TLSHint.text("connection reset by peer") == "connection reset by peer") }

    @Test("A TLS alert where an AMQP frame should be says that the scheme is wrong")
    func alert() {
        var decoder = FrameDecoder()
        decoder.append(ByteBuffer(bytes: [21, 3, 1, 0, 2, 2, 10]))
        let error = #expect(throws: CodecError.self) { try decoder.next() }
        #expect(error.map { "\($0)".contains("amqps://") } == true)
    }
}
