// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import ArgumentParser
import EventBusCommands

/// The executable `eventbus`.
@main
enum EventBusTool {
    static func main() async {
        await EventBusCommand.main()
    }
}
