// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// How far the bytes of a connection have got on their way to the socket: a pure state machine.
///
/// Positions count all bytes of the connection from its beginning. Only what takes the socket some time is followed piece by piece.
struct SendProgress {
    /// The size of a piece whose way is followed.
    static let piece = 64 * 1024

    /// Where the bytes end that were handed to the socket.
    private(set) var handed = 0
    /// Where the bytes end that the socket has taken.
    private(set) var left = 0
    /// When the socket has last taken some of those that it could not take at once.
    private(set) var lastLeft: NIODeadline

    init(now: NIODeadline) {
        self.lastLeft = now
    }

    /// Whether bytes wait for the socket.
    var isWaiting: Bool { self.left < self.handed }

    /// Bytes are about to be handed to the socket.
    ///
    /// - Returns: the sizes of the pieces to hand over, of each of which ``leave(_:now:)`` has to tell; `nil` if that is not worth it,
    ///   because they are few and nothing is ahead of them.
    mutating func hand(_ count: Int) -> [Int]? {
        guard self.isWaiting || count > Self.piece else {
            self.handed += count
            self.left = self.handed
            return nil
        }
        self.handed += count
        let whole = Array(repeating: Self.piece, count: count / Self.piece)
        return count % Self.piece == 0 ? whole : whole + [count % Self.piece]
    }

    /// The socket has taken a piece.
    ///
    /// - Returns: the positions that it covers: beyond the first, up to the second.
    mutating func leave(_ count: Int, now: NIODeadline) -> (after: Int, upTo: Int) {
        defer {
            self.left += count
            self.lastLeft = now
        }
        return (self.left, self.left + count)
    }
}

extension ChannelHandlerContext {
    /// Writes bytes piece by piece; `left` is called with the size of each that the socket has taken.
    func write(_ bytes: ByteBuffer, inPieces sizes: [Int], _ left: @escaping (Int) -> Void) {
        var bytes = bytes
        for size in sizes {
            guard let piece = bytes.readSlice(length: size) else { return }
            let promise = self.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { left(size) }
            self.write(NIOAny(piece), promise: promise)
        }
    }
}

extension Channel {
    /// Keeps most of what is to be sent out of the system's buffer, where its way cannot be followed.
    func limitUnsentBytes() {
        #if canImport(Darwin)
        let option = NIOBSDSocket.Option(rawValue: 0x201)
        #else
        let option = NIOBSDSocket.Option(rawValue: 25)
        #endif
        // TCP_NOTSENT_LOWAT; without it a slow network is recognized later.
        _ = self.setOption(ChannelOptions.Types.SocketOption(level: .tcp, name: option), value: 256 * 1024)
    }
}
