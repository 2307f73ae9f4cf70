"""Runs the contract suite without pytest, and says of every promise whether it is kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fashionbatch.testing.contract import Check, Examples, checks_for
from fashionbatch.testing.deadline import TIME_LIMIT, Unchecked
from fashionbatch.testing.subject import ContractError

PLUGINS_ARE_LOADED = ("plugins_are_loaded", "The plugins of a distribution can be loaded, and register components.")
"""Name and promise of what comes before every check."""


@dataclass(frozen=True)
class Verdict:
    """What became of one check.

    Attributes:
        component: `kind/name`, or the distribution where it could not be loaded.
        contract: the name of the promise.
        promise: the promise, in a sentence.
        verdict: `pass`, `fail`, or `skip` where this machine cannot check it.
        reason: what was seen; empty for `pass`.
        remedy: how to mend it; empty where nothing is broken.
        seconds: that it took.
    """

    component: str
    contract: str
    promise: str
    verdict: Literal["pass", "fail", "skip"]
    reason: str
    remedy: str
    seconds: float


def verdicts_of(
    distribution: str, *, examples: Examples | None = None, base: Path | None = None, time_limit: float = TIME_LIMIT
) -> Iterator[Verdict]:
    """A verdict for every check of a distribution, as they are made, in this process.

    A plugin that ends the process ends it: see `fashionbatch.testing.isolation`.

    Arguments are those of `checks_for`. A distribution that cannot be loaded has one verdict, which says why.
    """
    began = time.monotonic()
    try:
        checks = list(checks_for(distribution, examples=examples, base=base, time_limit=time_limit))
    except AssertionError as error:
        yield not_loaded(distribution, error, time.monotonic() - began)
        return
    for check in checks:
        yield verdict_of(check)


def not_loaded(distribution: str, error: AssertionError, seconds: float) -> Verdict:
    """The verdict on a distribution that `checks_for` raised an error for."""
    return _failed(distribution, *PLUGINS_ARE_LOADED, error, seconds)


def verdict_of(check: Check) -> Verdict:
    """Run one check."""
    check.prepare()
    component, began = check.subject.key, time.monotonic()
    try:
        check()
    except Unchecked as why:
        return Verdict(component, check.name, check.promise, "skip", _one_line(str(why)), "", time.monotonic() - began)
    except AssertionError as error:
        return _failed(component, check.name, check.promise, error, time.monotonic() - began)
    return Verdict(component, check.name, check.promise, "pass", "", "", time.monotonic() - began)


def _failed(component: str, contract: str, promise: str, error: AssertionError, seconds: float) -> Verdict:
    # A plugin's own `assert` is no ContractError.
    problem = error.problem if isinstance(error, ContractError) else str(error) or "an assertion of the plugin failed"
    remedy = error.remedy if isinstance(error, ContractError) else f"the promise is: {promise}"
    return Verdict(component, contract, promise, "fail", _one_line(problem), _one_line(remedy), seconds)


def _one_line(text: str) -> str:
    return " ".join(text.split())
