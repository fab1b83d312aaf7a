// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A pipe by which other threads can wake the thread that is blocked in `poll`.
struct SelfPipe: ~Copyable, Sendable {
    let reader: Int32
    private let writer: Int32

    init() throws(PostgresError) {
        var descriptors: [Int32] = [-1, -1]
        guard pipe(&descriptors) == 0 else {
            throw PostgresError(.unavailable, detail: "no file descriptors are left for a pipe")
        }
        self.reader = descriptors[0]
        self.writer = descriptors[1]
        for descriptor in descriptors {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        _ = close(self.reader)
        _ = close(self.writer)
    }

    /// If the pipe is full, a wake-up is pending already, and the failed write does not matter.
    borrowing func wake() {
        var byte: UInt8 = 1
        _ = write(self.writer, &byte, 1)
    }

    borrowing func drain() {
        var bytes: [UInt8] = Array(repeating: 0, count: 64)
        while read(self.reader, &bytes, bytes.count) == bytes.count {}
    }
}
