// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A message in the subscription.
struct QueueEntry: Sendable {
    var message: Message
    var failures = Failures()
    var redrives = 0
    /// How often the message came back before it was moved to quarantine, given back or moved to this subscription.
    var returnsBefore = 0
    /// How often the message came back to the queue that it is in now.
    var returnsHere = 0

    var returns: Int { self.returnsBefore + self.returnsHere }

    /// The message as a copy in another place, where it has yet to come back.
    var copied: QueueEntry {
        var copy = self
        (copy.returnsBefore, copy.returnsHere) = (self.returns, 0)
        return copy
    }

    /// The message as it comes to another subscription.
    ///
    /// On an ordered subscription all that was prefetched returns together, so that returns prove no start there.
    func moved(from ordering: Ordering) -> QueueEntry {
        var copy = self.copied
        if ordering == .perKey { copy.returnsBefore = min(1, copy.returnsBefore) }
        return copy
    }
}
