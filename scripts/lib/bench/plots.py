# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Draws recorded sweeps as SVG: the same figures give the same bytes."""

from __future__ import annotations

import pathlib
from typing import List, Mapping

# One colour for each line, told apart without seeing colours by the marks as well.
STYLES = [("#d6502b", "o"), ("#4a6785", "s")]
POINT_STYLE = ("#4a6785", "D")
GRAY = "#808080"


def draw(sweep: Mapping[str, object], path: pathlib.Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    settings = {
        # Text stays text: small, searchable, in the reader's font. Salt and no date: nothing changes by itself.
        "svg.fonttype": "none", "svg.hashsalt": "swift-event-bus",
        "font.family": "sans-serif", "font.size": 10,
        # Readable on light and on dark pages: nothing black, nothing white, no background.
        "text.color": GRAY, "axes.labelcolor": GRAY, "axes.edgecolor": GRAY, "xtick.color": GRAY, "ytick.color": GRAY,
        "axes.spines.top": False, "axes.spines.right": False,
    }
    with matplotlib.rc_context(settings):
        figure, axes = pyplot.subplots(figsize=(6, 3.2), layout="constrained")
        axes.set_title(sweep["title"], fontsize=11, loc="left")
        axes.set_xlabel(sweep["load"])
        axes.set_ylabel(sweep["cost"])
        axes.set_xscale("log")
        loads: List[int] = sweep["loads"]
        axes.set_xticks(loads, [str(load) for load in loads])
        axes.minorticks_off()
        for (color, mark), series in zip(STYLES, sweep["series"]):
            axes.plot(loads, series["values"], color=color, marker=mark, markersize=5, label=series["label"])
        if sweep["point"]:
            label, load, cost = sweep["point"]
            color, mark = POINT_STYLE
            axes.plot([load], [cost], color=color, marker=mark, linestyle="none", label=label)
        if spread(sweep) > 20:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
        else:
            axes.set_ylim(bottom=0)
        axes.grid(axis="y", color=GRAY, alpha=0.25, linewidth=0.6)
        axes.legend(frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)


def spread(sweep: Mapping[str, object]) -> float:
    """How many times the least value is in the largest one."""
    values = [value for series in sweep["series"] for value in series["values"]]
    return max(values) / min(values)
