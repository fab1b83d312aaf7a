// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// From where a request comes, as far as limits tell clients apart: an IPv4 address, or the network of an IPv6 address.
///
/// Of IPv6 the first 64 bits count, since whoever has one address usually has all of its network (RFC 6177).
struct ClientAddress: Sendable, Hashable {
    /// The address of the connection that the task answers.
    @TaskLocal static var peer: SocketAddress?

    /// 4 or 8 bytes.
    let bytes: [UInt8]

    /// - Returns: `nil` for sockets in the file system.
    init?(_ address: SocketAddress) {
        let socket = address.withSockAddr { pointer, size in Array(UnsafeRawBufferPointer(start: pointer, count: size))
        }
        switch address {
        // Family and port come first, and of IPv6 the flow as well (RFC 3493 §3.3).
        case .v4: self.bytes = Array(socket[4..<8])
        case .v6:
            let all = socket[8..<24]
            // An IPv4 address on a socket of IPv6 (RFC 4291 §2.5.5.2).
            let isMapped = all.prefix(12) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
            self.bytes = isMapped ? Array(all.suffix(4)) : Array(all.prefix(8))
        case .unixDomainSocket: return nil
        }
    }

    /// Reads an address as proxies write it: alone, in brackets or with a port (RFC 7239 §6).
    init?(_ text: some StringProtocol) {
        var host = text[...]
        if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
            host = host[..<end].dropFirst()
        } else if host.utf8.count(where: { $0 == UInt8(ascii: ":") }) == 1, let colon = host.firstIndex(of: ":") {
            host = host[..<colon]
        }
        let end = host.firstIndex(of: "%") ?? host.endIndex
        guard let address = try? SocketAddress(ipAddress: String(host[..<end]), port: 0) else { return nil }
        self.init(address)
    }
}
