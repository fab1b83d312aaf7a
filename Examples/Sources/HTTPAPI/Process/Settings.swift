// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import Configuration
public import Logging

/// Settings by the names of their environment variables; values are checked where they are read.
public struct Settings: Sendable {
    private let reader: ConfigReader

    /// Reads from any provider of swift-configuration; the variable `HTTP_PORT` is its key `http.port`.
    public init(_ reader: ConfigReader) {
        self.reader = reader
    }

    /// The environment of the process.
    public static var environment: Settings { Settings(ConfigReader(provider: EnvironmentVariablesProvider())) }

    /// A setting that has to be there, for example a URL with a password.
    ///
    /// It is the value of the variable, or what the file holds that the variable with `_FILE` behind its name leads to, without the
    /// newline at its end.
    ///
    /// - Parameters:
    ///   - variable: the name of the environment variable.
    ///   - example: what a good value looks like.
    ///   - parse: makes something of the text; the description of what it throws must hold no secret.
    /// - Throws: ``ConfigurationError`` when the value is missing, empty or malformed, is given in both ways, or when the file
    ///   cannot be read.
    public func secret<Value>(
        _ variable: String,
        like example: String,
        _ parse: (String) throws -> Value
    ) throws(ConfigurationError) -> Value {
        guard let (text, source) = try self.secretText(variable) else {
            let file = "\(variable)_FILE to a file that holds it"
            throw ConfigurationError(variable, "is missing: set it to something like \(example), or \(file)")
        }
        guard !text.allSatisfy(\.isWhitespace) else {
            throw ConfigurationError(source, "is empty: it should be something like \(example)")
        }
        do {
            return try parse(text)
        } catch {
            throw ConfigurationError(source, "is malformed (\(error)): it should look like \(example)")
        }
    }

    /// The text of a secret and the variable that it comes from; `nil` if there is none.
    private func secretText(_ variable: String) throws(ConfigurationError) -> (text: String, source: String)? {
        let fileVariable = "\(variable)_FILE"
        let text = self.text(variable, isSecret: true)
        guard let path = self.text(fileVariable, isSecret: false) else { return text.map { ($0, variable) } }
        guard text == nil else {
            throw ConfigurationError("\(variable), \(fileVariable)", "are both set: keep one of them")
        }
        do throws(SecretFile.Problem) {
            return (try SecretFile(path: path).read(), fileVariable)
        } catch {
            throw ConfigurationError(fileVariable, error.description)
        }
    }

    /// A setting with a default.
    ///
    /// - Parameters:
    ///   - variable: the name of the environment variable.
    ///   - value: what a missing variable means.
    ///   - expected: what a value has to be, to be read after "must be".
    ///   - parse: makes something of the text; `nil` when it cannot.
    /// - Throws: ``ConfigurationError`` when the value is empty or malformed.
    public func value<Value>(
        _ variable: String,
        default value: Value,
        expected: String,
        _ parse: (String) -> Value?
    ) throws(ConfigurationError) -> Value {
        guard let text = self.text(variable, isSecret: false) else { return value }
        guard !text.isEmpty else { throw ConfigurationError(variable, "is empty: it must be \(expected)") }
        guard let value = parse(text) else {
            throw ConfigurationError(variable, "is malformed: it must be \(expected)")
        }
        return value
    }

    /// A whole number with a default.
    ///
    /// - Throws: ``ConfigurationError`` when the value is empty, no number or out of range.
    public func number(
        _ variable: String,
        default value: Int,
        in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int {
        let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
        return try self.value(variable, default: value, expected: expected) { text in
            guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            return Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// `LOG_LEVEL`: the lowest level that is logged.
    ///
    /// - Throws: ``ConfigurationError``.
    public func logLevel(default level: Logger.Level) throws(ConfigurationError) -> Logger.Level {
        let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        return try self.value("LOG_LEVEL", default: level, expected: "one of \(levels)") { text in
            Logger.Level(rawValue: text.lowercased())
        }
    }

    /// Whether a variable is there, empty or not.
    public func isSet(_ variable: String) -> Bool {
        self.text(variable, isSecret: true) != nil
    }

    private func text(_ variable: String, isSecret: Bool) -> String? {
        let key = ConfigKey(variable.lowercased().split(separator: "_").map(String.init))
        return self.reader.string(forKey: key, isSecret: isSecret)
    }
}
