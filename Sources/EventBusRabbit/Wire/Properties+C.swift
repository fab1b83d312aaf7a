// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import CRabbitMQ

extension Properties {
    /// Copies the properties out of librabbitmq's memory.
    init(_ decoded: amqp_basic_properties_t) {
        func has(_ flag: Int32) -> Bool { decoded._flags & amqp_flags_t(flag) != 0 }
        func text(_ flag: Int32, _ bytes: amqp_bytes_t) -> String? { has(flag) ? String(bytes) : nil }
        self.contentType = text(AMQP_BASIC_CONTENT_TYPE_FLAG, decoded.content_type)
        self.contentEncoding = text(AMQP_BASIC_CONTENT_ENCODING_FLAG, decoded.content_encoding)
        self.deliveryMode = has(AMQP_BASIC_DELIVERY_MODE_FLAG) ? decoded.delivery_mode : nil
        self.priority = has(AMQP_BASIC_PRIORITY_FLAG) ? decoded.priority : nil
        self.correlationID = text(AMQP_BASIC_CORRELATION_ID_FLAG, decoded.correlation_id)
        self.replyTo = text(AMQP_BASIC_REPLY_TO_FLAG, decoded.reply_to)
        self.expiration = text(AMQP_BASIC_EXPIRATION_FLAG, decoded.expiration)
        self.messageID = text(AMQP_BASIC_MESSAGE_ID_FLAG, decoded.message_id)
        self.timestamp = has(AMQP_BASIC_TIMESTAMP_FLAG) ? decoded.timestamp : nil
        self.type = text(AMQP_BASIC_TYPE_FLAG, decoded.type)
        self.userID = text(AMQP_BASIC_USER_ID_FLAG, decoded.user_id)
        self.appID = text(AMQP_BASIC_APP_ID_FLAG, decoded.app_id)
        self.clusterID = text(AMQP_BASIC_CLUSTER_ID_FLAG, decoded.cluster_id)
    }

    /// The texts in the order of the C structure's fields.
    private var texts: [(flag: Int32, value: String?)] {
        [
            (AMQP_BASIC_CONTENT_TYPE_FLAG, self.contentType),
            (AMQP_BASIC_CONTENT_ENCODING_FLAG, self.contentEncoding),
            (AMQP_BASIC_CORRELATION_ID_FLAG, self.correlationID),
            (AMQP_BASIC_REPLY_TO_FLAG, self.replyTo),
            (AMQP_BASIC_EXPIRATION_FLAG, self.expiration),
            (AMQP_BASIC_MESSAGE_ID_FLAG, self.messageID),
            (AMQP_BASIC_TYPE_FLAG, self.type),
            (AMQP_BASIC_USER_ID_FLAG, self.userID),
            (AMQP_BASIC_APP_ID_FLAG, self.appID),
            (AMQP_BASIC_CLUSTER_ID_FLAG, self.clusterID),
        ]
    }

    /// The name of a text that is too long for a `shortstr`, with its length in bytes.
    var overlong: Int? {
        self.texts.lazy.compactMap { $0.value?.utf8.count }.first { $0 > 255 }
    }

    /// Calls `body` with the properties as librabbitmq wants them, without headers.
    func withCProperties(
        _ body: (UnsafeMutablePointer<amqp_basic_properties_t>) throws(WireError) -> Void
    ) throws(WireError) {
        if let length = self.overlong { throw WireError(.tooLarge, "property of \(length) bytes") }
        let texts = self.texts
        var failure: WireError?
        withCBytes(texts.map { $0.value ?? "" }) { bytes in
            var properties = amqp_basic_properties_t()
            for text in texts where text.value != nil { properties._flags |= amqp_flags_t(text.flag) }
            properties.content_type = bytes[0]
            properties.content_encoding = bytes[1]
            properties.correlation_id = bytes[2]
            properties.reply_to = bytes[3]
            properties.expiration = bytes[4]
            properties.message_id = bytes[5]
            properties.type = bytes[6]
            properties.user_id = bytes[7]
            properties.app_id = bytes[8]
            properties.cluster_id = bytes[9]
            if let deliveryMode = self.deliveryMode {
                properties._flags |= amqp_flags_t(AMQP_BASIC_DELIVERY_MODE_FLAG)
                properties.delivery_mode = deliveryMode
            }
            if let priority = self.priority {
                properties._flags |= amqp_flags_t(AMQP_BASIC_PRIORITY_FLAG)
                properties.priority = priority
            }
            if let timestamp = self.timestamp {
                properties._flags |= amqp_flags_t(AMQP_BASIC_TIMESTAMP_FLAG)
                properties.timestamp = timestamp
            }
            do throws(WireError) { try body(&properties) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
