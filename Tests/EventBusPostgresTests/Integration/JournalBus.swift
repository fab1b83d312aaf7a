// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation

/// A bus that appends what it gets to a file, which several relays in several processes share.
final class JournalBus: TakingBus {
    struct Line {
        /// The bus to which it was published.
        let name: String
        let id: String
        /// -1 if the event is another one.
        let number: Int
    }

    private let journal: URL
    private let name: String
    private let file: Int32

    init(_ journal: URL, named name: String) throws {
        self.journal = journal
        self.name = name
        self.file = open(journal.path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
        guard self.file >= 0 else { throw CocoaError(.fileWriteUnknown) }
    }

    deinit { close(self.file) }

    /// What all buses of the file have got, in order.
    var lines: [Line] {
        let text = (try? String(decoding: Data(contentsOf: self.journal), as: UTF8.self)) ?? ""
        return text.split(separator: "\n").map { line in
            let words = line.split(separator: " ").map(String.init)
            return Line(name: words[0], id: words[1], number: Int(words[2]) ?? -1)
        }
    }

    func publish(_ messages: [Message]) async -> [PublishOutcome] {
        messages.map { message in
            let number = (try? message.decode(Greeted.self).number) ?? -1
            let line = Data("\(self.name) \(message.id) \(number)\n".utf8)
            return line.withUnsafeBytes { write(self.file, $0.baseAddress, $0.count) } == line.count
                ? .confirmed : .unknown
        }
    }
}
