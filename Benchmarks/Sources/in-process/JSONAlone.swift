// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Measuring

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What typed events are compared with: the same event to JSON and back, and nothing else.
enum JSONAlone {
    static func measure(for seconds: Double) throws -> Measurement {
        let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let start = Measurement.Start()
        var count = 0
        while start.seconds < seconds {
            for _ in 0..<128 {
                count += 1
                let data = try encoder.encode(Samples.Registered(number: count))
                let event = try decoder.decode(Samples.Registered.self, from: data)
                guard event.number == count else { throw BenchmarkFailure("the event came back changed") }
            }
        }
        return start.end(operations: count)
    }
}
