// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ManagementClient {
    /// - Throws: ``CommandError``.
    func facts() async throws -> ManagementFacts {
        let overview: ManagementFacts.Overview = try await self.read("overview")
        let nodes: [ManagementFacts.Node] = try await self.read(
            "nodes",
            query: "columns=name,running,mem_alarm,disk_free_alarm,partitions,fd_used,fd_total"
        )
        let flags: [ManagementFacts.Flag] = try await self.read("feature-flags")
        let start = Date()
        let date = try await self.get("whoami").date
        let middle = start.addingTimeInterval(Date().timeIntervalSince(start) / 2)
        return ManagementFacts(
            overview: overview,
            nodes: nodes,
            flags: flags,
            clockAhead: date.flatMap(HTTPDate.init).map { $0.date.timeIntervalSince(middle) }
        )
    }
}
