// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What an event carries beside its topic and body.
struct EventOptions: ParsableArguments, Sendable {
    @Option(help: "The event's id; by default a new one.")
    var id: String?

    @Option(help: "The ordering key.")
    var key: String?

    @Option(name: .customLong("header"), help: ArgumentHelp("A header; can be repeated.", valueName: "name=value"))
    var headers: [String] = []

    @Option(help: "The context in which the event happened.")
    var source = ""

    @Option(name: .customLong("event-version"), help: "The version of the event's format.")
    var version = 1

    @Option(help: "The media type of the body; application/json is checked.")
    var contentType = "application/json"

    @Flag(help: "Publish also if no subscription matches the topic.")
    var allowUnrouted = false

    /// - Throws: ``CommandError`` or `BusError` that name the rule.
    func message(topic: Topic, body: [UInt8], stamp: Stamp = .next()) throws -> Message {
        if self.contentType == "application/json", !Self.isJSON(body) {
            throw CommandError(
                CommandExit.usage,
                "the body is not JSON: correct it, or name what it is with --content-type"
            )
        }
        var headers: [String: HeaderValue] = [:]
        for text in self.headers {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw CommandError(CommandExit.usage, "--header \(text.printable) is not of the form name=value")
            }
            guard headers.updateValue(.string(String(parts[1])), forKey: String(parts[0])) == nil else {
                throw CommandError(CommandExit.usage, "--header \(parts[0]) is given twice")
            }
        }
        let message = Message(
            id: self.id ?? stamp.id.description,
            topic: topic,
            version: self.version,
            source: self.source,
            time: stamp.time,
            orderingKey: self.key,
            requiresSubscriber: !self.allowUnrouted,
            contentType: self.contentType,
            headers: headers,
            body: body
        )
        try message.validate()
        return message
    }

    /// Any JSON text; what it holds is not looked at.
    private struct Anything: Decodable {
        init(from decoder: any Decoder) throws {}
    }

    private static func isJSON(_ body: [UInt8]) -> Bool {
        (try? JSONDecoder().decode(Anything.self, from: Data(body))) != nil
    }
}
