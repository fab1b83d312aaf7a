// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

extension Message {
    /// What a message may hold on every backend.
    public enum Limits {
        /// The longest id, topic, type, source, ordering key, content type or header name, in bytes of UTF-8 (AMQP `shortstr`, AMQP 0-9-1 §4.2.5.3).
        public static let shortStringBytes = 255
        /// The largest body, in bytes.
        public static let bodyBytes = 8 * 1024 * 1024
        /// The most that all headers may take in AMQP's encoding, in bytes, so that they fit into one frame with room for a broker's own.
        public static let headerBytes = 32 * 1024
        /// How deep tables and arrays in headers may nest.
        public static let headerDepth = 16
    }

    /// Checks the limits that hold on every backend.
    ///
    /// - Throws: ``BusError`` with code `invalidMessage` that names the field, its size and the limit.
    public func validate() throws(BusError) {
        try Message.check("id", self.id)
        if self.id.isEmpty { throw BusError(.invalidMessage, "id must not be empty") }
        try Message.check("topic", self.topic.name)
        try Message.check("type", self.type)
        try Message.check("source", self.source)
        try Message.check("ordering key", self.orderingKey ?? "")
        try Message.check("content type", self.contentType)
        if self.body.count > Limits.bodyBytes {
            throw BusError(.invalidMessage, "body has \(self.body.count) bytes, the limit is \(Limits.bodyBytes)")
        }
        guard !self.headers.isEmpty else { return }
        for name in self.headers.keys.sorted() {
            try Message.check("header name", name)
            guard !Message.isReserved(header: name) else {
                throw BusError(.invalidMessage, "header name \(name) is reserved")
            }
        }
        let (bytes, depth) = HeaderValue.table(self.headers).encoded
        if bytes > Limits.headerBytes {
            throw BusError(.invalidMessage, "headers take \(bytes) bytes, the limit is \(Limits.headerBytes)")
        }
        if depth > Limits.headerDepth {
            throw BusError(.invalidMessage, "headers nest \(depth) levels deep, the limit is \(Limits.headerDepth)")
        }
        if let name = Message.overlongName(in: .table(self.headers)) {
            throw BusError(.invalidMessage, "header name has \(name) bytes, the limit is \(Limits.shortStringBytes)")
        }
        if Message.hasInfinity(.table(self.headers)) {
            // RabbitMQ's decoder cannot read one and closes the connection.
            throw BusError(.invalidMessage, "a header is an infinite number or none")
        }
    }

    /// Whether a header belongs to the wire contract or to a broker, so that producers must not set it; see ``HeaderName``.
    package static func isReserved(header name: String) -> Bool { HeaderName.isReserved(name) }

    // Inlined, since several texts of every published message are checked.
    @inline(__always)
    private static func check(_ field: StaticString, _ text: String) throws(BusError) {
        if text.utf8.count > Limits.shortStringBytes { throw Message.overlong(field, text) }
    }

    @inline(never)
    private static func overlong(_ field: StaticString, _ text: String) -> BusError {
        BusError(.invalidMessage, "\(field) has \(text.utf8.count) bytes, the limit is \(Limits.shortStringBytes)")
    }

    /// Whether a number that is not finite stands anywhere in a value.
    private static func hasInfinity(_ value: HeaderValue) -> Bool {
        switch value {
        case .double(let number): !number.isFinite
        case .array(let values): values.contains(where: Message.hasInfinity)
        case .table(let entries): entries.values.contains(where: Message.hasInfinity)
        default: false
        }
    }

    /// The length of the longest name that is too long, anywhere in nested tables.
    private static func overlongName(in value: HeaderValue) -> Int? {
        switch value {
        case .table(let entries):
            let lengths = entries.keys.map(\.utf8.count).filter { $0 > Limits.shortStringBytes }
            return (lengths + entries.values.compactMap(Message.overlongName(in:))).max()
        case .array(let values):
            return values.compactMap(Message.overlongName(in:)).max()
        default:
            return nil
        }
    }
}
