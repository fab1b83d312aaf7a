// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A program's arguments: what to measure, then pairs of `--name value`.
package struct Arguments: Sendable {
    /// What to measure.
    package let command: String
    private let values: [String: String]

    /// Reads the arguments of this process.
    ///
    /// - Parameter options: for each command the names that it takes; others would be measured as if they were not there.
    package init(_ options: [String: [String]]) throws {
        let all = Array(CommandLine.arguments.dropFirst())
        guard let command = all.first, let names = options[command], all.count % 2 == 1 else {
            throw BenchmarkFailure("usage: \(options.keys.sorted().joined(separator: "|")) [--name value]…")
        }
        self.command = command
        var values: [String: String] = [:]
        for index in stride(from: 1, to: all.count, by: 2) {
            guard let name = names.first(where: { "--\($0)" == all[index] }) else {
                throw BenchmarkFailure("\(all[index]) is no option of \(command)")
            }
            values[name] = all[index + 1]
        }
        self.values = values
    }

    /// A text, or what it is when it is not given.
    package func text(_ name: String, or standard: String) -> String { self.values[name] ?? standard }

    /// A whole number of at least 1, or what it is when it is not given.
    package func number(_ name: String, or standard: Int, atLeast least: Int = 1) throws -> Int {
        guard let text = self.values[name] else { return standard }
        guard let number = Int(text), number >= least else {
            throw BenchmarkFailure("--\(name) \(text) is no number of at least \(least)")
        }
        return number
    }
}
