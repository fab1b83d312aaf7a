// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Describes what is wrong with a JSON body; names the field, but never contains a value.
package struct DecodingFault: CustomStringConvertible {
    package let field: String?
    package let problem: String

    package init(_ error: any Error) {
        func path(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String? {
            let keys = context.codingPath + (key.map { [$0] } ?? [])
            return keys.isEmpty ? nil : keys.map(DecodingFault.name).joined(separator: ".")
        }
        switch error as? DecodingError {
        case .keyNotFound(let key, let context):
            self.field = path(context, key)
            self.problem = "is missing"
        case .typeMismatch(_, let context):
            self.field = path(context)
            self.problem = "has the wrong type"
        case .valueNotFound(_, let context):
            self.field = path(context)
            self.problem = "is null"
        case .dataCorrupted(let context):
            self.field = path(context)
            self.problem = context.codingPath.isEmpty ? "is not valid JSON" : "has an invalid value"
        case nil:
            self.field = nil
            self.problem = "cannot be decoded"
        @unknown default:
            self.field = nil
            self.problem = "cannot be decoded"
        }
    }

    /// A key of the event's type or an index; the key of a dictionary is part of the body and is not shown.
    private static func name(_ key: any CodingKey) -> String {
        if let index = key.intValue { return "\(index)" }
        // The standard library's own keys, which stand for data.
        return "\(type(of: key))".hasPrefix("_") ? "*" : key.stringValue
    }

    package var description: String {
        self.field.map { "field \($0) \(self.problem)" } ?? "the body \(self.problem)"
    }
}
