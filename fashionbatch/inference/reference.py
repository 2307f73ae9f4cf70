"""A runtime that gives nothing before it has shown that it computes what it should.

What a bundle's network gave for a few images when the bundle was made is stored in it. A session asks for them first
and compares. That finds a machine, a library or a plugin that computes wrongly, rows that change places within a batch,
and weights that somebody exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fashionbatch.bundle.manifest import BundleManifest
from fashionbatch.bundle.reference import Reference
from fashionbatch.display_width import printable
from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.specs import Precision, Runtime

EXACT = 1e-3
"""How far float32 on a CPU may be from what is recorded, as a share of the largest number of the row. Other instruction
sets, batch sizes and libraries change the sixth digit: MobileNetV2 gave 200 photos within 6e-6 on SSE4.1 and AVX2."""
EXACT_FLOOR = 1e-5
"""The same for rows of small numbers, whose digits are lost to rounding."""
ROUNDED = 0.25
"""How far a probability may be from what is recorded where numbers are rounded on the way: bfloat16, int8, and float32
on GPUs that shorten it. MobileNetV2 with operands rounded to 16 bits was off by 0.09 at most on 200 photos, by 0.004 in
the median."""


@dataclass(frozen=True)
class Agreement:
    """How well a session answered its reference.

    Attributes:
        images: how many were compared.
        difference: the largest between a number and what is recorded.
        recorded: the precision that was compared with: the session's own, or float32 where that is not recorded.
    """

    images: int
    difference: float
    recorded: Precision


class CheckedRuntime:
    """A runtime whose results are held back until those for the reference were right.

    Args:
        runtime: what computes; it is given the reference at once and computes it while the caller does other things.
        reference: of the bundle.
        manifest: of the bundle.
        batch_size: images in a batch.
        precision: what the runtime computes in.
        device: `cpu` or `gpu`.
        name: the runtime's, for messages.
    """

    def __init__(
        self,
        runtime: Runtime,
        reference: Reference,
        manifest: BundleManifest,
        *,
        batch_size: int,
        precision: Precision,
        device: str,
        name: str,
    ) -> None:
        self.slots, self.version = runtime.slots, runtime.version
        self._runtime, self._manifest, self._name = runtime, manifest, name
        self._precision, self._device = precision, device
        self._recorded: Precision = precision if precision in reference.outputs else "float32"
        self._places = places(len(reference.images), batch_size)
        self._expected = reference.outputs[self._recorded]
        # Keys of the caller are never negative. The batches must stay as they are until they come back.
        self._batches = {-1 - number: reference.images[row] for number, row in enumerate(self._places)}
        self._answers: dict[int, NDArray[np.float32]] = {}
        self._held: list[tuple[int, NDArray[np.float32]]] = []
        self._agreement: Agreement | None = None
        for key, batch in self._batches.items():
            runtime.submit(key, batch)

    def verify(self) -> Agreement:
        """Wait for the reference and compare it. Verifying again gives the same answer.

        Raises:
            RuntimeUnavailableError: the results are not those that the bundle has recorded.
        """
        while self._agreement is None:
            if len(self._answers) == len(self._batches):
                self._agreement = self._compare()
            elif not self._sort(self._runtime.collect(wait=True)):
                raise self._wrong(f"it gave {len(self._answers)} of the {len(self._batches)} batches back")
        return self._agreement

    def submit(self, key: int, batch: NDArray[np.uint8]) -> None:
        """Start on a batch, as the runtime does."""
        self._runtime.submit(key, batch)

    def collect(self, *, wait: bool) -> list[tuple[int, NDArray[np.float32]]]:
        """Finished batches, as the runtime gives them; the first ones when the reference was right.

        Raises:
            RuntimeUnavailableError: it was not.
        """
        if self._agreement is None:
            if not wait:
                self._sort(self._runtime.collect(wait=False))
                if len(self._answers) < len(self._batches):
                    return []
            self.verify()
        if self._held:
            held, self._held = self._held, []
            return held
        return self._runtime.collect(wait=wait)

    def close(self) -> None:
        """Give back memory and threads."""
        self._runtime.close()

    def _sort(self, found: list[tuple[int, NDArray[np.float32]]]) -> bool:
        """Keep what has come; whether anything has."""
        for key, rows in found:
            if key in self._batches:
                self._answers[key] = rows
            else:
                self._held.append((key, rows))
        return bool(found)

    def _compare(self) -> Agreement:
        outputs = self._manifest.outputs
        for key, batch in self._batches.items():
            shape = self._answers[key].shape
            if len(shape) != 2 or shape[0] != len(batch) or shape[1] < outputs:
                raise self._wrong(f"it gave an array {shape} for {len(batch)} images of {outputs} outputs")
        # Features, where they are wanted, follow the probabilities.
        given = np.concatenate([self._answers[key][:, :outputs] for key in self._batches]).astype(np.float32)
        images = self._places.reshape(-1)
        expected = self._expected[images]
        with np.errstate(invalid="ignore"):
            difference = np.abs(given - expected).max(axis=1)
        wrong = np.flatnonzero(~self._is_right(given, expected, difference))
        if len(wrong):
            raise self._wrong(self._describe(images[wrong[0]], given[wrong[0]], expected[wrong[0]], len(wrong)))
        self._batches, self._answers = {}, {}
        return Agreement(len(self._expected), float(difference.max()), self._recorded)

    def _is_right(
        self, given: NDArray[np.float32], expected: NDArray[np.float32], difference: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """For each row. A number that is none (NaN) is never near anything."""
        if self._recorded != self._precision:
            # Numbers of another precision: the labels decide, but where they are close to a tie.
            rule = self._manifest.rule_in(self._precision)
            now, then = rule.decide(given), self._manifest.rule.decide(expected)
            return np.asarray(now.valid & ((now.chosen == then.chosen).all(axis=1) | (difference <= ROUNDED)))
        if self._precision == "float32" and self._device == "cpu":
            return np.asarray(difference <= np.maximum(EXACT * np.abs(expected).max(axis=1), EXACT_FLOOR))
        return np.asarray(difference <= ROUNDED)

    def _describe(self, image: int, given: NDArray[np.float32], expected: NDArray[np.float32], count: int) -> str:
        now, then = (self._manifest.rule.class_probabilities(row[np.newaxis])[0] for row in (given, expected))
        with np.errstate(invalid="ignore"):
            worst = int(np.nan_to_num(np.abs(now - then), nan=np.inf).argmax())
        label = printable(self._manifest.labels.display_names[worst])
        return (
            f"for reference image {image + 1} the probability of {label!r} is {now[worst]:.6g} where the bundle has "
            f"{then[worst]:.6g} ({count} of {self._places.size} results differ)"
        )

    def _wrong(self, what: str) -> RuntimeUnavailableError:
        return RuntimeUnavailableError(
            f"runtime {self._name!r} in {self._precision} does not compute what bundle "
            f"{printable(self._manifest.name)} gave when it was made: {what}",
            hint="either the runtime is wrong on this machine, and another `--runtime` or `--precision` may be right, "
            "or the bundle's network is another one than it was",
        )


def places(images: int, batch_size: int) -> NDArray[np.intp]:
    """Which image stands in which row of which batch: every image at least once, and every batch full.

    Where images stand more than once they come in another order each time, so that no two rows of a batch that change
    places hold the same images throughout.

    Returns:
        int `(batches, batch_size)`, numbers of images.
    """
    batches = -(-max(images, batch_size) // batch_size)
    row = np.arange(batches * batch_size)
    turn = row // images
    return ((row + turn * (turn + 1) // 2) % images).reshape(batches, batch_size)
