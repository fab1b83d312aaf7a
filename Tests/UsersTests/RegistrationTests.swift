// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBusUsers
import Testing

@Suite struct RegistrationTests {
    private static func fields(
        username: String = "ada",
        email: String = "ada@example.org",
        password: String = "12345678"
    ) -> [Registration.Field] {
        do {
            try Registration(username: username, email: email, password: password).validate()
            return []
        } catch {
            return error.violations.map(\.field)
        }
    }

    private static func text(_ count: Int) -> String { String(repeating: "a", count: count) }

    @Test(arguments: ["abc", "ABC", "a.b", "...", "_-_", "007", "Ada.Lovelace_1815-12-10", text(3), text(64)])
    func validUsernames(name: String) {
        #expect(Self.fields(username: name) == [])
    }

    @Test(arguments: [
        "", "a", "ab", text(65), "a b", " abc", "abc ", "abc\n", "ab\0", "ä\u{E9}\u{E9}", "абв", "名前名前", "a@b", "a/b",
        "ab\u{301}", "👩‍🔬👩‍🔬👩‍🔬", "ａｂｃ", "a+b", "a'b",
    ])
    func invalidUsernames(name: String) {
        #expect(Self.fields(username: name) == [.username])
    }

    @Test(arguments: [
        "a@b.co", "A.B@Example.ORG", "a+tag@b.c", "!#$%&'*+-/=?^_`{|}~@b.c", "a@1.2", "a@b-c.d",
        "a@xn--bcher-kva.example",
        text(64) + "@b.c", "a@" + text(63) + ".b", "a.b.c.d@e.f.g.h",
        // 254 bytes: 64 + 1 + 63 + 1 + 63 + 1 + 61.
        text(64) + "@" + text(63) + "." + text(63) + "." + text(61),
    ])
    func validAddresses(address: String) {
        #expect(Self.fields(email: address) == [])
    }

    @Test(arguments: [
        "", "a", "@", "a@", "@b.c", "a@b", "a@b.", "a@.b", "a@b..c", ".a@b.c", "a.@b.c", "a..b@c.d", "a@b@c.d",
        "a b@c.d",
        "a@b c.d", "a@-b.c", "a@b-.c", "a@b.c-", "a@[1.2.3.4]", "\"a\"@b.c", "a(x)@b.c", "a,b@c.d", "a@b.c\n",
        "a@b.c\0",
        "ä@b.c", "a@bücher.example", "a@b_c.d", "a;@b.c", "a<@b.c", text(65) + "@b.c", "a@" + text(64) + ".b",
        text(64) + "@" + text(63) + "." + text(63) + "." + text(62),
    ])
    func invalidAddresses(address: String) {
        #expect(Self.fields(email: address) == [.email])
    }

    @Test(arguments: [
        text(8), text(1024), "        ", "éééé", "🔒🔒", "\0\0\0\0\0\0\0\0", String(repeating: "é", count: 512),
    ])
    func validPasswords(password: String) {
        #expect(Self.fields(password: password) == [])
    }

    @Test(arguments: ["", text(7), text(1025), "🔒", "ééé", String(repeating: "é", count: 512) + "a"])
    func invalidPasswords(password: String) {
        #expect(Self.fields(password: password) == [.password])
    }

    @Test func allProblemsAreReportedTogether() throws {
        let registration = Registration(username: "", email: "", password: "")
        let error = #expect(throws: RegistrationError.self) { try registration.validate() }
        #expect(error?.code == .invalid)
        #expect(error?.violations.map(\.field) == [.username, .email, .password])
        #expect(error?.description.hasPrefix("invalid: username must be 3 to 64") == true)
    }
}
