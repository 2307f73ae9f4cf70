"""Collects the contract checks of one distribution's components.

The idea is scikit-learn's `parametrize_with_checks`: one suite, and whatever registers must pass it.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fashionbatch.model.framework import load_tensorflow
from fashionbatch.plugins import PluginWarning, load_plugins
from fashionbatch.registry import Entry, Registry, normalised
from fashionbatch.specs import KINDS
from fashionbatch.testing.checks import BY_KIND, EVERY_KIND, CheckFunction
from fashionbatch.testing.deadline import TIME_LIMIT, TimeLimitError, run_in_time
from fashionbatch.testing.subject import ContractError, Subject, require
from fashionbatch.testing.surroundings import surroundings_kept

Examples = Mapping[str, Mapping[str, Any]]
Readers = Mapping[str, Callable[[bytes], list[dict[str, Any]]]]
_HUNG = "hung"
_WITH_KERAS = {"architecture", "head", "loss", "augmentation", "optimizer", "schedule", "metric"}


@dataclass(frozen=True)
class Check:
    """One promise of one component; calling it raises AssertionError with what is wrong and how to mend it.

    Attributes:
        name: of the promise.
        entry: the component and who provides it.
        function: what checks it.
        subject: the component with its example; the checks of one component share one, and what they build with it.
        time_limit: seconds that it may take.
    """

    name: str
    entry: Entry
    function: CheckFunction
    subject: Subject
    time_limit: float = TIME_LIMIT

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The example that it is checked with."""
        return self.subject.example

    def __call__(self) -> None:
        """Check it.

        Raises:
            ContractError: the promise is broken, the component raised something, or it did not end in time.
            unittest.SkipTest: the promise cannot be checked on this machine.
        """
        hung = self.subject.made.get(_HUNG)
        require(hung is None, f"not run, since an earlier check of {self.subject.key} never ended", f"{hung}")
        self.prepare()
        try:
            run_in_time(self._check, limit=self.time_limit, what=self.subject.key, promise=self.promise)
        except TimeLimitError as error:
            self.subject.made[_HUNG] = error.remedy
            raise

    def _check(self) -> None:
        with surroundings_kept():
            self.function(self.subject)

    def prepare(self) -> None:
        """Import what the check needs, which takes seconds that are not the component's."""
        if self.entry.spec.kind in _WITH_KERAS:
            load_tensorflow()

    @property
    def hangs(self) -> bool:
        """Whether a thread of this component has not ended in time, and still runs in this process."""
        return _HUNG in self.subject.made

    def __str__(self) -> str:
        return f"{self.subject.key}-{self.name}"

    @property
    def promise(self) -> str:
        """What is promised, in a sentence."""
        return " ".join((inspect.getdoc(self.function) or self.name).split("\n\n")[0].split())


def checks_for(
    distribution: str,
    *,
    examples: Examples | None = None,
    readers: Readers | None = None,
    time_limit: float = TIME_LIMIT,
    base: Path | None = None,
) -> Iterator[Check]:
    """Every check of every component that an installed distribution registers.

    Args:
        distribution: its name, as `pip` knows it.
        examples: parameters by `kind/name`, for components that need some. The `examples` of a field of a component's
            parameters serve as well.
        readers: by `writer/name`: reads a table of that format back, as one dict a row.
        time_limit: seconds that a check may take.
        base: the folder that relative paths in examples are relative to; the working directory where omitted.

    Raises:
        AssertionError: the distribution registers nothing, or one of its plugins could not be loaded.
    """
    examples, readers = examples or {}, readers or {}
    registry = run_in_time(
        _load, limit=time_limit, what=f"loading the plugins of {distribution}", promise="plugins load at once"
    )
    name = normalised(distribution)
    failed = [plugin for plugin in registry.failed if plugin.provider.distribution == name]
    require(
        not failed,
        "; ".join(f"{plugin.entry_point}: {plugin.reason}" for plugin in failed),
        "import the module by hand, and see what `fashionbatch plugins list` says",
    )
    entries = [entry for entry in registry.entries() if entry.provider.distribution == name]
    require(
        entries,
        f"{distribution} registers no component",
        "install it, with an entry point in the group 'fashionbatch', and mark its hooks with @hookimpl",
    )
    known = {f"{entry.spec.kind}/{entry.spec.name}" for entry in entries}
    unknown = sorted({*examples, *readers} - known)
    require(
        not unknown,
        f"examples for components that are not there: {', '.join(unknown)}",
        f"there are {', '.join(sorted(known))}",
    )
    for entry in entries:
        key = f"{entry.spec.kind}/{entry.spec.name}"
        subject = Subject(
            entry.spec,
            examples.get(key, {}),
            distribution=name,
            base=base or Path.cwd(),
            reader=readers.get(key),
            known=registry,
        )
        for function in (*EVERY_KIND, *BY_KIND[entry.spec.kind]):
            yield Check(function.__name__.removeprefix("check_"), entry, function, subject, time_limit)


def parametrize_with_checks(
    distribution: str,
    *,
    examples: Examples | None = None,
    readers: Readers | None = None,
    time_limit: float = TIME_LIMIT,
) -> Any:
    """A pytest decorator: the test is called once for each check, as its argument `check`.

    Arguments and errors are those of `checks_for`.
    """
    import pytest

    found = list(checks_for(distribution, examples=examples, readers=readers, time_limit=time_limit))
    return pytest.mark.parametrize("check", found, ids=str)


def _load() -> Registry:
    with warnings.catch_warnings():
        # What fails is told by `checks_for`, for its distribution alone.
        warnings.simplefilter("ignore", PluginWarning)
        return load_plugins().registry


_missing = set(KINDS) - set(BY_KIND)
if _missing:
    raise ContractError(f"no checks for {', '.join(sorted(_missing))}", "write them in fashionbatch/testing/checks")
