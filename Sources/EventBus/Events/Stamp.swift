// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Synchronization

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A new identifier and the time of its creation, as every event and every entity needs them.
///
/// All ids and times come from one source, which a test or a simulation can replace to control them.
public struct Stamp: Sendable, Hashable {
    /// A new identifier, a UUIDv7 (RFC 9562 §5.7); later stamps of one source have greater ids.
    public let id: Identifier

    /// The time, in whole milliseconds.
    ///
    /// It can differ from the time that the id contains: ids keep ascending when the clock is set back.
    public let time: Date

    /// Creates a stamp from its parts.
    public init(id: Identifier, time: Date) {
        self.id = id
        self.time = time
    }

    /// Returns the next stamp of the current source.
    ///
    /// By default this is the system's clock and random numbers; ``withSource(_:_:)`` replaces it.
    public static func next() -> Stamp {
        Self.source.next()
    }

    /// Runs `body` with another source of ids and times, which also applies to all child tasks.
    public static func withSource<Result>(
        _ source: any StampSource,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        try await Self.$source.withValue(source, operation: body)
    }

    @TaskLocal private static var source: any StampSource = SystemStampSource()
}

/// A source of ids and times.
public protocol StampSource: Sendable {
    /// Returns a stamp that no earlier call has returned.
    func next() -> Stamp
}

/// Creates stamps from the wall clock and the system's random numbers; ids increase strictly, even within a millisecond.
final class SystemStampSource: StampSource {
    private struct State: Sendable {
        var generator = UUIDv7Generator()
        var random = SystemRandomNumbers()
    }

    private let today: @Sendable () -> Date
    private let state = Mutex(State())

    /// - Parameter today: returns the time of day.
    init(today: @escaping @Sendable () -> Date = { Date() }) {
        self.today = today
    }

    func next() -> Stamp {
        let milliseconds = UInt64(max(0, self.today().timeIntervalSince1970 * 1000))
        return self.state.withLock { state in
            state.generator.stamp(milliseconds: milliseconds, random: state.random.next())
        }
    }
}

extension UUIDv7Generator {
    /// Returns the next id with the time of the clock.
    package mutating func stamp(milliseconds: UInt64, random: UInt64) -> Stamp {
        let id = self.next(milliseconds: milliseconds, random: random)
        return Stamp(id: id, time: Date(timeIntervalSince1970: Double(milliseconds) / 1000))
    }
}
