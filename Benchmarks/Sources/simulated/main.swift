// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import Measuring

let arguments = try Arguments(["typed": ["seconds"]])
try Simulated.measure(for: Double(try arguments.number("seconds", or: 3))).report()
