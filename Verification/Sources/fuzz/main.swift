// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

// Reads what libFuzzer invents as if a RabbitMQ broker had sent it; its options are libFuzzer's. `scripts/test --soak fuzz` builds it
// with libFuzzer and AddressSanitizer.

import Foundation

#if FUZZING
import CLibFuzzer
@_spi(Fuzzing) import EventBusRabbit

var count = CommandLine.argc
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv
let status = withUnsafeMutablePointer(to: &arguments) { arguments in
    LLVMFuzzerRunDriver(&count, arguments) { bytes, size in
        CodecFuzzing.read(UnsafeRawBufferPointer(start: bytes, count: size))
        return 0
    }
}
exit(status)
#else
print("fuzz: run scripts/test --soak fuzz, which builds it with libFuzzer")
exit(2)
#endif
