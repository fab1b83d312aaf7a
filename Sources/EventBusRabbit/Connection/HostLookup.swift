// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Dispatch
import NIOCore
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Name resolution, which blocks: on another thread, and once for all who ask for a host while it is being looked up.
///
/// With a name server that is silent, at most one thread per host waits for it, however many connections are tried.
final class HostLookup: Sendable {
    typealias Host = RabbitConfiguration.Host

    static let shared = HostLookup(resolve: HostLookup.resolve)

    private let resolve: @Sendable (Host) throws -> [SocketAddress]
    private let waiting = Mutex<[Host: [EventLoopPromise<[SocketAddress]>]]>([:])

    init(resolve: @escaping @Sendable (Host) throws -> [SocketAddress]) {
        self.resolve = resolve
    }

    /// The addresses of a host, at least one.
    ///
    /// - Throws: ``ConnectionFailure``; `CancellationError`.
    func addresses(
        of host: Host,
        until deadline: NIODeadline,
        on eventLoop: any EventLoop
    ) async throws -> [SocketAddress] {
        if let address = try? SocketAddress(ipAddress: host.name, port: host.port) { return [address] }
        let found = eventLoop.makePromise(of: [SocketAddress].self)
        let timer = eventLoop.scheduleTask(deadline: deadline) {
            found.fail(ConnectionFailure(.unreachable, "the name was not resolved in time"))
        }
        defer { timer.cancel() }
        self.find(host, found)
        return try await withTaskCancellationHandler {
            try await found.futureResult.get()
        } onCancel: {
            found.fail(CancellationError())
        }
    }

    /// Completes the promise with the addresses, unless that is done already.
    func find(_ host: Host, _ found: EventLoopPromise<[SocketAddress]>) {
        let isFirst = self.waiting.withLock { waiting in
            waiting[host, default: []].append(found)
            return waiting[host]?.count == 1
        }
        if isFirst { DispatchQueue.global().async { self.lookUp(host) } }
    }

    private func lookUp(_ host: Host) {
        let result = Result { try self.resolve(host) }
        let promises = self.waiting.withLock { $0.removeValue(forKey: host) ?? [] }
        for promise in promises { promise.completeWith(result) }
    }

    /// Asks the operating system.
    private static func resolve(_ host: Host) throws -> [SocketAddress] {
        var list: UnsafeMutablePointer<addrinfo>?
        // Without hints Linux leaves out IPv6 addresses that this machine has no way to.
        let status = getaddrinfo(host.name, String(host.port), nil, &list)
        guard status == 0 else {
            throw ConnectionFailure(
                .unreachable,
                "the name cannot be resolved: \(String(cString: gai_strerror(status)))"
            )
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next?.pointee {
            next = entry.ai_next
            // There is one entry for each type of socket.
            guard let address = HostLookup.address(entry), !addresses.contains(address) else { continue }
            addresses.append(address)
        }
        guard !addresses.isEmpty else { throw ConnectionFailure(.unreachable, "the name has no address") }
        return addresses
    }

    private static func address(_ entry: addrinfo) -> SocketAddress? {
        switch entry.ai_family {
        case AF_INET: entry.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
        case AF_INET6: entry.ai_addr.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
        default: nil
        }
    }
}
