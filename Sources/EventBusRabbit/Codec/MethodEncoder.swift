// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import CEventBusRabbitMQ
import EventBus
import NIOCore

/// Writes the payload of method frames.
enum MethodEncoder {
    static func encode(_ method: ClientMethod, into buffer: inout ByteBuffer) throws(CodecError) {
        switch method {
        case .connectionStartOk, .connectionTuneOk, .connectionOpen, .connectionClose, .connectionCloseOk:
            try self.encodeConnection(method, into: &buffer)
        case .channelOpen:
            try self.write(AMQP_CHANNEL_OPEN_METHOD, amqp_channel_open_t(), into: &buffer) { _, _ in }
        case .channelFlowOk(let active):
            try self.write(AMQP_CHANNEL_FLOW_OK_METHOD, amqp_channel_flow_ok_t(), into: &buffer) { method, _ in
                method.active = active ? 1 : 0
            }
        case .channelClose:
            try self.write(AMQP_CHANNEL_CLOSE_METHOD, amqp_channel_close_t(), ["done"], into: &buffer) {
                $0.reply_code = 200
                $0.reply_text = $1[0]
            }
        case .channelCloseOk:
            try self.write(AMQP_CHANNEL_CLOSE_OK_METHOD, amqp_channel_close_ok_t(), into: &buffer) { _, _ in }
        case .confirmSelect:
            try self.write(AMQP_CONFIRM_SELECT_METHOD, amqp_confirm_select_t(), into: &buffer) { _, _ in }
        case .exchangeDeclare, .exchangeBind, .exchangeUnbind, .queueDeclare, .exclusiveQueueDeclare, .queueBind,
            .queueUnbind:
            try self.encodeTopology(method, into: &buffer)
        case .exchangeDelete(let name):
            try self.write(AMQP_EXCHANGE_DELETE_METHOD, amqp_exchange_delete_t(), [name], into: &buffer) {
                $0.exchange = $1[0]
            }
        case .queueDelete(let name):
            try self.write(AMQP_QUEUE_DELETE_METHOD, amqp_queue_delete_t(), [name], into: &buffer) {
                $0.queue = $1[0]
            }
        case .basicQos, .basicConsume, .basicCancel, .basicGet, .basicAck:
            try self.encodeBasic(method, into: &buffer)
        }
    }

    private static func encodeConnection(_ method: ClientMethod, into buffer: inout ByteBuffer) throws(CodecError) {
        switch method {
        case .connectionStartOk(let properties, let mechanism, let response):
            let start = buffer.writerIndex
            try self.write(
                AMQP_CONNECTION_START_OK_METHOD,
                amqp_connection_start_ok_t(),
                [mechanism, response, "en_US"],
                into: &buffer
            ) {
                $0.mechanism = $1[0]
                $0.response = $1[1]
                $0.locale = $1[2]
            }
            let table = start + 4
            let after = buffer.getSlice(at: table + 4, length: buffer.writerIndex - table - 4)
            buffer.moveWriterIndex(to: table)
            buffer.writeTable(HeaderTable(properties))
            if let after { buffer.writeImmutableBuffer(after) }
        case .connectionTuneOk(let channelMax, let frameMax, let heartbeat):
            try self.write(AMQP_CONNECTION_TUNE_OK_METHOD, amqp_connection_tune_ok_t(), into: &buffer) {
                method,
                _ in
                method.channel_max = channelMax
                method.frame_max = frameMax
                method.heartbeat = heartbeat
            }
        case .connectionOpen(let virtualHost):
            try self.write(AMQP_CONNECTION_OPEN_METHOD, amqp_connection_open_t(), [virtualHost, ""], into: &buffer) {
                $0.virtual_host = $1[0]
                $0.capabilities = $1[1]
            }
        case .connectionClose(let code, let text):
            try self.write(AMQP_CONNECTION_CLOSE_METHOD, amqp_connection_close_t(), [text], into: &buffer) {
                $0.reply_code = code
                $0.reply_text = $1[0]
            }
        default:
            try self.write(AMQP_CONNECTION_CLOSE_OK_METHOD, amqp_connection_close_ok_t(), into: &buffer) {
                (_, _) in
            }
        }
    }

    private static func encodeTopology(_ method: ClientMethod, into buffer: inout ByteBuffer) throws(CodecError) {
        var arguments: [(String, HeaderValue)] = []
        switch method {
        case .exchangeDeclare(let name, let type, let passive, let table):
            arguments = table
            try self.write(AMQP_EXCHANGE_DECLARE_METHOD, amqp_exchange_declare_t(), [name, type], into: &buffer) {
                $0.exchange = $1[0]
                $0.type = $1[1]
                $0.passive = passive ? 1 : 0
                $0.durable = 1
            }
        case .queueDeclare(let name, let passive, let table):
            arguments = table
            try self.write(AMQP_QUEUE_DECLARE_METHOD, amqp_queue_declare_t(), [name], into: &buffer) {
                $0.queue = $1[0]
                $0.passive = passive ? 1 : 0
                $0.durable = 1
            }
        case .exclusiveQueueDeclare(let name, let table):
            arguments = table
            try self.write(AMQP_QUEUE_DECLARE_METHOD, amqp_queue_declare_t(), [name], into: &buffer) {
                $0.queue = $1[0]
                $0.exclusive = 1
                $0.auto_delete = 1
            }
        case .queueBind(let queue, let exchange, let routingKey, let table):
            arguments = table
            try self.write(AMQP_QUEUE_BIND_METHOD, amqp_queue_bind_t(), [queue, exchange, routingKey], into: &buffer) {
                $0.queue = $1[0]
                $0.exchange = $1[1]
                $0.routing_key = $1[2]
            }
        case .queueUnbind(let queue, let exchange, let routingKey):
            try self.write(
                AMQP_QUEUE_UNBIND_METHOD,
                amqp_queue_unbind_t(),
                [queue, exchange, routingKey],
                into: &buffer
            ) {
                $0.queue = $1[0]
                $0.exchange = $1[1]
                $0.routing_key = $1[2]
            }
        case .exchangeBind(let exchange, let source, let key):
            try self.write(AMQP_EXCHANGE_BIND_METHOD, amqp_exchange_bind_t(), [exchange, source, key], into: &buffer) {
                $0.destination = $1[0]
                $0.source = $1[1]
                $0.routing_key = $1[2]
            }
        case .exchangeUnbind(let exchange, let source, let key):
            try self.write(
                AMQP_EXCHANGE_UNBIND_METHOD,
                amqp_exchange_unbind_t(),
                [exchange, source, key],
                into: &buffer
            ) {
                $0.destination = $1[0]
                $0.source = $1[1]
                $0.routing_key = $1[2]
            }
        default:
            return
        }
        // Replaces the empty table that librabbitmq wrote at the end.
        buffer.moveWriterIndex(to: buffer.writerIndex - 4)
        buffer.writeTable(HeaderTable(arguments))
    }

    private static func encodeBasic(_ method: ClientMethod, into buffer: inout ByteBuffer) throws(CodecError) {
        switch method {
        case .basicQos(let prefetch):
            try self.write(AMQP_BASIC_QOS_METHOD, amqp_basic_qos_t(), into: &buffer) { method, _ in
                method.prefetch_count = prefetch
            }
        case .basicConsume(let queue, let consumerTag):
            try self.write(AMQP_BASIC_CONSUME_METHOD, amqp_basic_consume_t(), [queue, consumerTag], into: &buffer) {
                $0.queue = $1[0]
                $0.consumer_tag = $1[1]
            }
        case .basicCancel(let consumerTag):
            try self.write(AMQP_BASIC_CANCEL_METHOD, amqp_basic_cancel_t(), [consumerTag], into: &buffer) {
                $0.consumer_tag = $1[0]
            }
        case .basicGet(let queue):
            try self.write(AMQP_BASIC_GET_METHOD, amqp_basic_get_t(), [queue], into: &buffer) {
                $0.queue = $1[0]
            }
        case .basicAck(let tag, let multiple):
            try self.write(AMQP_BASIC_ACK_METHOD, amqp_basic_ack_t(), into: &buffer) { method, _ in
                method.delivery_tag = tag
                method.multiple = multiple ? 1 : 0
            }
        default:
            return
        }
    }

    /// Writes a method's id and, with librabbitmq, its fields; all texts together may have 64 KiB.
    private static func write<M: BitwiseCopyable>(
        _ id: amqp_method_number_t,
        _ empty: M,
        _ texts: [String] = [],
        into buffer: inout ByteBuffer,
        _ fill: (inout M, [amqp_bytes_t]) -> Void
    ) throws(CodecError) {
        let length = texts.reduce(0) { $0 + $1.utf8.count }
        guard length <= 65536 else { throw CodecError(.tooLarge, "method with texts of \(length) bytes") }
        buffer.writeInteger(UInt32(id))
        let written = withCBytes(texts) { bytes in
            var method = empty
            fill(&method, bytes)
            return buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length + 256) { raw in
                max(0, Int(amqp_encode_method(id, &method, amqp_bytes_t(len: raw.count, bytes: raw.baseAddress))))
            }
        }
        // Methods without fields take no bytes. Otherwise a `shortstr` has more than 255 bytes.
        guard written > 0 || MemoryLayout<M>.size <= 1 else {
            throw CodecError(.tooLarge, "method \(id >> 16).\(id & 0xFFFF)")
        }
    }
}
