// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Finds a URL that may hold a password: an option, an environment variable, or a file that a variable names.
///
/// No error contains the URL.
struct Setting {
    /// The name of the option, with its dashes.
    let option: String
    /// The name of the environment variable; with `_FILE` at its end, that of the variable with the file.
    let variable: String
    /// What a good value looks like.
    let example: String

    static let rabbitMQ = Setting(
        option: "--rabbitmq-url",
        variable: "RABBITMQ_URL",
        example: "amqp://user:password@host:5672/%2F"
    )
    static let database = Setting(
        option: "--database-url",
        variable: "DATABASE_URL",
        example: "postgres://user:password@host:5432/database"
    )

    /// - Parameters:
    ///   - given: the option's value, which wins.
    ///   - environment: the variables of the process.
    ///   - read: reads a file.
    /// - Throws: ``CommandError``.
    func value(
        given: String?,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        read: (String) throws -> String = { try String(contentsOfFile: $0, encoding: .utf8) }
    ) throws(CommandError) -> String {
        if let given { return try self.nonempty(given, self.option) }
        let fileVariable = "\(self.variable)_FILE"
        switch (environment[self.variable], environment[fileVariable]) {
        case (.some, .some):
            throw CommandError(
                CommandExit.usage,
                "\(self.variable) and \(fileVariable) are both set: unset one of them"
            )
        case (let value?, nil):
            return try self.nonempty(value, self.variable)
        case (nil, let file?):
            let content: String
            do {
                content = try read(file)
            } catch {
                throw CommandError(
                    CommandExit.usage,
                    "\(fileVariable) names a file that cannot be read: \(file.printable)"
                )
            }
            return try self.nonempty(content, fileVariable)
        case (nil, nil):
            throw CommandError(
                CommandExit.usage,
                "\(self.variable) is missing: set it to something like \(self.example), or \(fileVariable) to a file with it"
            )
        }
    }

    private func nonempty(_ text: String, _ origin: String) throws(CommandError) -> String {
        let trimmed = text.drop(while: \.isWhitespace)
        guard let end = trimmed.lastIndex(where: { !$0.isWhitespace }) else {
            throw CommandError(CommandExit.usage, "\(origin) is empty: set it to something like \(self.example)")
        }
        return String(trimmed[...end])
    }
}
