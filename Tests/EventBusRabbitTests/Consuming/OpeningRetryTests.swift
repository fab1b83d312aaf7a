// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Logging
import ServiceLifecycle
import Testing

@testable import EventBusRabbit

@Suite("Opening a subscription again")
struct OpeningRetryTests {
    private let wedged = ConnectionFailure(.closedByBroker(541), "541 INTERNAL_ERROR")

    @Test(
        "A queue without a leader is asked for again after longer and longer pauses, and after nine times in a row the failure is told",
        arguments: [
            (.closedByBroker(541), "541 INTERNAL_ERROR"),
            (
                .channelClosed(404),
                "404 NOT_FOUND - home node 'a@b' of durable queue 'q' in vhost '/' is down or inaccessible"
            ),
            (.channelClosed(404), "404 NOT_FOUND - queue 'q' in vhost '/' process is stopped by supervisor"),
        ] as [(ConnectionFailure.Code, String)]
    )
    func again(_ code: ConnectionFailure.Code, _ text: String) {
        for error in [ConnectionFailure(code, text), ConnectionFailure(code, text).busError(.unavailable)]
            as [any Error]
        {
            var retry = OpeningRetry()
            let pauses = (0..<20).map { _ in retry.next(after: error, of: "s") }
            let growing = [250, 500, 750, 1000, 1250, 1500, 1750, 2000].map { Duration?.some(.milliseconds($0)) }
            #expect(Array(pauses.prefix(8)) == growing)
            // Each call after that has one try: the count does not begin anew.
            #expect(pauses.dropFirst(8).allSatisfy { $0 == nil })
        }
    }

    @Test("The count of a subscription begins anew after an opening or another failure, and others have their own")
    func anew() {
        var retry = OpeningRetry()
        for isOpened in [true, false] {
            for _ in 0..<10 { _ = retry.next(after: self.wedged, of: "s") }
            #expect(retry.next(after: self.wedged, of: "s") == nil)
            #expect(retry.next(after: self.wedged, of: isOpened ? "t" : "u") == .milliseconds(250))
            if isOpened {
                retry.ended("s")
            } else {
                #expect(retry.next(after: ConnectionFailure(.lost, "lost"), of: "s") == nil)
            }
            #expect(retry.next(after: self.wedged, of: "s") == .milliseconds(250))
        }
    }

    @Test(
        "What would change nothing, and what is not the broker's answer, is not repeated",
        arguments: [
            .channelClosed(404), .channelClosed(403), .channelClosed(406), .closedByBroker(403), .lost, .silent,
            .unreachable,
            .cancelled,
        ] as [ConnectionFailure.Code]
    )
    func notAgain(_ code: ConnectionFailure.Code) {
        var retry = OpeningRetry()
        #expect(retry.next(after: ConnectionFailure(code, "no queue 'q' in vhost '/'"), of: "s") == nil)
        #expect(retry.next(after: CancellationError(), of: "s") == nil)
    }

    private struct Waiting: Service {
        let begun: AsyncStream<Void>.Continuation
        let goesOn: AsyncStream<Bool>.Continuation

        func run() async throws {
            self.begun.yield()
            self.goesOn.yield(try await OpeningRetry.goesOn(after: .seconds(3600)))
        }
    }

    @Test("A pause ends at once when the program shuts down, and nothing is tried any more")
    func shutdown() async throws {
        let (begun, goesOn) = (AsyncStream.makeStream(of: Void.self), AsyncStream.makeStream(of: Bool.self))
        let services = ServiceGroup(
            services: [Waiting(begun: begun.continuation, goesOn: goesOn.continuation)],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        async let run: Void = services.run()
        for await _ in begun.stream { break }
        await services.triggerGracefulShutdown()
        for await isWanted in goesOn.stream {
            #expect(!isWanted)
            break
        }
        try? await run
        #expect(try await OpeningRetry.goesOn(after: .zero))
    }
}
