// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// The command line's options.
struct Arguments {
    struct Wrong: Error, CustomStringConvertible { let description: String }

    var programs = 1000
    var firstSeed: UInt64 = 1
    var workers = 16
    var stopsAtFirst = false

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            switch name {
            case "--programs": self.programs = try Self.number(&rest, after: name)
            case "--seed":
                self.firstSeed = try Self.number(&rest, after: name)
                self.programs = 1
            case "--first-seed": self.firstSeed = try Self.number(&rest, after: name)
            case "--workers": self.workers = try Self.number(&rest, after: name)
            case "--stop-at-first": self.stopsAtFirst = true
            default: throw Wrong(description: "unknown argument \(name)")
            }
        }
    }

    private static func number<Number: FixedWidthInteger>(_ rest: inout ArraySlice<String>, after name: String) throws
        -> Number
    {
        guard let text = rest.popFirst(), let number = Number(text), number > 0 else {
            throw Wrong(description: "\(name) needs a number above zero")
        }
        return number
    }
}
