// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import Testing

@testable import EventBusCommands

@Suite("Where a URL comes from")
struct SettingTests {
    private struct Missing: Error {}

    private func value(_ given: String?, _ environment: [String: String], files: [String: String] = [:]) throws
        -> String
    {
        try Setting.rabbitMQ.value(given: given, environment: environment) { name in
            guard let content = files[name] else { throw Missing() }
            return content
        }
    }

    @Test func theOptionWinsThenTheVariableOrTheFile() throws {
        #expect(try self.value("a", ["RABBITMQ_URL": "b"]) == "a")
        #expect(try self.value(nil, ["RABBITMQ_URL": " b "]) == "b")
        #expect(try self.value(nil, ["RABBITMQ_URL_FILE": "/f"], files: ["/f": "c\n"]) == "c")
    }

    private static let mistakes: [([String: String], String)] = [
        ([:], "RABBITMQ_URL is missing"),
        (["RABBITMQ_URL": "secret-1", "RABBITMQ_URL_FILE": "/f"], "are both set"),
        (["RABBITMQ_URL": " "], "RABBITMQ_URL is empty"),
        (["RABBITMQ_URL_FILE": "/none"], "cannot be read"),
    ]

    @Test(arguments: SettingTests.mistakes)
    func whatIsWrongIsToldWithoutTheSecret(_ environment: [String: String], _ text: String) {
        let error = #expect(throws: CommandError.self) { try self.value(nil, environment) }
        #expect(error?.exit == CommandExit.usage)
        #expect(error?.description.contains(text) == true)
        #expect(error?.description.contains("secret-1") == false)
    }
}
