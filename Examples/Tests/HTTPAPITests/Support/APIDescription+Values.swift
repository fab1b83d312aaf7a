// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Foundation

extension APIDescription {
    /// What a value has that its schema doesn't describe, or lacks that it does.
    ///
    /// Schemas are open, so that fields can be added; here a field that is not described is a fault nevertheless.
    func faults(in value: JSONValue, _ schema: JSONValue, at place: String) -> [String] {
        if let reference = schema["$ref"]?.text {
            guard let schema = self.component(reference) else { return ["\(place): there is no \(reference)"] }
            return self.faults(in: value, schema, at: place)
        }
        switch (schema["type"]?.text, value) {
        case ("string", .string(let text)): return self.faults(in: text, schema, at: place)
        case ("integer", .number(let number)): return self.faults(in: number, schema, at: place)
        case ("array", .array(let elements)):
            guard let items = schema["items"] else { return ["\(place): the elements are not described"] }
            return elements.enumerated().flatMap { self.faults(in: $1, items, at: "\(place)[\($0)]") }
        case ("object", .object(let fields)): return self.faults(in: fields, schema, at: place)
        default: return ["\(place): it is no \(schema["type"]?.text ?? "value that is described")"]
        }
    }

    /// What a reference such as `#/components/schemas/Problem` refers to.
    func component(_ reference: String) -> JSONValue? {
        let names = reference.split(separator: "/")
        guard names.first == "#" else { return nil }
        return names.dropFirst().reduce(self.document as JSONValue?) { $0?[String($1)] }
    }

    private func faults(in text: String, _ schema: JSONValue, at place: String) -> [String] {
        if let choices = schema["enum"]?.elements, !choices.contains(.string(text)) {
            return ["\(place): it is none of the choices"]
        }
        if let pattern = schema["pattern"]?.text, let regex = try? Regex(pattern), text.firstMatch(of: regex) == nil {
            return ["\(place): it does not match \(pattern)"]
        }
        let length = Double(text.unicodeScalars.count)
        if length < schema["minLength"]?.number ?? 0 || length > schema["maxLength"]?.number ?? .infinity {
            return ["\(place): it is too short or too long"]
        }
        switch schema["format"]?.text {
        case nil, "email": return []
        case "uuid": return Identifier(text) == nil ? ["\(place): it is no UUID"] : []
        case "date-time":
            let whole = Date.ISO8601FormatStyle()
            let styles = [whole, Date.ISO8601FormatStyle(includingFractionalSeconds: true)]
            return styles.contains { (try? $0.parse(text)) != nil } ? [] : ["\(place): it is no time"]
        case .some(let format): return ["\(place): nobody here knows the format \(format)"]
        }
    }

    private func faults(in number: Double, _ schema: JSONValue, at place: String) -> [String] {
        guard number == number.rounded() else { return ["\(place): it is no whole number"] }
        let isInRange =
            number >= schema["minimum"]?.number ?? -.infinity && number <= schema["maximum"]?.number ?? .infinity
        return isInRange ? [] : ["\(place): it is out of range"]
    }

    private func faults(in fields: [String: JSONValue], _ schema: JSONValue, at place: String) -> [String] {
        // An object without any description can be everything.
        guard let properties = schema["properties"]?.fields else { return [] }
        let missing = (schema["required"]?.elements ?? []).compactMap(\.text).filter { fields[$0] == nil }
        let unknown = fields.keys.filter { properties[$0] == nil }.sorted()
        let others = fields.sorted { $0.key < $1.key }.flatMap { name, value in
            properties[name].map { self.faults(in: value, $0, at: "\(place).\(name)") } ?? []
        }
        return missing.map { "\(place).\($0) is missing" } + unknown.map { "\(place).\($0) is not described" } + others
    }
}
