// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Does for one connection what its ``ConnectionState`` decides.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = ClientRequest
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let client: Client
    private let isSecure: Bool
    private let logger: Logger
    private var state: ConnectionState
    private var context: ChannelHandlerContext?
    private var body: ClientBody?
    private var lastWrite: EventLoopFuture<Void>?
    private var timer: (deadline: NIODeadline, scheduled: Scheduled<Void>)?
    private var isReadHeldBack = false

    init(_ client: Client, _ limits: ConnectionLimits, isSecure: Bool, logger: Logger) {
        self.client = client
        self.isSecure = isSecure
        self.logger = logger
        self.state = ConnectionState(limits, at: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        self.setTimer()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.perform(self.state.closed(at: .now()))
        self.timer?.scheduled.cancel()
        self.context = nil
    }

    // MARK: - From the client

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let input: ConnectionInput
        switch ConnectionHandler.unwrapInboundIn(data) {
        case .head(let head):
            do throws(Problem) {
                input = .head(try RequestHead(head, isSecure: self.isSecure))
            } catch {
                input = .malformed(error)
            }
        case .body(let part): input = .body(part)
        // What comes behind a body in chunks says nothing to these APIs.
        case .end: input = .end
        }
        self.perform(self.state.receive(input, at: .now()))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        self.setTimer()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let arrival as ArrivalHandler.Arrival:
            self.perform(self.state.receive(.bytes(arrival.count), at: .now()))
        case ChannelEvent.inputClosed: self.perform(self.state.inputClosed(at: .now()))
        case is ChannelShouldQuiesceEvent: self.perform(self.state.drain(at: .now()))
        default: context.fireUserInboundEventTriggered(event)
        }
        self.setTimer()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow: self.perform(self.state.receive(.malformed(.headTooLarge), at: .now()))
        case is HTTPParserError: self.perform(self.state.receive(.malformed(.malformedRequest), at: .now()))
        // More came behind what the parser could not read.
        case is ByteToMessageDecoderError: break
        default: self.perform(self.state.closed(at: .now()))
        }
        self.setTimer()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.perform(self.state.closed(at: .now()))
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.state.becameWritable(context.channel.isWritable, at: .now())
        self.setTimer()
        context.fireChannelWritabilityChanged()
    }

    func read(context: ChannelHandlerContext) {
        self.isReadHeldBack = !self.state.wantsRead
        if !self.isReadHeldBack { context.read() }
    }

    // MARK: - From the API

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        // The connection may have answered itself meanwhile.
        guard self.state.isServing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch ConnectionHandler.unwrapOutboundIn(data) {
        case .head(let response):
            var head = HTTPResponseHead(response)
            if self.state.answerBegins() { head.headers.replaceOrAdd(name: "connection", value: "close") }
            context.write(ConnectionHandler.wrapOutboundOut(.head(head)), promise: promise)
        case .body(let part):
            context.write(ConnectionHandler.wrapOutboundOut(.body(.byteBuffer(part))), promise: promise)
        case .end(let trailers):
            self.writeEnd(trailers.map { HTTPHeaders($0) }, promise, context)
            self.perform(self.state.answerEnds(at: .now()))
            // A request that has waited for its turn is delivered outside of a read.
            context.fireChannelReadComplete()
            self.setTimer()
        }
    }

    private func writeEnd(
        _ trailers: HTTPHeaders?,
        _ promise: EventLoopPromise<Void>?,
        _ context: ChannelHandlerContext
    ) {
        let promise = promise ?? context.eventLoop.makePromise()
        self.lastWrite = promise.futureResult
        context.write(ConnectionHandler.wrapOutboundOut(.end(trailers)), promise: promise)
    }

    /// The API wants a body for which the client waits to be asked.
    private func bodyWanted() {
        self.perform(self.state.bodyWanted(at: .now()))
        self.setTimer()
    }

    // MARK: - What the state decides

    private func perform(_ actions: [ConnectionAction]) {
        guard let context = self.context else { return }
        for action in actions {
            switch action {
            case .serve(let head): self.serve(head, context)
            case .give(let buffer):
                self.body?.end(.success(buffer))
                self.body = nil
            case .askForBody:
                context.writeAndFlush(
                    ConnectionHandler.wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))),
                    promise: nil
                )
            case .drop:
                self.client.leave()
                self.body?.end(.failure(CancellationError()))
                self.body = nil
            case .refuse(let problem): self.refuse(problem, context)
            case .finish: self.finish(context)
            case .closeOutput: context.close(mode: .output, promise: nil)
            case .close: context.close(promise: nil)
            }
        }
        if self.isReadHeldBack, self.state.wantsRead {
            self.isReadHeldBack = false
            context.read()
        }
    }

    private func serve(_ head: RequestHead, _ context: ChannelHandlerContext) {
        var onRead: (@Sendable () -> Void)?
        if head.expectsContinue {
            let loop = context.eventLoop
            let handler = NIOLoopBound(self, eventLoop: loop)
            onRead = { loop.execute { handler.value.bodyWanted() } }
        }
        let body = ClientBody(onRead: onRead)
        self.body = body
        context.fireChannelRead(ConnectionHandler.wrapInboundOut(ClientRequest(head: head.request, body: body)))
    }

    private func refuse(_ problem: Problem, _ context: ChannelHandlerContext) {
        let id = RequestID().description
        self.logger.debug(
            "A request was refused before it was read",
            metadata: ["hb.request.id": "\(id)", "http.status": "\(problem.status.code)"]
        )
        var response = problem.response()
        response.headers[.requestID] = id
        response.headers[.cacheControl] = "no-store"
        response.headers[.connection] = "close"
        context.write(ConnectionHandler.wrapOutboundOut(.head(HTTPResponseHead(response.head))), promise: nil)
        context.write(ConnectionHandler.wrapOutboundOut(.body(.byteBuffer(problem.body))), promise: nil)
        self.writeEnd(nil, nil, context)
        context.flush()
    }

    private func finish(_ context: ChannelHandlerContext) {
        let written = self.lastWrite ?? context.eventLoop.makeSucceededVoidFuture()
        written.assumeIsolated().whenComplete { _ in
            self.perform(self.state.flushed(at: .now()))
            self.setTimer()
        }
    }

    /// Sees to it that the state's next deadline is kept; a timer that comes too early does no harm.
    private func setTimer() {
        guard let context = self.context, let deadline = self.state.deadline else { return }
        if let timer = self.timer {
            guard deadline < timer.deadline else { return }
            timer.scheduled.cancel()
        }
        let scheduled = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.timer = nil
            self.perform(self.state.expire(at: .now()))
            self.setTimer()
        }
        self.timer = (deadline, scheduled)
    }
}
