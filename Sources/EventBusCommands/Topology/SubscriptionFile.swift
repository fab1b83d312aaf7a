// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBus

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A file with the subscriptions of an application.
///
/// ```json
/// {"subscriptions": [{"name": "accounts", "patterns": ["payment.*"], "ordered": true, "shards": 4, "retryDelays": [10, 120]}]}
/// ```
///
/// `ordered`, `shards` and `retryDelays`, in seconds, can be left out.
enum SubscriptionFile {
    /// - Throws: ``CommandError`` that names the file, the subscription and the rule.
    static func read(_ path: String) throws -> [Subscription] {
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw CommandError(CommandExit.usage, "--subscriptions \(path.printable): the file cannot be read")
        }
        return try self.subscriptions(in: data, of: path)
    }

    static func subscriptions(in data: Data, of path: String) throws -> [Subscription] {
        do {
            let entries = try JSONDecoder().decode(Content.self, from: data).subscriptions
            let subscriptions = try entries.map { try $0.subscription() }
            let names = subscriptions.map(\.name)
            if let double = names.first(where: { name in names.count { $0 == name } > 1 }) {
                throw CommandError(CommandExit.usage, "--subscriptions \(path.printable): \(double) is there twice")
            }
            guard !subscriptions.isEmpty else {
                throw CommandError(CommandExit.usage, "--subscriptions \(path.printable): has no subscription")
            }
            return subscriptions
        } catch let error as CommandError {
            throw error
        } catch let error as BusError {
            throw CommandError(CommandExit.usage, "--subscriptions \(path.printable): \(error.message)")
        } catch {
            throw CommandError(
                CommandExit.usage,
                "--subscriptions \(path.printable): \(Self.text(error)); it must be of the form "
                    + #"{"subscriptions": [{"name": "accounts", "patterns": ["payment.*"]}]}"#
            )
        }
    }

    /// What `topology export` writes.
    static func text(of subscriptions: [Subscription]) -> JSONValue {
        .object(["subscriptions": .array(subscriptions.map(self.json))])
    }

    private static func json(_ subscription: Subscription) -> JSONValue {
        .object([
            "name": .string(subscription.name.description),
            "patterns": .array(subscription.patterns.map { .string($0.text) }),
            "ordered": .bool(subscription.ordering == .perKey),
            "shards": .int(subscription.shards),
            "retryDelays": .array(subscription.retryDelays.map { .int($0.components.seconds) }),
        ])
    }

    private static func text(_ error: any Error) -> String {
        switch error as? DecodingError {
        case .keyNotFound(let key, let context): "\(Self.place(context.codingPath + [key])) is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            "\(Self.place(context.codingPath)) has another type"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "is not JSON" : "\(Self.place(context.codingPath)): \(context.debugDescription)"
        default: "is not what it should be"
        }
    }

    private static func place(_ path: [any CodingKey]) -> String {
        path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue.printable }.joined(separator: ".")
    }

    private struct Content: Decodable {
        let subscriptions: [Entry]
    }

    private struct Entry: Decodable {
        let name: String
        let patterns: [String]
        let ordered: Bool?
        let shards: Int?
        let retryDelays: [Int]?

        private enum CodingKeys: String, CodingKey, CaseIterable { case name, patterns, ordered, shards, retryDelays }

        private struct AnyKey: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            // A name that is misspelled would change what is compared.
            let known = CodingKeys.allCases.map(\.stringValue)
            for key in try decoder.container(keyedBy: AnyKey.self).allKeys where !known.contains(key.stringValue) {
                throw DecodingError.dataCorrupted(
                    .init(
                        codingPath: decoder.codingPath + [key],
                        debugDescription: "is none of \(known.joined(separator: ", "))"
                    )
                )
            }
            let container = try decoder.container(keyedBy: CodingKeys.self)
            self.name = try container.decode(String.self, forKey: .name)
            self.patterns = try container.decode([String].self, forKey: .patterns)
            self.ordered = try container.decodeIfPresent(Bool.self, forKey: .ordered)
            self.shards = try container.decodeIfPresent(Int.self, forKey: .shards)
            self.retryDelays = try container.decodeIfPresent([Int].self, forKey: .retryDelays)
        }

        func subscription() throws -> Subscription {
            let shards = self.shards ?? 1
            let isOrdered = self.ordered ?? (shards > 1)
            return try Subscription(
                SubscriptionName(self.name),
                patterns: self.patterns.map { try TopicPattern($0) },
                ordering: isOrdered ? .perKey : .none,
                shards: shards,
                retryDelays: self.retryDelays.map { $0.map { .seconds($0) } } ?? (isOrdered ? [] : RetryLadder.delays)
            )
        }
    }
}
