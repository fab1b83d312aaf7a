// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Testing

@testable import HTTPAPI

@Suite("Secrets in files")
struct SecretFileTests {
    /// Writes a file for the length of `body`.
    private func withFile(_ contents: [UInt8], _ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "secret-\(UUID().uuidString)").path
        try Data(contents).write(to: URL(filePath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    private func read(_ variables: [String: String]) throws -> String {
        try SettingsTests.settings(variables).secret("DATABASE_URL", like: "postgres://…") { $0 }
    }

    private func problem(_ variables: [String: String]) -> String {
        let error = #expect(throws: ConfigurationError.self) { try self.read(variables) }
        #expect(error?.description.contains("hunter2") == false)
        return error?.description ?? ""
    }

    @Test(
        "A secret is what the file holds, without the newline at its end",
        arguments: [
            ("hunter2", "hunter2"), ("hunter2\n", "hunter2"), ("hunter2\r\n", "hunter2"), ("hunter2\n\n", "hunter2\n"),
            (" hunter2 ", " hunter2 "),
        ]
    )
    func contents(_ contents: String, _ secret: String) throws {
        try self.withFile(Array(contents.utf8)) { path in
            let text = try self.read(["DATABASE_URL_FILE": path])
            #expect(text == secret)
        }
    }

    @Test("A variable and a file for it are not both given", arguments: ["hunter2", ""])
    func both(_ value: String) throws {
        try self.withFile(Array("hunter2".utf8)) { path in
            let text = self.problem(["DATABASE_URL": value, "DATABASE_URL_FILE": path])
            #expect(text == "DATABASE_URL, DATABASE_URL_FILE are both set: keep one of them")
        }
    }

    @Test("What is missing is told with both ways to give it")
    func neither() {
        #expect(
            self.problem([:]).hasPrefix(
                "DATABASE_URL is missing: set it to something like postgres://…, or DATABASE_URL_FILE"
            )
        )
    }

    @Test(
        "A file that cannot be read is refused by the name of its variable, and its path is not shown",
        arguments: [
            ("", "does not exist"), ("/no/hunter2", "does not exist"), ("hunter2", "does not exist"),
            ("/tmp", "a directory"),
            ("/dev/zero", "more than 65536 bytes"),
        ]
    )
    func unreadable(_ path: String, _ text: String) {
        let problem = self.problem(["DATABASE_URL_FILE": path])
        #expect(problem.hasPrefix("DATABASE_URL_FILE leads to "))
        #expect(problem.contains(text))
    }

    @Test("The largest file has 65,536 bytes")
    func size() throws {
        let most = [UInt8](repeating: UInt8(ascii: "a"), count: 65_536)
        try self.withFile(most) { path in
            let text = try self.read(["DATABASE_URL_FILE": path])
            #expect(text.utf8.count == 65_536)
        }
        try self.withFile(most + [97]) { path in
            let problem = self.problem(["DATABASE_URL_FILE": path])
            #expect(problem == "DATABASE_URL_FILE leads to a file of more than 65536 bytes")
        }
    }

    @Test(
        "A file that is empty or no text is refused",
        arguments: [[], [10], [32, 10], [0x66, 0xFF], [0x66, 0, 0x67]]
    )
    func noText(_ contents: [UInt8]) throws {
        try self.withFile(contents) { path in
            let problem = self.problem(["DATABASE_URL_FILE": path])
            #expect(problem.hasPrefix("DATABASE_URL_FILE is empty") || problem.contains("not UTF-8 text"))
        }
    }

    @Test("A malformed secret is refused by the name of the file's variable")
    func malformed() throws {
        try self.withFile(Array("hunter2".utf8)) { path in
            let settings = SettingsTests.settings(["DATABASE_URL_FILE": path])
            let error = #expect(throws: ConfigurationError.self) {
                try settings.secret("DATABASE_URL", like: "postgres://…") { _ in throw SettingsTests.Malformed() }
            }
            #expect(error?.description == "DATABASE_URL_FILE is malformed (no host): it should look like postgres://…")
        }
    }
}
