"""How networks are computed, whichever they are, and what precision each of them takes by what is known so far."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from fashionbatch.bundle.open import Bundle
from fashionbatch.errors import RuntimeUnavailableError
from fashionbatch.inference.cores import usable_cores
from fashionbatch.inference.precision import PrecisionChoice, choose_precision, require_precision
from fashionbatch.inference.rates import Setting, find_rates
from fashionbatch.registry import OurName, Registry
from fashionbatch.specs import Parameters, Precision, RuntimeSpec

DEFAULT_RUNTIME = OurName("openvino")
DEFAULT_BATCH_SIZE = 8
"""Small batches are faster on a CPU: their activations stay in its caches."""


@dataclass(frozen=True)
class Computing:
    """All that a session depends on but bundle and precision.

    Attributes:
        registry: where the runtime is registered.
        runtime: the name of a runtime.
        parameters: the runtime's own, checked; None takes its defaults.
        batch_size: images in each batch.
        device: `cpu` or `gpu`.
        streams: batches computed side by side, each on one thread; by default as many as cores may be used.
    """

    registry: Registry
    runtime: str = DEFAULT_RUNTIME
    parameters: Parameters | None = None
    batch_size: int = DEFAULT_BATCH_SIZE
    device: str = "cpu"
    streams: int = field(default_factory=usable_cores)

    @cached_property
    def spec(self) -> RuntimeSpec:
        """The runtime.

        Raises:
            UnknownNameError: there is none of that name.
        """
        return self.registry.get(RuntimeSpec, self.runtime)

    @cached_property
    def available(self) -> tuple[Precision, ...]:
        """The precisions that the machine computes, first what is the fastest as far as the runtime can tell.

        Raises:
            RuntimeUnavailableError: there are none.
        """
        found = self.spec.precisions(self.device)
        if not found:
            raise RuntimeUnavailableError(
                f"runtime {self.runtime!r} finds no {self.device} that it can use on this machine",
                hint="`--device gpu` needs the runtime `tensorflow` and a GPU that TensorFlow sees"
                if self.device != "cpu"
                else None,
            )
        return found

    def choose(self, bundle: Bundle, requested: Precision | Literal["auto"]) -> PrecisionChoice:
        """The precision for a bundle: as asked for, or by what was measured before; nothing is measured now.

        Raises:
            BundleError: the bundle holds no graph for the requested one.
            RuntimeUnavailableError: this machine does not offer the runtime, the device or the precision.
        """
        choice = choose_precision(bundle.manifest, self.available, requested)
        if not choice.untimed:
            return choice
        rates = find_rates(self.setting(bundle))
        return choice if rates is None else choose_precision(bundle.manifest, self.available, "auto", rates)

    def require(self, bundle: Bundle, precision: Precision, hint: str | None = None) -> None:
        """Insist on a precision: see `require_precision`."""
        require_precision(bundle.manifest, self.available, precision, hint)

    def setting(self, bundle: Bundle) -> Setting:
        """By which the rates of a bundle's network are kept."""
        entry = self.registry.entry(RuntimeSpec.kind, self.runtime)
        version = self.spec.version() if self.spec.version is not None else entry.provider.version
        parameters = self.parameters.model_dump(mode="json") if self.parameters else {}
        return Setting(
            bundle=bundle.digest,
            runtime=entry.recorded_name,
            version=str(version),
            parameters=json.dumps(parameters, sort_keys=True),
            device=self.device,
            batch_size=self.batch_size,
            streams=self.streams,
        )
