// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What outlives the connections on which one kind of messages is published: where the messages come from, and what was measured.
///
/// Confined to the event loop, except for `activity`.
final class PublishLane {
    let queue: PublishQueue
    var watch = ConfirmWatch()
    let activity: SharedActivity
    private let kind: LaneActivity.Kind
    /// Whether the health knows of refusals.
    private var hasToldRefusals = false

    init(_ kind: LaneActivity.Kind, _ queue: PublishQueue, _ status: BusStatus) {
        self.queue = queue
        self.kind = kind
        self.activity = SharedActivity(LaneActivity(kind))
        status.observe(self.activity, of: kind)
    }

    /// Whether messages wait as long as the broker accepts none; otherwise they fail after the time limit.
    ///
    /// A copy that failed would only be sent again, and its original waits anyway.
    var waitsWhileBlocked: Bool { self.kind == .copies }

    /// Tells the health what the broker refuses, if that can have changed.
    func reportRefusals() {
        guard self.watch.needsKeys || self.hasToldRefusals else { return }
        self.hasToldRefusals = self.watch.needsKeys
        self.activity.change { $0.refused = self.watch.refused }
    }
}
