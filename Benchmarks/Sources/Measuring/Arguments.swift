// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A program's arguments: what to measure, then pairs of `--name value`.
package struct Arguments: Sendable {
    /// What to measure.
    package let command: String
    private let values: [String: String]

    /// A call that makes no sense, or a measurement that is worth nothing.
    package struct Failure: Error, CustomStringConvertible {
        /// What went wrong.
        package let description: String

        /// Makes a failure of what went wrong.
        package init(_ description: String) { self.description = description }
    }

    /// Reads the arguments of this process.
    package init() throws {
        let all = Array(CommandLine.arguments.dropFirst())
        guard let command = all.first, all.count % 2 == 1 else {
            throw Failure("usage: \(CommandLine.arguments[0]) WHAT [--name value]…")
        }
        self.command = command
        var values: [String: String] = [:]
        for index in stride(from: 1, to: all.count, by: 2) {
            guard all[index].hasPrefix("--") else { throw Failure("\(all[index]) is no option") }
            values[String(all[index].dropFirst(2))] = all[index + 1]
        }
        self.values = values
    }

    /// A text, or what it is when it is not given.
    package func text(_ name: String, or standard: String) -> String { self.values[name] ?? standard }

    /// A number above zero, or what it is when it is not given.
    package func number(_ name: String, or standard: Int) throws -> Int {
        guard let text = self.values[name] else { return standard }
        guard let number = Int(text), number >= 0 else { throw Failure("--\(name) \(text) is no number") }
        return number
    }
}
