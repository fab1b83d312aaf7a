// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A segment that has been sent, and who waits for its answer.
enum PendingSegment<Waiter> {
    case statements([Statement], Waiter)
    case reads([ReadQueue<Waiter>.Read])

    func statement(at index: Int) -> Statement? {
        switch self {
        case .statements(let statements, _): statements.indices.contains(index) ? statements[index] : nil
        case .reads(let reads): reads.indices.contains(index) ? reads[index].statement : nil
        }
    }
}
