// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The command line's options.
struct Options {
    /// An argument that is not understood.
    struct Problem: Error {
        let text: String
    }

    var seeds: ClosedRange<UInt64> = 1...1000
    var isTwice = false
    var stopsAtFirst = false
    var isVerbose = false
    var scenario = Scenario.wholeFlow

    /// What is simulated.
    enum Scenario: String, CaseIterable {
        case wholeFlow = "whole-flow"
        case rollingUpgrade = "rolling-upgrade"
    }

    init(_ words: some Sequence<String>) throws(Problem) {
        var words = Array(words)[...]
        var first: UInt64 = 1
        var count: UInt64 = 1000
        while let word = words.popFirst() {
            switch word {
            case "--seeds": count = try Self.number(after: word, &words)
            case "--from": first = try Self.number(after: word, &words)
            case "--seed":
                first = try Self.number(after: word, &words)
                count = 1
                self.isVerbose = true
            case "--scenario":
                let name = words.popFirst() ?? ""
                guard let scenario = Scenario(rawValue: name) else {
                    let names = Scenario.allCases.map(\.rawValue).joined(separator: " or ")
                    throw Problem(text: "--scenario needs \(names)")
                }
                self.scenario = scenario
            case "--twice": self.isTwice = true
            case "--stop-at-first": self.stopsAtFirst = true
            default: throw Problem(text: "\(word) is unknown")
            }
        }
        self.seeds = first...(first + count - 1)
    }

    private static func number(after word: String, _ words: inout ArraySlice<String>) throws(Problem) -> UInt64 {
        guard let text = words.popFirst(), let number = UInt64(text), (1...1_000_000_000).contains(number) else {
            throw Problem(text: "\(word) needs a number from 1 to 1000000000")
        }
        return number
    }
}
