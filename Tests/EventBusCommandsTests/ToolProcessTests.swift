// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Testing

@Suite("The tool as a process")
struct ToolProcessTests {
    @Test("Where it is not built its tests are skipped, but not in CI")
    func skipping() {
        #expect(ToolProcess.isSkipped(isBuilt: false, [:]))
        #expect(ToolProcess.isSkipped(isBuilt: false, ["CI": "false"]))
        #if os(Linux)
        #expect(!ToolProcess.isSkipped(isBuilt: false, ["CI": "true"]))
        #endif
        #expect(!ToolProcess.isSkipped(isBuilt: true, [:]))
    }

    @Test("It is built", .disabled(if: ToolProcess.isSkipped, ToolProcess.reason))
    func built() {
        #expect(ToolProcess.isBuilt, ToolProcess.reason)
    }
}
