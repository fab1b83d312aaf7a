// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes

/// The OpenAPI description of a service, as a client reads it; finds everything in an answer that it doesn't describe.
struct APIDescription: Sendable {
    let document: JSONValue

    init(_ text: String) throws {
        self.document = try JSONValue(text)
    }

    /// What an answer has that isn't described, or lacks that is.
    func faults(in answer: Answer, to method: HTTPRequest.Method, _ path: String) -> [String] {
        let path = String(path.prefix { $0 != "?" })
        guard let operations = self.operations(at: path) else {
            return (answer.status == 404 ? [] : ["the path is not described"]) + self.problemFaults(answer, method)
        }
        let described = method == .head ? "get" : method.rawValue.lowercased()
        guard let operation = operations[described] else {
            if method == .options, answer.status == 204 { return self.headerFaults(answer, ["Allow"]) }
            return (answer.status == 405 ? [] : ["the method is not described"])
                + self.headerFaults(answer, ["Allow"]) + self.problemFaults(answer, method)
        }
        guard let described = operation["responses"]?["\(answer.status)"] else {
            return ["status \(answer.status) is not described"]
        }
        let required = (described["headers"]?.fields ?? [:]).filter { $0.value["required"] == .bool(true) }.keys
        return self.headerFaults(answer, required.sorted()) + self.bodyFaults(answer, described["content"], method)
    }

    private func operations(at path: String) -> JSONValue? {
        let segments = path.split(separator: "/")
        let templates = self.document["paths"]?.fields ?? [:]
        return templates.first { template, _ in
            let own = template.split(separator: "/")
            return own.count == segments.count && zip(own, segments).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }?.value
    }

    private func headerFaults(_ answer: Answer, _ required: [String]) -> [String] {
        required.filter { name in answer.headers[values: HTTPField.Name(name)!].isEmpty }.map { "\($0) is missing" }
    }

    private func problemFaults(_ answer: Answer, _ method: HTTPRequest.Method) -> [String] {
        let schema = JSONValue.object(["$ref": .string("#/components/schemas/Problem")])
        return self.bodyFaults(answer, .object(["application/problem+json": .object(["schema": schema])]), method)
    }

    private func bodyFaults(_ answer: Answer, _ content: JSONValue?, _ method: HTTPRequest.Method) -> [String] {
        guard method != .head, let content else { return answer.text.isEmpty ? [] : ["there is a body"] }
        let type = answer.headers[.contentType] ?? ""
        guard let schema = content[String(type.prefix { $0 != ";" })]?["schema"] else {
            return ["content type \"\(type)\" is not described"]
        }
        guard let value = try? JSONValue(answer.text) else { return ["the body is no JSON"] }
        return self.faults(in: value, schema, at: "body")
    }
}
