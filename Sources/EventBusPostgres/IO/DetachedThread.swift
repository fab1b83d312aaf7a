// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A plain thread for code that blocks, such as the I/O loop and name lookups, which must not occupy the cooperative
/// pool.
enum DetachedThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ run: @escaping @Sendable () -> Void) throws(PostgresError) {
        let body = Unmanaged.passRetained(Body(run))
        #if canImport(Darwin)
        var thread: pthread_t?
        let status = pthread_create(&thread, nil, { Self.main($0) }, body.toOpaque())
        if status == 0, let thread { pthread_detach(thread) }
        #else
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, { $0.flatMap { Self.main($0) } }, body.toOpaque())
        if status == 0 { pthread_detach(thread) }
        #endif
        guard status == 0 else {
            body.release()
            throw PostgresError(.unavailable, detail: "a thread cannot be started (\(status))")
        }
    }

    /// A number other than 0 that identifies the calling thread while it lives.
    static var current: UInt {
        #if canImport(Darwin)
        UInt(bitPattern: pthread_self())
        #else
        UInt(pthread_self())
        #endif
    }

    private static func main(_ argument: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
    }
}
