# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""Measures the programs of Benchmarks against their baselines and targets; scripts/bench is its entry."""
