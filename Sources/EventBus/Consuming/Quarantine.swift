// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// What came back without a verdict may have ended its process, and is handled alone: not only in its subscription but among
/// all consumers with a store in the process, or those beside one that always ends it would use up their attempts without
/// being started.
package enum Quarantine {
    /// Lets one through at a time; a simulation gives each of its processes one of its own.
    @TaskLocal package static var semaphore = AsyncSemaphore()
}
