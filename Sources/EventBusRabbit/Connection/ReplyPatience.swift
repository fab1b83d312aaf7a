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
    /// The same while a connection is being prepared and another host could be tried instead.
    static let pauseAmongHosts = TimeAmount.seconds(6)
    /// How long an answer may take on a connection on which other things move.
    static let longest = TimeAmount.minutes(10)

    /// - Parameters:
    ///   - sent: when the request was sent.
    ///   - progress: when something has last moved.
    ///   - pause: how long nothing may move.
    static func verdict(
        sent: NIODeadline,
        progress: NIODeadline,
        now: NIODeadline,
        pause: TimeAmount = Self.pause
    ) -> Verdict {
        let deadline = min(max(sent, progress) + pause, sent + Self.longest)
        return now < deadline ? .wait(until: deadline) : .giveUp
    }

    /// Calls `giveUp` if the answer does not come in time.
    ///
    /// - Parameters:
    ///   - pause: how long nothing may move.
    ///   - progress: when something has last moved; `nil` while nothing can, so that the time begins anew.
    static func watch(
        _ reply: EventLoopFuture<Reply>,
        sent: NIODeadline,
        pause: TimeAmount,
        progress: @escaping () -> NIODeadline?,
        giveUp: @escaping () -> Void
    ) {
        func look(at deadline: NIODeadline, sent: NIODeadline) {
            let task = reply.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
                let now = reply.eventLoop.now
                guard let progress = progress() else { return look(at: now + pause, sent: now) }
                switch Self.verdict(sent: sent, progress: progress, now: now, pause: pause) {
                case .wait(let deadline): look(at: deadline, sent: sent)
                case .giveUp: giveUp()
                }
            }
            reply.assumeIsolated().whenComplete { _ in task.cancel() }
        }
        look(at: sent + pause, sent: sent)
    }
}
