// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What one run of a benchmark has cost; printed as one line of JSON, for `scripts/bench` to read.
package struct Measurement: Sendable {
    /// How many of what the row counts were done.
    package var operations: Int
    /// The wall time of the part that counts.
    package var seconds: Double
    /// The processor time of this process in that part, that of the system included.
    package var processorSeconds: Double
    /// In microseconds, for rows that measure a latency.
    package var latencies: Latencies?

    /// A point in time and what the process had used by then.
    package struct Start: Sendable {
        let wall: ContinuousClock.Instant
        let processor: Double

        /// Now.
        package init() {
            self.wall = .now
            self.processor = Measurement.processorTime
        }

        /// The wall time since then, in seconds.
        package var seconds: Double { Measurement.seconds(self.wall.duration(to: .now)) }

        /// What has been done since then.
        package func end(operations: Int, latencies: Latencies? = nil) -> Measurement {
            Measurement(
                operations: operations,
                seconds: self.seconds,
                processorSeconds: Measurement.processorTime - self.processor,
                latencies: latencies
            )
        }
    }

    /// Percentiles, in microseconds.
    package struct Latencies: Sendable {
        /// The value that half of all samples are below.
        package let median: Double
        /// The value that 99 of 100 samples are below.
        package let percentile99: Double
        /// The largest sample.
        package let maximum: Double

        /// Sorts the samples, of which there has to be one at least.
        package init(_ samples: [Duration]) {
            let sorted = samples.sorted().map { Measurement.seconds($0) * 1_000_000 }
            self.median = sorted[sorted.count / 2]
            self.percentile99 = sorted[min(sorted.count - 1, sorted.count * 99 / 100)]
            self.maximum = sorted[sorted.count - 1]
        }
    }

    /// Prints the line.
    package func report() {
        var line = #"{"operations": \#(self.operations), "seconds": \#(self.seconds), "#
        line += #""cpu_seconds": \#(self.processorSeconds), "peak_rss_bytes": \#(Self.peakResidentBytes)"#
        if let latencies = self.latencies {
            line += #", "latency_us": {"p50": \#(latencies.median), "p99": \#(latencies.percentile99), "#
            line += #""max": \#(latencies.maximum)}"#
        }
        print(line + "}")
    }

    static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }

    private static var usage: rusage {
        var usage = rusage()
        #if canImport(Glibc)
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
        getrusage(RUSAGE_SELF, &usage)
        #endif
        return usage
    }

    private static var processorTime: Double {
        let usage = Self.usage
        return [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) * 1e-6 }
    }

    private static var peakResidentBytes: Int {
        #if canImport(Darwin)
        Self.usage.ru_maxrss
        #else
        Self.usage.ru_maxrss * 1024
        #endif
    }
}
