// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOSSL

/// A connection of Hummingbird's server: HTTP/1.1 with limits of time and size, and work that ends with its client.
struct ClientChannel: ServerChildChannel {
    struct Connection: ServerChildChannelValue {
        let requests: NIOAsyncChannel<ClientRequest, HTTPResponsePart>
        let client: Client

        var channel: any Channel { self.requests.channel }
    }

    /// So much is read at once, in bytes: more than most requests have.
    private static let readSize = 4096

    let limits: ConnectionLimits
    let gate: ConnectionGate
    let certificate: ServerCertificate?
    let respond: HTTPChannelHandler.Responder

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Connection> {
        let connection: EventLoopFuture<Connection> = channel.eventLoop.makeCompletedFuture {
            try self.gate.admit(channel)
            try channel.syncOptions?
                .setOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.readSize))
            let client = Client()
            let pipeline = channel.pipeline.syncOperations
            if let certificate = self.certificate {
                try pipeline.addHandler(NIOSSLServerHandler(context: certificate.context()))
            }
            try pipeline.addHandler(ArrivalHandler())
            var decoder = NIOHTTPDecoderLimitConfiguration()
            decoder.maxHeaderFieldSize = self.limits.headSize
            decoder.maxHeaderListSize = self.limits.headSize
            decoder.maxHeaderFieldCount = self.limits.fieldCount
            try pipeline.configureHTTPServerPipeline(
                withPipeliningAssistance: false,
                withErrorHandling: false,
                // The types of answers are valid by themselves.
                withOutboundHeaderValidation: false,
                withEncoderConfiguration: .init(),
                withDecoderLimitConfiguration: decoder
            )
            let isSecure = self.certificate != nil
            try pipeline.addHandler(ConnectionHandler(client, self.limits, isSecure: isSecure, logger: logger))
            let requests = try NIOAsyncChannel<ClientRequest, HTTPResponsePart>(wrappingChannelSynchronously: channel)
            // When the server ends at this moment, nobody takes the connection, and a writer that nobody has finished ends the process.
            let answers = requests.outbound
            channel.closeFuture.whenComplete { _ in answers.finish() }
            return Connection(requests: requests, client: client)
        }
        // Nobody else closes a connection that could not be set up.
        connection.whenFailure { _ in channel.close(promise: nil) }
        return connection
    }

    func handle(value connection: Connection, logger: Logger) async {
        do {
            try await withTaskCancellationHandler {
                try await connection.requests.executeThenClose { requests, answers in
                    for try await request in requests {
                        try await Self.about(connection) {
                            let body = RequestBody(asyncSequence: request.body)
                            let writer = ResponseWriter(outbound: answers)
                            try await self.respond(Request(head: request.head, body: body), writer, connection.channel)
                        }
                    }
                }
            } onCancel: {
                connection.channel.close(promise: nil)
            }
        } catch {
            // The client has gone before its answer.
            logger.trace("A connection ended early", metadata: ["error.type": "\(type(of: error))"])
        }
    }

    /// Runs `body` with what it may want to know about its client.
    private static func about(_ connection: Connection, _ body: () async throws -> Void) async rethrows {
        try await Client.$current.withValue(connection.client) {
            try await ClientAddress.$peer.withValue(connection.channel.remoteAddress) { try await body() }
        }
    }
}
