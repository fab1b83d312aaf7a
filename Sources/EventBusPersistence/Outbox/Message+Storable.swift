// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

extension Message {
    /// Refuses properties that no store can hold.
    package func checkStorable() throws(RepositoryError) {
        let texts = [self.id, self.topic.name, self.type, self.source, self.orderingKey ?? "", self.contentType]
        guard texts.allSatisfy({ ExactText($0).isStorable }) else {
            throw RepositoryError(.invalidValue, "a message's properties must not contain NUL")
        }
    }
}
