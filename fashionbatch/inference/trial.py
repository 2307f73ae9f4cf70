"""Lets a stranger's network answer first in a process of its own: it may crash what runs it, or never end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fashionbatch.errors import BundleError
from fashionbatch.processes import ProcessEndedError, answer_question, ask_python


def try_network(bundle: Path) -> list[str]:
    """Have the network answer in every precision that this machine and the bundle have.

    Args:
        bundle: its directory, whose files are as its manifest says.

    Returns:
        What to say of it, a sentence each.

    Raises:
        BundleError: the network is none, gives no probabilities, or crashed what runs it.
        RuntimeUnavailableError: its results are not those that it had when it was made.
    """
    try:
        said: list[str] = ask_python(__name__, {"bundle": str(bundle)})["said"]
    except ProcessEndedError as ended:
        if not ended.signal:
            raise
        raise BundleError(
            f"{bundle}: its network crashed what runs it ({ended.signal})",
            hint="it is damaged, or was made to do that; do not use it",
        ) from ended
    return said


def main() -> None:
    """Answer the question on standard input."""
    answer_question(lambda question: {"said": list(_try(Path(question["bundle"])))})


def _try(path: Path) -> Iterator[str]:
    import numpy as np

    from fashionbatch.bundle.open import open_bundle
    from fashionbatch.inference.session import DEFAULT_RUNTIME, open_session
    from fashionbatch.plugins import load_plugins
    from fashionbatch.specs import RuntimeSpec

    bundle = open_bundle(path)
    manifest = bundle.manifest
    registry = load_plugins({"register_runtimes"}).registry
    shades = np.linspace(0, 255, 3, dtype=np.uint8).reshape(-1, 1, 1, 1)
    images: Any = np.ascontiguousarray(np.broadcast_to(shades, (len(shades), *manifest.image.shape)))
    offered = registry.get(RuntimeSpec, DEFAULT_RUNTIME).precisions("cpu")
    for precision in sorted(set(offered) & set(manifest.precisions), key=manifest.precisions.index):
        with open_session(bundle, registry=registry, precision=precision) as session:
            agreement = session.verify()
            if not manifest.rule.decide(session.predict(images)).valid.all():
                raise BundleError(f"{path}: the network's answers to plain images are not probabilities")
            yield f"the network runs on {session.runtime.version} in {precision} and gives probabilities"
        if agreement is not None:
            yield (
                f"its {agreement.images} reference images have the results that they had in {agreement.recorded} "
                f"when it was made (largest difference {agreement.difference:.2g})"
            )
