// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus
import Foundation
import Testing

@testable import EventBusCommands

@Suite("Which dead letters are meant")
struct DeadLetterFilterTests {
    private func matches(_ arguments: String..., letter: DeadLetter = DeadLetters.letter()) throws -> Bool {
        try DeadLetterFilterOptions.parse(arguments).filter(now: DeadLetters.time + 3600).matches(letter)
    }

    @Test func everythingThatIsGivenHasToMatch() throws {
        #expect(try self.matches())
        #expect(try self.matches("--reason", "no u", "--topic", "user.#", "--id", "1", "--older-than", "30m"))
        #expect(try !self.matches("--reason", "other", "--topic", "user.#"))
        #expect(try !self.matches("--reason", "no u", "--topic", "payment.#"))
        #expect(try !self.matches("--id", "2"))
    }

    @Test func oneOfSeveralTopicsOrIDsIsEnough() throws {
        #expect(try self.matches("--topic", "payment.#", "--topic", "user.*"))
        #expect(try self.matches("--id", "2", "--id", "1"))
    }

    @Test func anEmptyReasonIsAnErrorAndDoesNotMeanAll() {
        #expect(throws: (any Error).self) { try DeadLetterFilterOptions.parse(["--reason", ""]) }
    }

    @Test func agesHaveTwoSides() throws {
        #expect(try self.matches("--older-than", "1h"))
        #expect(try !self.matches("--older-than", "61m"))
        #expect(try self.matches("--younger-than", "1h"))
        #expect(try !self.matches("--younger-than", "59m"))
    }
}
