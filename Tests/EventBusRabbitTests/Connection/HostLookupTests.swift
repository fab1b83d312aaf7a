// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Dispatch
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import EventBusRabbit

@Suite("Name resolution")
struct HostLookupTests {
    private static let far = NIODeadline.distantFuture
    private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let host = RabbitConfiguration.Host(name: "name", port: 1)

    @Test("An address is its own answer, and asks nobody")
    func address() async throws {
        let lookup = HostLookup { _ in throw ConnectionFailure(.unreachable, "was asked") }
        for name in ["10.0.0.1", "::1"] {
            let host = RabbitConfiguration.Host(name: name, port: 7)
            let found = try await lookup.addresses(of: host, until: HostLookupTests.far, on: self.eventLoop)
            #expect(found == [try SocketAddress(ipAddress: name, port: 7)])
        }
    }

    @Test("Who asks for a host that is being looked up gets that answer")
    func together() async throws {
        let answer = try SocketAddress(ipAddress: "10.0.0.1", port: 1)
        let isAsked = DispatchSemaphore(value: 0)
        let count = Mutex(0)
        let lookup = HostLookup { _ in
            count.withLock { $0 += 1 }
            isAsked.wait()
            return [answer]
        }
        let promises = (0..<3).map { _ in self.eventLoop.makePromise(of: [SocketAddress].self) }
        for promise in promises { lookup.find(self.host, promise) }
        // Whoever gives up does not disturb the others.
        promises[1].fail(CancellationError())
        isAsked.signal()
        #expect(try await promises[0].futureResult.get() == [answer])
        #expect(try await promises[2].futureResult.get() == [answer])
        await #expect(throws: CancellationError.self) { try await promises[1].futureResult.get() }
        #expect(count.withLock { $0 } == 1)
        isAsked.signal()
        _ = try await lookup.addresses(of: self.host, until: HostLookupTests.far, on: self.eventLoop)
        #expect(count.withLock { $0 } == 2)
    }

    @Test("Whoever waits until the deadline, or is cancelled, waits no longer")
    func patience() async throws {
        let isAsked = DispatchSemaphore(value: 0)
        let lookup = HostLookup { _ in
            isAsked.wait()
            return []
        }
        await #expect(throws: ConnectionFailure(.unreachable, "the name was not resolved in time")) {
            try await lookup.addresses(of: self.host, until: .now(), on: self.eventLoop)
        }
        let cancelled = Task { [host, eventLoop] in
            try await lookup.addresses(of: host, until: HostLookupTests.far, on: eventLoop)
        }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        isAsked.signal()
    }

    @Test("The operating system knows localhost, each address once, and no name that cannot exist (RFC 6761)")
    func system() async throws {
        let local = RabbitConfiguration.Host(name: "localhost", port: 5)
        let found = try await HostLookup.shared.addresses(of: local, until: HostLookupTests.far, on: self.eventLoop)
        #expect(found.contains { $0.ipAddress == "127.0.0.1" || $0.ipAddress == "::1" })
        #expect(Set(found).count == found.count && found.allSatisfy { $0.port == 5 })
        let none = RabbitConfiguration.Host(name: "broker.invalid", port: 5)
        let error = await #expect(throws: ConnectionFailure.self) {
            try await HostLookup.shared.addresses(of: none, until: HostLookupTests.far, on: self.eventLoop)
        }
        #expect(error?.text.hasPrefix("the name cannot be resolved: ") == true)
    }
}
