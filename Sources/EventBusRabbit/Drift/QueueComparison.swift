// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

import EventBus

/// Compares the queues of a subscription and their arguments.
struct QueueComparison {
    let wanted: WantedTopology

    private var name: SubscriptionName { self.wanted.subscription.name }

    func drifts(on broker: BrokerTopology) -> [Drift] {
        var drifts: [Drift] = []
        for queue in self.wanted.queues {
            if let found = broker.queues[queue.name] {
                drifts += self.differences(queue, found)
            } else {
                drifts.append(self.missing(queue))
            }
        }
        // One that is missing is declared when a message first needs it.
        for queue in self.wanted.retryQueues {
            if let found = broker.queues[queue.name] { drifts += self.differences(queue, found) }
        }
        return drifts + self.leftover(on: broker)
    }

    private func missing(_ queue: TopologyQueue) -> Drift {
        let (kind, effect): (DriftKind, String) =
            switch queue.name {
            case Topology.dead(self.name): (.deadLetterQueueMissing, "dead letters cannot be stored")
            case Topology.quarantine(self.name): (.quarantineMissing, "messages that end consumers cannot be set apart")
            case self.name.description: (.queueMissing, "what is published is not kept for it")
            default: (.shardMissing, "what is published for its keys goes to the first shard")
            }
        return self.wanted.drift(kind, .safe, queue, queue.type, "none", "\(effect); `topology apply` declares it")
    }

    private func differences(_ wanted: TopologyQueue, _ found: TopologyQueue) -> [Drift] {
        if found.isExclusive {
            let advice = "it belongs to another program's connection: end that program, then run `topology apply`"
            return [self.wanted.drift(.queueExclusive, .refused, wanted, "shared", "exclusive", advice)]
        }
        var drifts: [Drift] = []
        if !found.isDurable {
            drifts.append(self.renewed(.queueNotDurable, wanted, "durable", "gone with the next start"))
        }
        if found.isAutoDelete {
            drifts.append(self.renewed(.queueAutoDelete, wanted, "stays", "is deleted with its last consumer"))
        }
        if found.type != wanted.type {
            // Then the arguments are others as well.
            return drifts + [self.renewed(.queueType, wanted, wanted.type, found.type)]
        }
        let names = Set(wanted.arguments.keys).union(found.arguments.keys).sorted()
        for name in names where wanted.arguments[name] != found.arguments[name] {
            drifts.append(
                self.renewed(
                    self.kind(of: name, wanted),
                    wanted,
                    "\(name) \(DriftText.value(wanted.arguments[name]))",
                    DriftText.value(found.arguments[name])
                )
            )
        }
        if let refusal = found.refusal {
            drifts.append(self.renewed(.unreadable, wanted, "what the code declares", refusal))
        }
        return drifts
    }

    private func kind(of argument: String, _ queue: TopologyQueue) -> DriftKind {
        if self.wanted.retryQueues.contains(where: { $0.name == queue.name }) { return .retryQueue }
        return switch argument {
        case "x-single-active-consumer": .ordering
        case "x-dead-letter-exchange", "x-dead-letter-routing-key", "x-dead-letter-strategy": .deadLettering
        case "x-delivery-limit": .deliveryLimit
        case "x-message-ttl": .messageTTL
        case "x-max-length", "x-max-length-bytes": .lengthLimit
        case "x-overflow": .overflow
        case "x-expires": .expiry
        default: .argument
        }
    }

    /// What earlier versions or settings have left.
    private func leftover(on broker: BrokerTopology) -> [Drift] {
        let expected = Set((self.wanted.queues + self.wanted.retryQueues).map(\.name))
        let former = Topology.furtherQueues(of: self.name).filter { !expected.contains($0) && broker.queues[$0] != nil }
        return former.compactMap { broker.queues[$0] }.map { queue in
            let advice =
                "no consumer uses it any longer; what it holds is delivered, and `subscriptions renew` removes it"
            let found = queue.messages.map { "\($0) messages" } ?? queue.type
            return self.wanted.drift(.leftoverQueue, .note, queue, "none", found, advice)
        }
    }

    private func renewed(_ kind: DriftKind, _ queue: TopologyQueue, _ wanted: String, _ found: String) -> Drift {
        self.wanted.drift(kind, .move, queue, wanted, found, Drift.renewing(self.name))
    }
}
