// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// What outlives the connections on which one kind of messages is published: where the messages come from, and what was measured.
///
/// Confined to the event loop.
final class PublishLane {
    let queue: PublishQueue
    var watch = ConfirmWatch()
    var activity: LaneActivity
    private let status: BusStatus

    init(_ kind: LaneActivity.Kind, _ queue: PublishQueue, _ status: BusStatus) {
        self.queue = queue
        self.activity = LaneActivity(kind)
        self.status = status
    }

    /// Whether messages wait as long as the broker accepts none; otherwise they fail after the time limit.
    ///
    /// A copy that failed would only be sent again, and its original waits anyway.
    var waitsWhileBlocked: Bool { self.activity.kind == .copies }

    /// Tells the health what has been measured.
    func report() {
        self.status.note(self.activity)
    }
}
