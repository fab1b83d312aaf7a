// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A fresh identifier and the instant at which it was made: what every event and every entity starts with.
///
/// All ids and times come from one source, so that a test or a simulation decides them by replacing it.
public struct Stamp: Sendable, Hashable {
    /// A new identifier, a UUIDv7 (RFC 9562 §5.7): later stamps of one source have greater ids.
    public let id: Identifier

    /// The instant, in whole milliseconds.
    public let time: Date

    /// Makes a stamp of its parts.
    public init(id: Identifier, time: Date) {
        self.id = id
        self.time = time
    }

    /// The next stamp of the source in effect: the system's clock and random numbers unless ``withSource(_:_:)`` says otherwise.
    public static func next() -> Stamp {
        Self.source.next()
    }

    /// Runs `body` with another source of ids and times, for it and for all tasks that it starts.
    public static func withSource<Result>(
        _ source: any StampSource,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        try await Self.$source.withValue(source, operation: body)
    }

    @TaskLocal private static var source: any StampSource = SystemStampSource()
}

/// Where ids and times come from.
public protocol StampSource: Sendable {
    /// A stamp that no earlier call has returned.
    func next() -> Stamp
}

/// Stamps from the wall clock and the system's random numbers; ids rise strictly, also within a millisecond.
private final class SystemStampSource: StampSource {
    private struct State: Sendable {
        var generator = UUIDv7Generator()
        var random = SystemRandomNumbers()
    }

    private let state = Mutex(State())

    func next() -> Stamp {
        let milliseconds = UInt64(max(0, Date().timeIntervalSince1970 * 1000))
        let (id, time) = self.state.withLock { state in
            state.generator.next(milliseconds: milliseconds, random: state.random.next())
        }
        return Stamp(id: id, time: Date(timeIntervalSince1970: Double(time) / 1000))
    }
}
