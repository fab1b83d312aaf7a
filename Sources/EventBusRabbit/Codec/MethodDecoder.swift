// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import CEventBusRabbitMQ
import NIOCore

/// Decodes the methods that a broker sends; the rare ones with librabbitmq.
enum MethodDecoder {
    static func decode(_ payload: ByteBuffer, pool: CodecPool) throws(CodecError) -> ServerMethod {
        guard
            let id = payload.withUnsafeReadableBytes({ raw in
                var reader = ByteReader(raw)
                return reader.integer(UInt32.self)
            })
        else { throw CodecError(.malformedMethod, "truncated method") }
        var fields = payload
        fields.moveReaderIndex(forwardBy: 4)
        if let method = try self.decodeFrequent(id, fields) { return method }
        // Only methods that a broker sends are decoded, so that the only table that librabbitmq reads is in connection.start, whose
        // frame is limited to the minimum size.
        guard let convert = self.conversion(of: amqp_method_number_t(id)) else {
            throw CodecError(.malformedMethod, "method \(id >> 16).\(id & 0xFFFF)")
        }
        do {
            return try pool.decoding(fields) { pool, bytes in
                var decoded: UnsafeMutableRawPointer?
                let status = amqp_decode_method(amqp_method_number_t(id), pool, bytes, &decoded)
                guard status >= 0, let decoded else {
                    throw CodecError(
                        .malformedMethod,
                        "method \(id >> 16).\(id & 0xFFFF), librabbitmq status \(status)"
                    )
                }
                return convert(decoded)
            }
        } catch let error as CodecError {
            throw error
        } catch {
            throw CodecError(.malformedMethod, "method \(id >> 16).\(id & 0xFFFF)")
        }
    }

    /// Decodes the methods that come with every message, at a tenth of the cost.
    private static func decodeFrequent(_ id: UInt32, _ fields: ByteBuffer) throws(CodecError) -> ServerMethod? {
        guard id == UInt32(AMQP_BASIC_DELIVER_METHOD) || id == UInt32(AMQP_BASIC_ACK_METHOD) else { return nil }
        let method = fields.withUnsafeReadableBytes { raw -> ServerMethod? in
            var reader = ByteReader(raw)
            guard id == UInt32(AMQP_BASIC_DELIVER_METHOD) else {
                guard let tag = reader.integer(UInt64.self), let bits = reader.integer(UInt8.self) else { return nil }
                return .basicAck(tag: tag, multiple: bits & 1 != 0)
            }
            // Consumer tag, delivery tag, redelivered, exchange, routing key (AMQP 0-9-1 §1.8.3.9).
            guard reader.shortString() != nil,
                let tag = reader.integer(UInt64.self), let bits = reader.integer(UInt8.self),
                let exchange = reader.shortString(), let routingKey = reader.shortString()
            else { return nil }
            return .basicDeliver(
                tag: tag,
                redelivered: bits & 1 != 0,
                exchange: String(decoding: exchange, as: UTF8.self),
                routingKey: String(decoding: routingKey, as: UTF8.self)
            )
        }
        guard let method else { throw self.cutOff(id) }
        return method
    }

    private static func cutOff(_ id: UInt32) -> CodecError {
        CodecError(.malformedMethod, "truncated method \(id >> 16).\(id & 0xFFFF)")
    }

    private typealias Conversion = (UnsafeMutableRawPointer) -> ServerMethod

    private static func reading<M: BitwiseCopyable>(
        _ type: M.Type,
        _ convert: @escaping (M) -> ServerMethod
    ) -> Conversion {
        { convert($0.assumingMemoryBound(to: type).pointee) }
    }

    private static func conversion(of id: amqp_method_number_t) -> Conversion? {
        switch id >> 16 {
        case UInt32(AMQP_CONNECTION_CLASS): self.connectionConversion(of: id)
        case UInt32(AMQP_CHANNEL_CLASS): self.channelConversion(of: id)
        case UInt32(AMQP_BASIC_CLASS): self.basicConversion(of: id)
        default:
            switch id {
            case AMQP_EXCHANGE_DECLARE_OK_METHOD: { _ in .exchangeDeclareOk }
            case AMQP_EXCHANGE_BIND_OK_METHOD: { _ in .exchangeBindOk }
            case AMQP_EXCHANGE_UNBIND_OK_METHOD: { _ in .exchangeUnbindOk }
            case AMQP_EXCHANGE_DELETE_OK_METHOD: { _ in .exchangeDeleteOk }
            case AMQP_QUEUE_DECLARE_OK_METHOD:
                self.reading(amqp_queue_declare_ok_t.self) {
                    .queueDeclareOk(messages: $0.message_count, consumers: $0.consumer_count)
                }
            case AMQP_QUEUE_BIND_OK_METHOD: { _ in .queueBindOk }
            case AMQP_QUEUE_UNBIND_OK_METHOD: { _ in .queueUnbindOk }
            case AMQP_QUEUE_DELETE_OK_METHOD: { _ in .queueDeleteOk }
            case AMQP_CONFIRM_SELECT_OK_METHOD: { _ in .confirmSelectOk }
            default: nil
            }
        }
    }

    private static func connectionConversion(of id: amqp_method_number_t) -> Conversion? {
        switch id {
        case AMQP_CONNECTION_START_METHOD:
            self.reading(amqp_connection_start_t.self) {
                .connectionStart(
                    mechanisms: String($0.mechanisms),
                    version: String($0.server_properties, at: "version")
                )
            }
        case AMQP_CONNECTION_TUNE_METHOD:
            self.reading(amqp_connection_tune_t.self) {
                .connectionTune(channelMax: $0.channel_max, frameMax: $0.frame_max, heartbeat: $0.heartbeat)
            }
        case AMQP_CONNECTION_OPEN_OK_METHOD: { _ in .connectionOpenOk }
        case AMQP_CONNECTION_CLOSE_METHOD:
            self.reading(amqp_connection_close_t.self) {
                .connectionClose(code: $0.reply_code, text: String($0.reply_text))
            }
        case AMQP_CONNECTION_CLOSE_OK_METHOD: { _ in .connectionCloseOk }
        case AMQP_CONNECTION_BLOCKED_METHOD:
            self.reading(amqp_connection_blocked_t.self) { .connectionBlocked(reason: String($0.reason)) }
        case AMQP_CONNECTION_UNBLOCKED_METHOD: { _ in .connectionUnblocked }
        default: nil
        }
    }

    private static func channelConversion(of id: amqp_method_number_t) -> Conversion? {
        switch id {
        case AMQP_CHANNEL_OPEN_OK_METHOD: { _ in .channelOpenOk }
        case AMQP_CHANNEL_FLOW_METHOD:
            self.reading(amqp_channel_flow_t.self) { .channelFlow(active: $0.active != 0) }
        case AMQP_CHANNEL_CLOSE_METHOD:
            self.reading(amqp_channel_close_t.self) { .channelClose(code: $0.reply_code, text: String($0.reply_text)) }
        case AMQP_CHANNEL_CLOSE_OK_METHOD: { _ in .channelCloseOk }
        default: nil
        }
    }

    private static func basicConversion(of id: amqp_method_number_t) -> Conversion? {
        switch id {
        case AMQP_BASIC_QOS_OK_METHOD: { _ in .basicQosOk }
        case AMQP_BASIC_CONSUME_OK_METHOD: { _ in .basicConsumeOk }
        case AMQP_BASIC_CANCEL_METHOD: { _ in .basicCancel }
        case AMQP_BASIC_CANCEL_OK_METHOD: { _ in .basicCancelOk }
        case AMQP_BASIC_GET_OK_METHOD:
            self.reading(amqp_basic_get_ok_t.self) {
                .basicGetOk(
                    tag: $0.delivery_tag,
                    redelivered: $0.redelivered != 0,
                    exchange: String($0.exchange),
                    routingKey: String($0.routing_key)
                )
            }
        case AMQP_BASIC_GET_EMPTY_METHOD: { _ in .basicGetEmpty }
        case AMQP_BASIC_RETURN_METHOD:
            self.reading(amqp_basic_return_t.self) {
                .basicReturn(
                    code: $0.reply_code,
                    text: String($0.reply_text),
                    exchange: String($0.exchange),
                    routingKey: String($0.routing_key)
                )
            }
        case AMQP_BASIC_NACK_METHOD:
            self.reading(amqp_basic_nack_t.self) { .basicNack(tag: $0.delivery_tag, multiple: $0.multiple != 0) }
        default: nil
        }
    }
}
