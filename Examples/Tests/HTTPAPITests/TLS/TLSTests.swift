// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Foundation
import Hummingbird
import NIOSSL
import Testing

@testable import HTTPAPI

@Suite("HTTP over TLS", .timeLimit(.minutes(1)))
struct TLSTests {
    static let request = "GET /healthz HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"

    static func configuration(_ certificate: TestCertificate) -> HTTPAPI.ServerConfiguration {
        var configuration = HTTPAPI.ServerConfiguration(port: 0)
        configuration.tls = certificate.files
        return configuration
    }

    static func text(port: Int, _ context: NIOSSLContext?, _ request: String = request) async throws -> String {
        try await RawConnection.with(port: port, tls: context) { connection in
            try await connection.send(request)
            return try await connection.readToEnd()
        }
    }

    @Test("requests are served over TLS 1.2 and 1.3", arguments: [TLSVersion.tlsv12, .tlsv13])
    func serves(_ version: TLSVersion) async throws {
        let certificate = try TestCertificate()
        try await withServer(.api(), Self.configuration(certificate)) { port in
            let text = try await Self.text(port: port, certificate.client(maximumVersion: version))
            #expect(text.hasPrefix("HTTP/1.1 200 "), "\(text)")
        }
    }

    @Test("older versions are refused where these are served", arguments: [TLSVersion.tlsv1, .tlsv11])
    func oldVersions(_ version: TLSVersion) async throws {
        let certificate = try TestCertificate()
        try await withServer(.api(), Self.configuration(certificate)) { port in
            let error = try await HandshakeError.text(port: port, certificate.client(maximumVersion: version))
            #expect(error.contains("TLSV1_ALERT_PROTOCOL_VERSION"), "RFC 8446 appendix D.5: \(error)")
            for version in [TLSVersion.tlsv12, .tlsv13] {
                let text = try await Self.text(port: port, certificate.client(maximumVersion: version))
                #expect(text.hasPrefix("HTTP/1.1 200 "), "\(text)")
            }
        }
    }

    @Test("nothing is served without TLS on the port", arguments: [request, "\r\n", "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}"])
    func plainText(_ request: String) async throws {
        let certificate = try TestCertificate()
        try await withServer(.api(), Self.configuration(certificate)) { port in
            // What comes is an alert of TLS or nothing.
            let text = (try? await Self.text(port: port, nil, request + String(repeating: "x", count: 100))) ?? ""
            #expect(!text.contains("HTTP/"))
            let answer = try await Self.text(port: port, certificate.client())
            #expect(answer.hasPrefix("HTTP/1.1 200 "))
        }
    }

    @Test("the health check speaks TLS as the server does, whatever the certificate's name is")
    func healthCheck() async throws {
        let certificate = try TestCertificate()
        try await withServer(.api(), Self.configuration(certificate)) { port in
            var configuration = Self.configuration(certificate)
            configuration.port = port
            // On a busy machine the usual 3 s are not enough.
            try await configuration.checkHealth(within: .seconds(50))
            configuration.tls = nil
            let plain = HTTPClient(configuration)
            let failure = await #expect(throws: HTTPClient.Failure.self) {
                try await plain.send("GET", HealthAPI.livenessPath)
            }
            #expect(failure?.description == "the answer is not HTTP/1.1")
        }
    }

    @Test("work for a client that is gone is dropped")
    func gone() async throws {
        let certificate = try TestCertificate()
        let hasher = WaitingHasher()
        try await withServer(.api(hasher: hasher), Self.configuration(certificate)) { port in
            try await RawConnection.with(port: port, tls: certificate.client()) { connection in
                let body = ConnectionTests.body
                try await connection.send(ConnectionTests.registration("Content-Length: \(body.utf8.count)") + body)
                try await eventually(within: .seconds(50), "the hasher to be asked") { hasher.waiting == 1 }
            }
            try await eventually(within: .seconds(50), "the work to be dropped") { hasher.cancelled == 1 }
        }
    }

    @Test("a certificate that cannot be used ends the start")
    func unusable() async throws {
        let certificate = try TestCertificate()
        try certificate.write(Data("nothing".utf8), to: certificate.files.key)
        let error = await #expect(throws: ConfigurationError.self) {
            try await withServer(.api(), Self.configuration(certificate)) { _ in }
        }
        #expect(error?.variable == "HTTP_TLS_KEY_FILE")
    }
}
