// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Keeps messages that have come back without a verdict apart, since one of them may have crashed the process.
///
/// Such a message is handled with nothing else of its kind in flight, among all consumers with a store in the process.
/// Otherwise a message that always crashes the process would use up the attempts of those beside it.
package enum Quarantine {
    /// Has one permit; a simulation gives each of its processes a semaphore of its own.
    @TaskLocal package static var semaphore = AsyncSemaphore()
}
