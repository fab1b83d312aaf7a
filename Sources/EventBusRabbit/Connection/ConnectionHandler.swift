// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import NIOCore

/// AMQP on a NIO channel: frames in, frames out, heartbeats, requests and their answers.
///
/// Confined to the event loop.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var state: ConnectionState
    private var decoder = FrameDecoder()
    private let pool = CodecPool()
    private var channels = ChannelTable()
    private var heartbeats: Heartbeats?
    private var outbox = ByteBuffer()
    private(set) var sending: SendProgress
    /// When anything but a heartbeat has last arrived.
    private var lastFrame: NIODeadline
    private var isFlushing = false
    private var context: ChannelHandlerContext?
    private let opened: EventLoopPromise<ConnectionState.Limits>
    private var isReading = false
    /// Belongs into the pipeline before this handler; while it is closed, the broker's silence is not judged.
    let readGate = ReadGate()

    private(set) var isBlocked = false
    private(set) var frameMax = Frame.minimumSize
    /// How long an answer may take while nothing moves.
    var replyPause = ReplyPatience.pause
    /// When a queue has last stored a message that was published on any of the channels.
    var lastStored = NIODeadline.uptimeNanoseconds(0)
    /// The largest body that the broker accepts, as far as it has told.
    var maximumBody = Int.max
    /// Called when the broker stops accepting messages, with its reason, and with `nil` when it accepts them again.
    var onBlocked: ((_ reason: String?) -> Void)?

    init(_ wishes: ConnectionState.Wishes, opened: EventLoopPromise<ConnectionState.Limits>) {
        self.state = ConnectionState(wishes)
        self.opened = opened
        let now = opened.futureResult.eventLoop.now
        (self.sending, self.lastFrame) = (SendProgress(now: now), now)
    }

    /// Why the connection has ended; `nil` while it has not.
    var failure: ConnectionFailure? { self.state.failure }

    /// The broker's version, as far as it is known.
    var version: (major: Int, minor: Int)? { self.state.version }
    var limits: ConnectionState.Limits? { self.state.limits }

    var eventLoop: any EventLoop { self.opened.futureResult.eventLoop }

    var isWritable: Bool { self.context?.channel.isWritable ?? false }

    /// Where the bytes end that have been written so far; see ``SendProgress``.
    var position: Int { self.sending.handed + self.outbox.readableBytes }

    // MARK: ChannelInboundHandler

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { self.greet() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.perform(self.state.lost())
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) { self.greet() }

    func channelInactive(context: ChannelHandlerContext) {
        self.perform(self.state.lost())
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.perform(self.state.failed(ConnectionFailure(.unreachable, TLSHint.text("\(error)"))))
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        for channel in self.channels.all { channel.delegate?.writabilityChanged() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.isReading = true
        let now = context.eventLoop.now
        self.heartbeats?.read(now: now)
        self.decoder.append(self.unwrapInboundIn(data))
        do {
            while self.failure == nil, let frame = try self.decoder.next() {
                if frame.kind != .heartbeat { self.lastFrame = now }
                try self.received(frame)
            }
            if !self.decoder.isEmpty { self.lastFrame = now }
        } catch {
            self.perform(self.state.failed(ConnectionFailure(.malformed, "\(error)")))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        for channel in self.channels.all { channel.delegate?.readCompleted() }
        self.isReading = false
        self.flush()
    }

    // MARK: For sessions

    /// Opens the next free channel.
    func openChannel() throws(ConnectionFailure) -> AMQPChannel {
        if let failure = self.failure { throw failure }
        return self.channels.open()
    }

    /// Sends a request; when no answer comes in time, the connection is closed.
    ///
    /// - Parameter isUrgent: `false` if the answer may take as long as the deliveries before it.
    func call(_ method: ClientMethod, on channel: AMQPChannel, isUrgent: Bool = true) -> EventLoopFuture<Reply> {
        let loss = self.context == nil ? ConnectionFailure(.lost, "connection was lost") : nil
        if let failure = channel.failure ?? self.failure ?? loss { return self.eventLoop.makeFailedFuture(failure) }
        let promise = self.eventLoop.makePromise(of: Reply.self)
        channel.expectReply(promise)
        self.send(method, on: channel.number)
        self.flush()
        guard isUrgent else { return promise.futureResult }
        ReplyPatience.watch(promise.futureResult, sent: self.eventLoop.now, pause: self.replyPause) {
            // During an alarm the broker reads nothing, and while the gate is closed this side does not.
            guard !self.isBlocked, self.readGate.isOpen else { return nil }
            return max(self.lastFrame, self.sending.lastLeft, self.readGate.lastOpened)
        } giveUp: {
            self.fail(ConnectionFailure(.silent, "the broker did not answer a request"))
        }
        return promise.futureResult
    }

    /// Appends frames to the outgoing buffer; see ``flush()``.
    func write<Result>(_ body: (inout ByteBuffer) throws(CodecError) -> Result) throws(CodecError) -> Result {
        try body(&self.outbox)
    }

    func send(_ method: ClientMethod, on channel: UInt16) {
        guard self.failure == nil else { return }
        do {
            try FrameEncoder.method(method, channel: channel, into: &self.outbox)
        } catch {
            self.perform(self.state.failed(ConnectionFailure(.malformed, "\(error)")))
        }
    }

    /// Writes the outgoing buffer to the socket; during a read this happens once, at its end.
    func flush() {
        guard !self.isReading, self.outbox.readableBytes > 0, let context = self.context else { return }
        // Appending to a buffer that is still in the pipeline would copy it.
        let bytes = self.outbox
        self.outbox = ByteBuffer()
        self.heartbeats?.wrote(now: context.eventLoop.now)
        guard let pieces = self.sending.hand(bytes.readableBytes) else {
            return context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
        }
        context.write(bytes, inPieces: pieces, self.left)
        self.isFlushing = true
        context.flush()
        self.isFlushing = false
    }

    private func left(_ count: Int) {
        let (after, upTo) = self.sending.leave(count, now: self.eventLoop.now)
        // What leaves at once has left when it was written.
        guard !self.isFlushing else { return }
        for channel in self.channels.all { channel.delegate?.bytesLeft(after: after, upTo: upTo) }
    }

    /// Closes the connection properly, or after 5 s if the broker does not answer.
    func close() {
        self.readGate.isOpen = true
        self.perform(self.state.close())
        self.flush()
        _ = self.context?.eventLoop.assumeIsolated().scheduleTask(in: .seconds(5)) {
            self.perform(self.state.failed(ConnectionFailure(.closed, "connection was closed")))
        }
    }

    /// Closes the connection because of a failure.
    func fail(_ failure: ConnectionFailure) { self.perform(self.state.failed(failure)) }

    // MARK: Effects

    private func greet() {
        self.context.map {
            $0.channel.limitUnsentBytes()
            $0.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: [65, 77, 81, 80, 0, 0, 9, 1])), promise: nil)
        }
    }

    private func received(_ frame: Frame) throws {
        if frame.kind == .heartbeat { return }
        if frame.channel == 0 {
            guard frame.kind == .method else { throw CodecError(.unexpectedFrame, "content on channel 0") }
            self.perform(self.state.received(try MethodDecoder.decode(frame.payload, pool: self.pool)))
            return
        }
        // Frames that were on their way when their channel was closed are ignored.
        guard let channel = self.channels.channel(frame.channel) else { return }
        switch frame.kind {
        case .method:
            let method = try MethodDecoder.decode(frame.payload, pool: self.pool)
            if method.hasContent { try channel.assembler.begin(method) } else { self.received(method, on: channel) }
        case .header:
            try channel.assembler.header(frame.payload).map(channel.received)
        default:
            try channel.assembler.body(frame.payload).map(channel.received)
        }
    }

    private func received(_ method: ServerMethod, on channel: AMQPChannel) {
        switch method {
        case .channelClose(let code, let text):
            self.send(.channelCloseOk, on: channel.number)
            self.channels.remove(channel)
            channel.close(ConnectionFailure(.channelClosed(code), "\(code) \(text)"))
        case .channelFlow(let active):
            self.send(.channelFlowOk(active: active), on: channel.number)
        case .channelCloseOk:
            self.channels.remove(channel)
            channel.received(method)
            channel.close(ConnectionFailure(.closed, "channel was closed"))
        default:
            channel.received(method)
        }
    }

    private func perform(_ action: ConnectionState.Action) {
        switch action {
        case .none: break
        case .send(let methods):
            for method in methods { self.send(method, on: 0) }
        case .tune(let limits, let methods):
            self.frameMax = limits.frameMax
            self.decoder.maximumPayload = limits.frameMax - Frame.overhead
            for method in methods { self.send(method, on: 0) }
            self.startHeartbeats(.seconds(Int64(limits.heartbeat)))
        case .opened(let limits):
            self.opened.succeed(limits)
        case .blocked(let reason):
            self.setBlocked(reason)
        case .unblocked:
            self.setBlocked(nil)
        case .fail(let failure, let goodbye):
            self.end(failure, goodbye)
        }
    }

    private func setBlocked(_ reason: String?) {
        self.isBlocked = reason != nil
        self.onBlocked?(reason)
        for channel in self.channels.all { channel.delegate?.blockedChanged(self.isBlocked) }
    }

    private func startHeartbeats(_ interval: TimeAmount) {
        guard let context = self.context else { return }
        self.heartbeats = Heartbeats(interval: interval, now: context.eventLoop.now)
        self.scheduleHeartbeat()
    }

    private func scheduleHeartbeat() {
        guard let context = self.context, let period = self.heartbeats?.period, self.failure == nil else { return }
        _ = context.eventLoop.assumeIsolated().scheduleTask(in: period) {
            if !self.readGate.isOpen { self.heartbeats?.read(now: context.eventLoop.now) }
            switch self.heartbeats?.tick(now: context.eventLoop.now) {
            case .send where self.failure == nil:
                FrameEncoder.heartbeat(into: &self.outbox)
                self.flush()
            case .giveUp:
                self.fail(ConnectionFailure(.silent, "nothing came from the broker for two heartbeats"))
            default:
                break
            }
            self.scheduleHeartbeat()
        }
    }

    private func end(_ failure: ConnectionFailure, _ goodbye: ClientMethod?) {
        // Acknowledgements are written as well if the connection itself still works.
        if let context = self.context, goodbye != nil || [.cancelled, .standstill].contains(failure.code) {
            var bytes = self.outbox
            // A method without fields or with a short text always fits.
            if let goodbye { try? FrameEncoder.method(goodbye, channel: 0, into: &bytes) }
            context.writeAndFlush(self.wrapOutboundOut(bytes), promise: nil)
        }
        self.outbox = ByteBuffer()
        self.opened.fail(failure)
        self.onBlocked = nil
        for channel in self.channels.removeAll() { channel.close(failure) }
        self.context?.close(promise: nil)
    }
}
