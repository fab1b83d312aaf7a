// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Foundation
import Testing

@testable import EventBusCommands

@Suite("Standard input", .timeLimit(.minutes(1)))
struct StandardInputTests {
    @Test func everythingIsReadUpToTheLimit() async throws {
        let pipe = Pipe()
        defer { withExtendedLifetime(pipe) {} }
        try pipe.fileHandleForWriting.write(contentsOf: Data("body".utf8))
        try pipe.fileHandleForWriting.close()
        let bytes = try await StandardInput.all(limit: 4, from: pipe.fileHandleForReading.fileDescriptor)
        #expect(bytes == Array("body".utf8))

        let longer = Pipe()
        defer { withExtendedLifetime(longer) {} }
        try longer.fileHandleForWriting.write(contentsOf: Data("body!".utf8))
        try longer.fileHandleForWriting.close()
        let error = await #expect(throws: CommandError.self) {
            try await StandardInput.all(limit: 4, from: longer.fileHandleForReading.fileDescriptor)
        }
        #expect(error?.exit == CommandExit.usage)
    }

    @Test func aSignalEndsTheWaitForSomebodyWhoWritesNothing() async throws {
        let pipe = Pipe()
        let descriptor = pipe.fileHandleForReading.fileDescriptor
        let reading = Task { try await StandardInput.all(limit: 4, from: descriptor) }
        reading.cancel()
        await #expect(throws: CancellationError.self) { try await reading.value }
        // The thread that still reads ends.
        try pipe.fileHandleForWriting.close()
    }
}
