// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What a failed TLS handshake means for whoever configures it; BoringSSL only says what it has seen.
enum TLSHint {
    /// The first byte of a TLS record that is an alert (RFC 8446 §5.1); no AMQP frame has this type.
    ///
    /// It is what a TLS server answers to AMQP's greeting.
    static let alert: UInt8 = 21

    static let missing = "the server speaks TLS at this port: the URL must begin with amqps://"

    private static let hints: KeyValuePairs = [
        "WRONG_VERSION_NUMBER":
            "the server does not speak TLS at this port; RabbitMQ's port for amqps:// usually is 5671",
        "EOF during handshake": "the server has ended the handshake; it may not speak TLS at this port",
        "UNKNOWN_CA": "the server does not trust the authority of certfile",
        "CERTIFICATE_REQUIRED": "the server demands a certificate of this program: certfile and keyfile",
        "CERTIFICATE_EXPIRED": "the server says that the time of certfile is over",
        "BAD_CERTIFICATE": "the server refuses certfile, or demands it and got none",
        "HANDSHAKE_FAILURE": "the server refuses the handshake; it may demand certfile and keyfile",
        "CERTIFICATE_VERIFY_FAILED":
            "the server's certificate is not signed by an authority of cacertfile, or its time is over",
    ]

    /// The text of an error, after what it means if that is known.
    static func text(_ error: String) -> String {
        guard let hint = Self.hints.first(where: { error.contains($0.key) })?.value else { return error }
        return "\(hint) (\(error))"
    }
}
