// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusTesting
import Testing

@testable import EventBus

@Suite("Topics and patterns")
struct TopicTests {
    private static let longest = String(repeating: "ä.", count: 84) + "xyz"  // 84 × 3 + 3 bytes

    @Test(arguments: ["user.created", "user", "a.b.c.d", "User-1_x.Ü", "1", "a:b/c", longest])
    func validNamesAreTopicsAndPatterns(name: String) throws {
        #expect(try Topic(name).name == name)
        #expect(try TopicPattern(name).text == name)
        #expect(try TopicPattern(Topic(name)).text == name)
    }

    @Test(arguments: [
        ("", "empty"), (".", "empty word"), ("user.", "empty word"), (".user", "empty word"), ("a..b", "empty word"),
        ("a b", "white space"), ("a\t", "white space"), ("a.\n", "white space"), ("a\u{0}", "control"),
        ("a\u{7F}", "control"), (longest + "x", "256 bytes"),
    ])
    func invalidNamesAreRefusedWithTheNameAndTheRule(name: String, rule: String) {
        let error = #expect(throws: BusError.self) { try Topic(name) }
        #expect(error?.code == .invalidTopic)
        #expect(error?.message.hasPrefix("topic \(name.debugDescription): ") == true)
        #expect(error?.message.contains(rule) == true)
        let patternError = #expect(throws: BusError.self) { try TopicPattern(name) }
        #expect(patternError?.code == .invalidTopic)
        #expect(patternError?.message.hasPrefix("topic pattern \(name.debugDescription): ") == true)
        #expect(patternError?.message.contains(rule) == true)
    }

    @Test(arguments: ["*", "#", "user.*", "*.created", "user.#", "#.created", "a.*.#", "#.#"])
    func onlyPatternsContainWildcards(text: String) throws {
        #expect(try TopicPattern(text).text == text)
        #expect(throws: BusError.self) { try Topic(text) }
    }

    @Test(arguments: ["#.#.#", "#.a.#.b.#", "a.#.#.#.#"])
    func aPatternHasAtMostTwoWildcardsForManyWords(text: String) {
        let error = #expect(throws: BusError.self) { try TopicPattern(text) }
        #expect(error?.code == .invalidTopic)
        #expect(error?.message.contains("must have at most 2") == true)
    }

    @Test(arguments: ["user.cr*", "#x", "**", "##", "a.*b.c", "*#"])
    func aWildcardIsAWholeWord(text: String) {
        let error = #expect(throws: BusError.self) { try TopicPattern(text) }
        #expect(error?.code == .invalidTopic)
        #expect(throws: BusError.self) { try Topic(text) }
    }

    @Test func aTopicSplitsIntoWords() {
        #expect(Topic("user.address.changed").words == ["user", "address", "changed"])
        #expect(Topic(foreign: "a..b.").words == ["a", "", "b", ""])
    }

    @Test(
        arguments: [
            ("#", "a", true), ("#", "a.b.c", true), ("*", "a", true), ("*", "a.b", false), ("*.*", "a.b", true),
            ("a.#", "a", true), ("a.#", "b", false), ("a.#.b", "a.b", true), ("a.#.b", "a.x.y.b", true),
            ("a.#.b", "a.b.c", false), ("#.a.#", "x.a.y", true), ("#.a.#", "x.y", false), ("#.*", "a", true),
            ("#.a.b", "a.a.b", true), ("#.a.*.b", "a.a.a.b", true), ("a.b", "A.b", false), ("a", "a.a", false),
        ] as [(TopicPattern, Topic, Bool)]
    )
    func patternsMatchLikeThoseOfATopicExchange(pattern: TopicPattern, topic: Topic, matches: Bool) {
        #expect(pattern.matches(topic) == matches)
    }

    /// Implements AMQP 0-9-1 §3.1.3.3 as simply as possible, however slowly.
    private func oracle(_ pattern: ArraySlice<Substring>, _ topic: ArraySlice<Substring>) -> Bool {
        guard let first = pattern.first else { return topic.isEmpty }
        if first == "#" {
            return (topic.startIndex...topic.endIndex).contains { self.oracle(pattern.dropFirst(), topic[$0...]) }
        }
        guard let word = topic.first, first == "*" || first == word else { return false }
        return self.oracle(pattern.dropFirst(), topic.dropFirst())
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func patternsAndRouterAgreeWithASimpleImplementation(seed: UInt64) throws {
        var generator = SeededRandom(seed: seed)
        func words(_ choices: [String]) -> String {
            (0..<Int.random(in: 1...6, using: &generator))
                .map { _ in choices.randomElement(using: &generator) ?? "" }.joined(separator: ".")
        }
        var patterns: [TopicPattern] = []
        while patterns.count < 60 {
            // Some have more than two `#`.
            if let pattern = try? TopicPattern(words(["a", "b", "c", "*", "#", "#"])) { patterns.append(pattern) }
        }
        let topics = try (0..<60).map { _ in try Topic(words(["a", "b", "c"])) }
        var router = TopicRouter<Int>()
        for (number, pattern) in patterns.enumerated() {
            router.bind(number, to: pattern)
            router.bind(number, to: pattern)
        }
        var hits = 0
        for topic in topics {
            let expected = patterns.map { self.oracle($0.words[...], topic.words[...]) }
            #expect(patterns.map { $0.matches(topic) } == expected, "\(topic)")
            let targets = patterns.indices.filter { expected[$0] }
            #expect(router.targets(of: topic).sorted() == targets, "\(topic)")
            #expect(router.targets(of: topic).sorted() == targets, "second lookup of \(topic)")
            hits += targets.count
        }
        // The test would prove little if everything or nothing matched.
        #expect((100...3500).contains(hits))
    }

    @Test func aTargetWithSeveralPatternsIsFoundOnce() {
        var router = TopicRouter<String>()
        for pattern in ["user.created", "user.*", "#", "#.created"] as [TopicPattern] {
            router.bind("one", to: pattern)
        }
        router.bind("two", to: "user.#")
        #expect(router.targets(of: "user.created").sorted() == ["one", "two"])
    }

    @Test func aLaterBindingChangesACachedAnswer() {
        var router = TopicRouter<String>()
        router.bind("one", to: "a")
        #expect(router.targets(of: "a.b").isEmpty)
        router.bind("two", to: "a.*")
        #expect(router.targets(of: "a.b") == ["two"])
    }

    @Test func aPatternThatIsUnboundMatchesNoLonger() {
        var router = TopicRouter<String>()
        for target in ["one", "two", "three"] {
            router.bind(target, to: "a.*")
            router.bind(target, to: "#")
        }
        for _ in 1...2 {
            #expect(router.targets(of: "a.b").sorted() == ["one", "three", "two"])
            router.unbind("two", from: "a.*")
        }
        router.unbind("two", from: "#")
        #expect(router.targets(of: "a.b").sorted() == ["one", "three"])
        router.unbind("one", from: "never.bound")
        router.unbind("nobody", from: "#")
        router.unbindAll(of: "three")
        router.unbindAll(of: "nobody")
        #expect(router.targets(of: "a.b") == ["one"])
        router.bind("three", to: "a.#")
        #expect(router.targets(of: "a.b").sorted() == ["one", "three"])
        #expect(router.targets(of: "c") == ["one"])
    }

    @Test func topicsAreComparedByteByByte() {
        let (composed, decomposed): (Topic, Topic) = ("caf\u{e9}", "cafe\u{301}")
        #expect(composed != decomposed)
        #expect(!TopicPattern(composed).matches(decomposed))
        var router = TopicRouter<Int>()
        router.bind(1, to: TopicPattern(composed))
        for _ in 0..<3 {
            #expect(router.targets(of: composed) == [1])
            #expect(router.targets(of: decomposed).isEmpty)
        }
    }

    @Test func aDotSeparatesWordsEvenBeforeACombiningMark() {
        let topic: Topic = "a.\u{301}b"
        #expect(topic.words.count == 2)
        var router = TopicRouter<Int>()
        router.bind(1, to: TopicPattern(topic))
        router.bind(2, to: "a.*")
        #expect(router.targets(of: topic).sorted() == [1, 2])
        #expect(TopicPattern(topic).matches(topic))
    }

    @Test func topicsThatShareACacheSlotAreNotConfused() throws {
        var router = TopicRouter<Int>()
        for number in 0..<5_000 { router.bind(number, to: TopicPattern(try Topic("t.\(number)"))) }
        for round in 0..<3 {
            for number in 0..<5_000 where router.targets(of: try Topic("t.\(number)")) != [number] {
                Issue.record("t.\(number) has wrong targets in round \(round)")
                return
            }
        }
    }
}
