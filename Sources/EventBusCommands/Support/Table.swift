// SPDX-License-Identifier: Apache-2.0
// Part of swift-event-bus.

/// Rows of text in aligned columns, for people.
public struct Table: Sendable, Hashable {
    private var rows: [[String]]

    /// Creates an empty table.
    public init(_ titles: String...) {
        self.rows = [titles]
    }

    /// Adds a row with one cell for each title; control characters in it are made visible.
    public mutating func add(_ cells: String...) {
        self.rows.append(cells.map(\.printable))
    }

    /// All lines, with two spaces between columns.
    public var text: String {
        let widths = self.rows[0].indices.map { column in self.rows.map { $0[column].count }.max() ?? 0 }
        let lines = self.rows.map { row in
            var line = ""
            for (cell, width) in zip(row, widths) {
                line += cell + String(repeating: " ", count: width - cell.count + 2)
            }
            while line.last == " " { line.removeLast() }
            return line
        }
        return lines.joined(separator: "\n")
    }
}

extension String {
    /// The text with control characters escaped, so that what a message holds cannot control a terminal or pretend to be a line.
    package var printable: String {
        guard self.unicodeScalars.contains(where: \.isControl) else { return self }
        return self.unicodeScalars.reduce(into: "") { text, scalar in
            if scalar.isControl { text += scalar.escaped(asASCII: true) } else { text.unicodeScalars.append(scalar) }
        }
    }

    /// At most so many characters, the last one "…" if there are more.
    package func shortened(to limit: Int) -> String {
        self.count <= limit ? self : self.prefix(limit - 1) + "…"
    }
}

extension Unicode.Scalar {
    /// Controls, and format characters such as those that change the direction of text; neither is seen.
    fileprivate var isControl: Bool {
        switch self.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
