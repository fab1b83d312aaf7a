// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Asks RabbitMQ's management; it never changes anything.
struct ManagementClient: Sendable {
    let address: ManagementAddress
    /// The value of the header of that name; it holds the password, and is nowhere else.
    let authorization: String
    let tls: NIOSSLContext?
    let virtualHost: String
    /// How long an answer may take.
    var timeout = TimeAmount.seconds(30)

    /// Reads something of the virtual host.
    ///
    /// - Parameters:
    ///   - kind: such as `queues`.
    ///   - query: without the question mark.
    /// - Throws: ``CommandError``.
    func list<Item: Decodable>(_ kind: String, query: String = "", as type: Item.Type = Item.self) async throws
        -> [Item]
    {
        try await self.read("\(kind)/\(Self.escaped(self.virtualHost))", query: query)
    }

    /// - Throws: ``CommandError``.
    func read<Value: Decodable>(_ path: String, query: String = "", as type: Value.Type = Value.self) async throws
        -> Value
    {
        try await self.attempt(path, query: query, as: Value.self).get()
    }

    /// Reads something that not every user may see, and not every version has.
    ///
    /// - Returns: what it is, or what is wrong with the answer.
    /// - Throws: ``CommandError`` when there is no answer.
    func attempt<Value: Decodable>(
        _ path: String,
        query: String = "",
        as type: Value.Type = Value.self
    ) async throws -> Result<Value, CommandError> {
        let answer = try await self.answer(to: "\(path)\(query.isEmpty ? "" : "?\(query)")")
        guard answer.status == 200 else { return .failure(self.refusal(answer.status, path)) }
        do {
            return .success(try JSONDecoder().decode(Value.self, from: Data(answer.body)))
        } catch {
            return .failure(
                CommandError(
                    CommandExit.problem,
                    "\(self.address.description) does not answer like RabbitMQ's management: /api/\(path) is not what was expected"
                )
            )
        }
    }

    /// - Throws: ``CommandError`` unless the answer is 200.
    func get(_ path: String) async throws -> ManagementAnswer {
        let answer = try await self.answer(to: path)
        guard answer.status == 200 else { throw self.refusal(answer.status, path) }
        return answer
    }

    private func answer(to path: String) async throws -> ManagementAnswer {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = eventLoop.makePromise(of: ManagementAnswer.self)
        let timer = eventLoop.scheduleTask(in: self.timeout) {
            promise.fail(ManagementFailure.text("no answer within \(self.timeout.nanoseconds / 1_000_000_000) s"))
        }
        defer { timer.cancel() }
        let bootstrap = ClientBootstrap(group: eventLoop).connectTimeout(.seconds(10)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let operations = channel.pipeline.syncOperations
                if let tls = self.tls { try operations.addHandler(self.tlsHandler(tls)) }
                try operations.addHTTPClientHandlers()
                try operations.addHandler(ManagementExchange(self.request(path), promise))
            }
        }
        let connected = bootstrap.connect(host: self.address.host, port: self.address.port)
        connected.whenFailure { promise.fail($0) }
        // Also after a failure or when the time is over.
        promise.futureResult.whenComplete { _ in connected.whenSuccess { $0.close(promise: nil) } }
        do {
            return try await withTaskCancellationHandler {
                try await promise.futureResult.get()
            } onCancel: {
                promise.fail(CancellationError())
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw CommandError(
                CommandExit.unreachable,
                "RabbitMQ's management at \(self.address.description): \(error)"
            )
        }
    }

    private func request(_ path: String) -> HTTPRequestHead {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: "\(self.address.path)/api/\(path)")
        head.headers.add(name: "Host", value: "\(self.address.host):\(self.address.port)")
        head.headers.add(name: "Authorization", value: self.authorization)
        head.headers.add(name: "Accept", value: "application/json")
        head.headers.add(name: "Connection", value: "close")
        return head
    }

    private func tlsHandler(_ context: NIOSSLContext) throws -> NIOSSLClientHandler {
        // SNI allows no addresses (RFC 6066 §3).
        let isAddress = (try? SocketAddress(ipAddress: self.address.host, port: 0)) != nil
        return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : self.address.host)
    }

    /// What an answer other than 200 means.
    func refusal(_ status: Int, _ path: String) -> CommandError {
        let reason =
            switch status {
            case 401:
                "user and password are wrong, or the user has no tag: `rabbitmqctl set_user_tags <user> monitoring`"
            case 403: "the user may not see that: `rabbitmqctl set_user_tags <user> monitoring`"
            case 404: "there is no such thing, or this is not RabbitMQ's management"
            case 500...: "it cannot answer at the moment"
            default: "it refused the request"
            }
        let isAway = [401, 403].contains(status) || status >= 500
        let what = path.prefix { $0 != "?" }
        return CommandError(
            isAway ? CommandExit.unreachable : CommandExit.problem,
            "RabbitMQ's management at \(self.address.description) answers /api/\(what) with \(status): \(reason)"
        )
    }

    /// Percent-encodes everything but the unreserved characters (RFC 3986 §2.3).
    static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let character = Character(Unicode.Scalar(byte))
            let isPlain = character.isASCII && (character.isLetter || character.isNumber || "-._~".contains(character))
            let digits = String(byte, radix: 16, uppercase: true)
            return isPlain ? String(character) : "%\(digits.count < 2 ? "0" : "")\(digits)"
        }.joined()
    }
}
