// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// A message in the subscription.
struct QueueEntry: Sendable {
    var message: Message
    var failures = Failures()
    var redrives = 0
    /// How often the message came back before it was moved to quarantine.
    var returnsBefore = 0
    /// How often the message came back to the queue that it is in now.
    var returnsHere = 0

    var returns: Int { self.returnsBefore + self.returnsHere }
}
