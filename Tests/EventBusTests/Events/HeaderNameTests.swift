// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus
import Testing

@Suite("Header names")
struct HeaderNameTests {
    private func find(_ name: String) -> HeaderName? {
        var name = name
        return name.withUTF8 { HeaderName(utf8: UnsafeRawBufferPointer($0)) }
    }

    @Test("Each name of the table is found by its text and is reserved", arguments: HeaderName.allCases)
    func table(_ name: HeaderName) {
        #expect(self.find(name.description) == name)
        #expect(self.find(name.description + "x") == nil)
        #expect(Message.isReserved(header: name.description))
    }

    @Test(
        "Names with a reserved beginning are reserved as well",
        arguments: [
            "cloudEvents_subject", "cloudEvents_", "cloudEvents:id", "cloudEvents:subject", "x-first-death-queue",
            "x-last-death-reason",
        ]
    )
    func prefixes(_ name: String) {
        #expect(self.find(name) == nil)
        #expect(Message.isReserved(header: name))
    }

    @Test(
        "All other names are free",
        arguments: ["", "traceparent", "x-tenant", "cc", "x-deaths", "x-first-death", "cloudevents_id"]
    )
    func free(_ name: String) {
        #expect(self.find(name) == nil)
        #expect(!Message.isReserved(header: name))
    }

    @Test("Attributes of CloudEvents are found in the form with a colon as well", arguments: HeaderName.allCases)
    func colons(_ name: HeaderName) {
        let isAttribute = name.description.hasPrefix("cloudEvents_")
        var colonForm = "cloudEvents:" + name.description.dropFirst(isAttribute ? 12 : 0)
        #expect(colonForm.withUTF8 { HeaderName(colonForm: UnsafeRawBufferPointer($0)) } == (isAttribute ? name : nil))
        var text = name.description
        #expect(text.withUTF8 { HeaderName(colonForm: UnsafeRawBufferPointer($0)) } == nil)
    }

    @Test("Copies drop exactly what brokers set or interpret")
    func brokers() {
        let names = HeaderName.allCases.map(\.description).filter(HeaderName.isForBrokers)
        #expect(Set(names) == ["x-death", "x-delivery-count", "x-acquired-count", "CC", "BCC"])
        #expect(HeaderName.isForBrokers("x-first-death-queue"))
        #expect(HeaderName.isForBrokers("x-last-death-queue"))
        #expect(!HeaderName.isForBrokers("cloudEvents_subject"))
        #expect(!HeaderName.isForBrokers("kept"))
    }
}
