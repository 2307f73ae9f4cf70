"""The rule of each decoding. Nothing else in the library asks which decoding it has before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fashionbatch.decisions.one_of_many import OneOfMany
from fashionbatch.decisions.rule import DecisionRule
from fashionbatch.decisions.several_of_many import SeveralOfMany
from fashionbatch.decisions.yes_or_no import YesOrNo
from fashionbatch.specs import Decoding

_RULES: Mapping[Decoding, type[DecisionRule]] = {rule.decoding: rule for rule in (OneOfMany, YesOrNo, SeveralOfMany)}


def rule_type(decoding: Decoding) -> type[DecisionRule]:
    """What a decoding says of every network that has it, whichever its classes are."""
    return _RULES[decoding]


def rule_for(
    decoding: Decoding,
    class_names: Sequence[str],
    *,
    thresholds: Sequence[float] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
) -> DecisionRule:
    """The rule by which the outputs of one network become labels.

    Args:
        decoding: how probabilities become labels, as the head declares it.
        class_names: in the order of the network's outputs.
        thresholds: one for each class of `several_of_many`, one for `yes_or_no`, none for `one_of_many`; a probability
            at its threshold is a yes. Empty means 0.5 for `several_of_many`, and the likelier class for `yes_or_no`.
        groups: for `several_of_many`, attribute -> the names of the classes of which one wins.

    Raises:
        ValueError: they do not fit together.

    Example:
        >>> import numpy as np
        >>> rule = rule_for("several_of_many", ["red", "blue", "dress"], thresholds=[0.5, 0.5, 0.3])
        >>> rule.decide(np.array([[0.5, 0.1, 0.4]], np.float32)).labels(0)
        [0, 2]
    """
    return rule_type(decoding)(
        class_names=tuple(class_names),
        thresholds=tuple(thresholds),
        groups={group: tuple(members) for group, members in (groups or {}).items()},
    )
