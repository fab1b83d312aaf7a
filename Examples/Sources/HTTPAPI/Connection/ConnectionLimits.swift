// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

public import NIOCore

/// How long a client may take, and how much it may send.
public struct ConnectionLimits: Sendable, Hashable {
    /// How long a connection may be without a request.
    public var idle = TimeAmount.seconds(60)
    /// How long a request's head may take from its first byte on.
    public var head = TimeAmount.seconds(10)
    /// How long a body may take from the end of the head on; how long a client may take to accept an answer.
    public var body = TimeAmount.seconds(30)
    /// How long a body may make no progress.
    public var bodyPause = TimeAmount.seconds(10)
    /// How long a client may take to close a connection on which nothing more will be answered.
    public var farewell = TimeAmount.seconds(2)
    /// The size of a head: the target, the names and the values of all fields, in bytes.
    public var headSize = 16 * 1024
    /// The number of fields of a head.
    public var fieldCount = 100

    /// The limits of the services.
    public init() {}
}
