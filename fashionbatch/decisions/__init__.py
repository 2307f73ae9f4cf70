"""From what a network gives to labels: one rule for each decoding, for tables, figures and pictures alike.

A `DecisionRule` goes two steps. The first makes a probability for each class of the network's outputs. Whatever changes
the numbers that a table shows belongs there. The second chooses labels by these probabilities. Whatever changes which
labels are given for the same numbers belongs there.
"""

from __future__ import annotations

from fashionbatch.decisions.arrays import UNDECIDED, LabelArray, require_numbers, right_images
from fashionbatch.decisions.decodings import rule_for, rule_type
from fashionbatch.decisions.reading import Reading
from fashionbatch.decisions.result import Decisions, Winners
from fashionbatch.decisions.rule import PLAIN_THRESHOLD, DecisionRule
from fashionbatch.decisions.written import as_written

__all__ = [
    "PLAIN_THRESHOLD",
    "UNDECIDED",
    "DecisionRule",
    "Decisions",
    "LabelArray",
    "Reading",
    "Winners",
    "as_written",
    "require_numbers",
    "right_images",
    "rule_for",
    "rule_type",
]
