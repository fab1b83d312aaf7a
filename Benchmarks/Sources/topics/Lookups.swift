// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Measuring

/// Topics looked up among patterns, each pattern with a target of its own.
struct Lookups {
    /// How many targets all topics have together, as in the baseline.
    private static let targets = [1000: 159_002, 100_000: 5_941_294]

    private let keys: Keys
    private var router = TopicRouter<Int>()

    init(patterns: Int) throws {
        self.keys = try Keys(patterns: patterns)
        for (target, pattern) in self.keys.patterns.enumerated() { self.router.bind(target, to: pattern) }
    }

    /// Topics one after the other, so many that an answer is forgotten before it is asked for again.
    mutating func measureUnseen(for seconds: Double) throws -> Measurement {
        let found = self.lookUp(self.keys.topics[...])
        if let expected = Self.targets[self.keys.patterns.count], expected != found {
            throw BenchmarkFailure("\(found) targets, not \(expected)")
        }
        return self.measure(self.keys.topics[...], for: seconds)
    }

    /// A hundred topics again and again.
    mutating func measureSeen(for seconds: Double) throws -> Measurement {
        self.measure(self.keys.topics.prefix(100), for: seconds)
    }

    private mutating func measure(_ topics: ArraySlice<Topic>, for seconds: Double) -> Measurement {
        _ = self.lookUp(topics)
        let start = Measurement.Start()
        var (count, found) = (0, 0)
        while start.seconds < seconds {
            // The clock is looked at now and then only.
            for _ in 0..<max(1, 10_000 / topics.count) {
                found += self.lookUp(topics)
                count += topics.count
            }
        }
        precondition(found > 0)
        return start.end(operations: count)
    }

    private mutating func lookUp(_ topics: ArraySlice<Topic>) -> Int {
        var found = 0
        for topic in topics { found += self.router.targets(of: topic).count }
        return found
    }
}
