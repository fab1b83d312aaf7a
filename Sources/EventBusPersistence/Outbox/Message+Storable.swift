// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

package import EventBus

extension Message {
    /// Rejects properties that no store can hold, so that all stores reject the same ones.
    package func checkStorable() throws(RepositoryError) {
        let texts = [self.id, self.topic.name, self.type, self.source, self.orderingKey ?? "", self.contentType]
        guard texts.allSatisfy({ ExactText($0).isStorable }) else {
            throw RepositoryError(.invalidValue, "a message's properties must not contain NUL")
        }
        guard Int32(exactly: self.version) != nil else {
            throw RepositoryError(.invalidValue, "a message's version must fit into 32 bits")
        }
    }
}
