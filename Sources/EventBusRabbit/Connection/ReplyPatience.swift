// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// How long to wait for the answer to a request.
///
/// Whatever the broker has sent before the answer comes first, and takes as long as the network needs. So the time begins anew with
/// every byte that arrives or leaves; heartbeats, which prove only that the broker lives, do not count.
enum ReplyPatience {
    enum Verdict: Hashable {
        case wait(until: NIODeadline)
        case giveUp
    }

    /// How long nothing may move.
    static let pause = TimeAmount.seconds(20)
    /// How long an answer may take on a connection on which other things move.
    static let longest = TimeAmount.minutes(10)

    /// - Parameters:
    ///   - sent: when the request was sent.
    ///   - progress: when something has last moved.
    static func verdict(sent: NIODeadline, progress: NIODeadline, now: NIODeadline) -> Verdict {
        let deadline = min(max(sent, progress) + Self.pause, sent + Self.longest)
        return now < deadline ? .wait(until: deadline) : .giveUp
    }

    /// Calls `giveUp` if the answer does not come in time.
    ///
    /// - Parameter progress: when something has last moved; `nil` while nothing can, so that the time begins anew.
    static func watch(
        _ reply: EventLoopFuture<Reply>,
        sent: NIODeadline,
        progress: @escaping () -> NIODeadline?,
        giveUp: @escaping () -> Void
    ) {
        func look(at deadline: NIODeadline, sent: NIODeadline) {
            let task = reply.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
                let now = reply.eventLoop.now
                guard let progress = progress() else { return look(at: now + Self.pause, sent: now) }
                switch Self.verdict(sent: sent, progress: progress, now: now) {
                case .wait(let deadline): look(at: deadline, sent: sent)
                case .giveUp: giveUp()
                }
            }
            reply.assumeIsolated().whenComplete { _ in task.cancel() }
        }
        look(at: sent + Self.pause, sent: sent)
    }
}
