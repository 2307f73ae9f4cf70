"""Runs one check on a component that is broken in one way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from fashionbatch.plugins import load_plugins
from fashionbatch.registry import Entry, Provider, Registry
from fashionbatch.specs import Spec
from fashionbatch.testing import surroundings
from fashionbatch.testing.checks import BY_KIND, EVERY_KIND
from fashionbatch.testing.contract import Check
from fashionbatch.testing.subject import ContractError, Subject

Failure = Callable[..., ContractError]


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_plugins().registry


@pytest.fixture
def check_of(registry) -> Callable[..., Check]:
    """A check of a kind by its name, on a spec that no distribution registers."""

    def find(spec: Spec, name: str, example: Mapping[str, Any] | None = None, time_limit: float = 60) -> Check:
        functions = {f.__name__.removeprefix("check_"): f for f in (*EVERY_KIND, *BY_KIND[spec.kind])}
        subject = Subject(spec, example or {}, known=registry)
        return Check(name, Entry(spec, Provider("broken", "1")), functions[name], subject, time_limit)

    return find


@pytest.fixture
def failure(check_of, monkeypatch) -> Failure:
    """What a check says of a broken component: its first line and how to mend it."""
    # A thread that is left on purpose does not end however long it is waited for.
    monkeypatch.setattr(surroundings, "_SECONDS_TO_END", 1)

    def run(spec: Spec, name: str, example: Mapping[str, Any] | None = None) -> ContractError:
        check = check_of(spec, name, example)
        with pytest.raises(ContractError) as caught:
            check()
        assert caught.value.remedy, "every failure says how to mend it"
        return caught.value

    return run


@pytest.fixture
def passes_all(check_of) -> Callable[..., None]:
    """Every check of its kind, on a component that is right."""

    def run(spec: Spec, example: Mapping[str, Any] | None = None) -> None:
        for function in (*EVERY_KIND, *BY_KIND[spec.kind]):
            check_of(spec, function.__name__.removeprefix("check_"), example)()

    return run
