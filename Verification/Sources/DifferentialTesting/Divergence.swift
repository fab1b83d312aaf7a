// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension Differential {
    /// The two buses behave differently.
    package struct Divergence: Error, CustomStringConvertible {
        /// The seed of the program.
        package let seed: UInt64
        /// The program up to where the buses differ, and what each of them does there.
        package let description: String

        init(seed: UInt64, _ text: String) {
            self.seed = seed
            self.description = text
        }
    }

    /// A program ran so slowly that retries came back at the wrong moment.
    ///
    /// That says nothing about the bus, unless it keeps happening, since retries that are too early look the same. Run the program
    /// again with other subscriptions.
    package struct TooSlow: Error {}
}

extension Differential.Divergence {
    /// Creates a divergence from the first difference of two traces; `nil` when there is none.
    init?(seed: UInt64, model: Trace, other: Trace, of count: Int) {
        let actions = model.actions
        let texts = (model.seen.map(\.text), other.seen.map(\.text))
        let end = max(texts.0.count, texts.1.count)
        let place = (0..<end).first { index in
            index >= texts.0.count || index >= texts.1.count || texts.0[index] != texts.1[index]
        }
        guard let place = place ?? (end < count ? end : nil) else { return nil }
        let head = "program \(seed): the buses part at action \(place + 1) of \(count)"
        let lines = Self.lines(actions.prefix(place + 1), texts.0.prefix(place))
        let sides = Self.side("in-process", texts.0, place) + Self.side("other bus", texts.1, place)
        self.init(seed: seed, ([head] + lines + sides).joined(separator: "\n"))
    }

    /// Creates a divergence for a program in which the in-process bus itself gets stuck.
    init(seed: UInt64, stuck model: Trace, _ error: any Error) {
        let head = "program \(seed): the in-process bus gets stuck: \(error)"
        let lines = Self.lines(model.actions[...], model.seen.map(\.text)[...])
        self.init(seed: seed, ([head] + lines).joined(separator: "\n"))
    }

    /// Actions, each with what was observed.
    static func lines(_ actions: ArraySlice<Action>, _ texts: ArraySlice<[String]>) -> [String] {
        actions.indices.flatMap { index in
            ["\(index + 1). \(actions[index])"] + (index < texts.count ? texts[index].map { "       \($0)" } : [])
        }
    }

    private static func side(_ name: String, _ texts: [[String]], _ place: Int) -> [String] {
        guard place < texts.count else { return ["    -- \(name): does not get that far"] }
        let text = texts[place].isEmpty ? ["nothing to see"] : texts[place]
        return text.map { "    -- \(name): \($0)" }
    }
}
