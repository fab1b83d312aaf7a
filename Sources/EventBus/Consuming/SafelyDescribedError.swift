// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// An error with a text that may be logged and stored: it names no personal data and no part of an event's body.
///
/// Of any other error that a handler throws, only the type's name reaches logs and the reasons of dead letters, because its text
/// can contain anything. ``ConsumerOptions/errorTexts`` changes this.
public protocol SafelyDescribedError: Error {
    /// The text that may be logged and stored.
    var safeDescription: String { get }
}

/// Which texts of errors a consumer writes to its log and to the reasons of dead letters.
public enum ErrorTexts: Sendable, Hashable {
    /// The error's type and, of a ``SafelyDescribedError``, its safe description.
    case safe
    /// The error's type and its description, which may contain personal data.
    case all

    /// The text of an error, at most 1,000 characters.
    package func text(of error: any Error) -> String {
        let detail: String? =
            switch self {
            case .safe: (error as? any SafelyDescribedError)?.safeDescription
            case .all: "\(error)"
            }
        let type = "\(Swift.type(of: error))"
        return String((detail.map { "\(type): \($0)" } ?? type).prefix(1000))
    }
}

extension BusError: SafelyDescribedError {
    /// The code and the message.
    public var safeDescription: String { self.description }
}

extension TimeLimitExceeded: SafelyDescribedError {
    package var safeDescription: String { self.description }
}
