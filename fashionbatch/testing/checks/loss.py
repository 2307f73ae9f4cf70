"""The promises of a loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from fashionbatch.specs import Decoding, LossSpec
from fashionbatch.testing.subject import CheckFunction, Subject, require

if TYPE_CHECKING:
    import keras

_Array = NDArray[np.float32]
_WIDTHS = (4, 7)
_WEIGHT = 5.0


def check_decodings_are_known(subject: Subject) -> None:
    """`decodings` says which heads the loss fits."""
    decodings = cast(LossSpec, subject.spec).decodings
    known = get_args(Decoding)
    remedy = f"write a tuple of some of {', '.join(map(repr, known))}"
    require(isinstance(decodings, tuple), f"decodings is a {type(decodings).__name__}: {decodings!r}", remedy)
    require(decodings, "decodings is empty: no head could use the loss", remedy)
    unknown = [decoding for decoding in decodings if decoding not in known]
    require(not unknown, f"decodings has {unknown[:1]}", remedy)
    require(len(set(decodings)) == len(decodings), f"decodings repeats: {decodings!r}", remedy)


def check_right_answers_cost_less(subject: Subject) -> None:
    """The loss is one finite number, also at 0 and 1, and falls as predictions get better."""
    for decoding, width in _cases(subject):
        targets = _targets(decoding, width)
        loss = _loss(subject)
        costs = []
        for confidence in (0.0, 0.3, 0.7, 1.0):
            guess = targets * confidence + (1 - targets) * (1 - confidence)
            costs.append(_cost(loss, targets, _as_probabilities(guess, decoding)))
        require(
            np.isfinite(costs).all(),
            f"{decoding}: the loss of probabilities 0 and 1 is not finite: {costs}",
            "clip probabilities to keras.config.epsilon() and 1 - epsilon before a logarithm or a division",
        )
        # The last step may go up: label smoothing wants less than certainty.
        require(
            costs[0] > costs[1] > costs[2] and costs[3] < costs[1],
            f"{decoding}: better predictions must cost less; from wrong to right they cost {_listed(costs)}",
            "check the sign, and the order of the arguments: targets first, then probabilities",
        )
        require(
            _cost(loss, targets, _guess(decoding, width)) == _cost(loss, targets, _guess(decoding, width)),
            f"{decoding}: the same prediction costs something else the second time",
            "keep no state in the loss and draw nothing",
        )


def check_every_label_counts(subject: Subject) -> None:
    """A wrong answer costs more whichever label and whichever image it is about."""
    remedy = "sum or average over all outputs and all images"
    for decoding, width in _cases(subject):
        loss = _loss(subject)
        targets = _targets(decoding, width)
        for row in range(len(targets)):
            for label in range(targets.shape[1]):
                right = targets * 0.7 + (1 - targets) * 0.3
                wrong = right.copy()
                wrong[row, label] = 1 - wrong[row, label]
                if decoding == "one_of_many":
                    if not targets[row, label]:
                        continue
                    right = right / right.sum(axis=1, keepdims=True)
                    # The true class loses what the next one wins.
                    wrong = right.copy()
                    other = (label + 1) % width
                    wrong[row, [label, other]] = right[row, [other, label]]
                require(
                    _cost(loss, targets, wrong) > _cost(loss, targets, right),
                    f"{decoding}: a wrong answer about label {label} of image {row} costs nothing",
                    remedy,
                )


def check_targets_may_be_shares(subject: Subject) -> None:
    """Augmentations such as mixup give targets between 0 and 1, and what they say counts."""
    for decoding, width in _cases(subject):
        loss, targets, guess = _loss(subject), _targets(decoding, width), _guess(decoding, width)
        mixed = 0.7 * targets + 0.3 * np.roll(targets, 1, axis=0)
        whole, share = _cost(loss, targets, guess), _cost(loss, mixed.astype(np.float32), guess)
        require(
            np.isfinite(share) and not np.isclose(whole, share, rtol=1e-5, atol=1e-7),
            f"{decoding}: targets that are mixed of two images cost {share:.6g}, as those of one do: {whole:.6g}",
            "use targets as they are: no argmax, rounding or comparison with 1",
        )


def check_predictions_are_taken_for_probabilities(subject: Subject) -> None:
    """Heads give probabilities, not logits: a prediction of 0.05 says no."""
    remedy = "say from_logits=False, and apply no softmax or sigmoid: the head has done it"
    for decoding, width in _cases(subject):
        loss = _loss(subject)
        if decoding == "one_of_many":
            target = np.eye(width, dtype=np.float32)[:1]
            one, other = np.full((2, 1, width), 0.4 / (width - 1), np.float32)
            one[0, 0], other[0, 0] = 0.6, 0.45
            other[0, 1] += 0.15
            costs = [_cost(loss, target, guess) for guess in (one, other, (one + other) / 2)]
            moved = _cost(loss, target, one + 0.1)
            is_curved = abs(costs[0] + costs[1] - 2 * costs[2]) > 1e-6 * max(1.0, abs(costs[2]))
            require(
                not (is_curved and abs(moved - costs[0]) < 1e-6 * max(1.0, abs(costs[0]))),
                f"{decoding}: adding 0.1 to every probability changes nothing, as if they were logits",
                remedy,
            )
            continue
        guess = np.full((1, 1 if decoding == "yes_or_no" else width), 0.05, np.float32)
        no = np.zeros_like(guess)
        if decoding == "several_of_many":
            guess[0, 0], no[0, 0] = 0.95, 1
        yes = no.copy()
        yes[0, -1] = 1
        costs = [_cost(loss, target, guess) for target in (no, yes)]
        require(
            costs[0] < costs[1],
            f"{decoding}: a probability of 0.05 costs {costs[0]:.4g} where the answer is no and {costs[1]:.4g} where "
            "it is yes, as if it were a logit",
            remedy,
        )


def check_weights_of_labels_count(subject: Subject) -> None:
    """With class weights, `several_of_many` gets one positive weight a label, and each has an effect."""
    if "several_of_many" not in cast(LossSpec, subject.spec).decodings:
        return
    remedy = "multiply the loss of each positive target by label_weights, float32 (labels,), before averaging"
    for width in _WIDTHS:
        target = np.ones((1, width), np.float32)
        even = _loss(subject, np.ones(width, np.float32))
        for label in range(width):
            weights = np.ones(width, np.float32)
            weights[label] = _WEIGHT
            missed = np.full((1, width), 0.9, np.float32)
            missed[0, label] = 0.1
            costs = [_cost(loss, target, missed) for loss in (even, _loss(subject, weights))]
            require(
                np.isfinite(costs).all() and costs[1] > costs[0] * (1 + 1e-4) if costs[0] > 0 else costs[1] > costs[0],
                f"a missed label {label} costs {costs[1]:.4g} with the weight {_WEIGHT:g} and {costs[0]:.4g} with 1",
                remedy,
            )
            other = _cost(_loss(subject, np.roll(weights, 1)), target, missed)
            require(
                costs[1] > other,
                f"a missed label {label} costs {costs[1]:.4g} with its own weight and {other:.4g} with another label's",
                remedy,
            )


def check_weights_of_images_count(subject: Subject) -> None:
    """With class weights, the other decodings weigh images, by Keras's `sample_weight`."""
    remedy = "write `call`, which returns one loss an image, and leave `__call__` and reduction to keras.losses.Loss"
    for decoding, width in _cases(subject):
        loss, targets = _loss(subject), _targets(decoding, width)
        guess = _guess(decoding, width)
        other = guess.copy()
        other[1] = _as_probabilities(np.abs(0.7 - guess[1:2]), decoding)[0]
        none, double = np.ones(len(targets), np.float32), np.ones(len(targets), np.float32)
        none[1], double[0] = 0, 3
        without = [_cost(loss, targets, predictions, none) for predictions in (guess, other)]
        require(
            np.isclose(without[0], without[1], rtol=1e-4),
            f"{decoding}: an image of weight 0 still counts: the loss is {without[0]:.4g} or {without[1]:.4g}",
            remedy,
        )
        plain = _cost(loss, targets, guess, np.ones(len(targets), np.float32))
        require(
            not np.isclose(plain, _cost(loss, targets, guess, double), rtol=1e-5),
            f"{decoding}: an image of weight 3 counts as one of weight 1",
            remedy,
        )


def check_the_gradient_leads_to_better_predictions(subject: Subject) -> None:
    """Training follows the gradient: it is finite everywhere and points away from wrong answers."""
    import keras
    import tensorflow as tf

    for decoding, width in _cases(subject):
        loss, targets = _loss(subject), _targets(decoding, width)
        for guess in (_guess(decoding, width), targets, _as_probabilities(1 - targets, decoding)):
            predictions = tf.Variable(guess)
            with tf.GradientTape() as tape:
                cost = loss(targets, keras.ops.convert_to_tensor(predictions))
            gradient = tape.gradient(cost, predictions)
            require(
                gradient is not None,
                f"{decoding}: the loss has no gradient",
                "use keras.ops that have one: no NumPy, rounding, argmax or stop_gradient on predictions",
            )
            slope = np.array(tf.convert_to_tensor(gradient))
            require(
                np.isfinite(slope).all(),
                f"{decoding}: the gradient is NaN or infinite for predictions {guess.min():g} to {guess.max():g}",
                "clip probabilities before a logarithm, a root or a power below 1",
            )
            if guess.min() == 0 or guess.max() == 1:
                continue  # There a clipped loss may be flat.
            true = slope[targets == 1]
            require(
                (true < 0).all() if decoding != "one_of_many" else ((slope * (2 * targets - 1)).sum(axis=1) < 0).all(),
                f"{decoding}: the gradient does not lead to higher probabilities of what is right",
                "check the sign, and that every label and every image has a part in the loss",
            )


def check_it_runs_inside_a_compiled_step(subject: Subject) -> None:
    """Training compiles its step: the loss sees symbolic tensors there, and batches of any length."""
    import tensorflow as tf

    for decoding, width in _cases(subject):
        loss, targets, guess = _loss(subject), _targets(decoding, width), _guess(decoding, width)
        signature = [tf.TensorSpec([None, targets.shape[1]], tf.float32)] * 2

        @tf.function(input_signature=signature, autograph=False)  # type: ignore[untyped-decorator, unused-ignore]
        def step(truth: Any, predictions: Any, loss: keras.losses.Loss = loss) -> Any:
            return loss(truth, predictions)

        for rows in (len(targets), 1, 3):
            eager, compiled = _cost(loss, targets[:rows], guess[:rows]), float(step(targets[:rows], guess[:rows]))
            require(
                np.isclose(eager, compiled, rtol=1e-4, atol=1e-6),
                f"{decoding}: a compiled step gives {compiled:.6g} where the loss by itself is {eager:.6g}",
                "use keras.ops alone, no NumPy and no Python `if` on values",
            )


# ------------------------------------------------------------------------------------------------ losses and examples


def _cases(subject: Subject) -> list[tuple[Decoding, int]]:
    decodings = cast(LossSpec, subject.spec).decodings
    return [
        (decoding, width) for decoding in decodings for width in (_WIDTHS[:1] if decoding == "yes_or_no" else _WIDTHS)
    ]


def _loss(subject: Subject, weights: _Array | None = None) -> keras.losses.Loss:
    import keras

    loss = cast(LossSpec, subject.spec).build(subject.parameters, weights)
    require(
        isinstance(loss, keras.losses.Loss),
        f"build returned {type(loss).__name__}",
        "return an instance of keras.losses.Loss, or of a class derived from it",
    )
    return loss


def _cost(loss: keras.losses.Loss, targets: _Array, guess: NDArray[Any], weights: _Array | None = None) -> float:
    import keras

    cost = np.asarray(keras.ops.convert_to_numpy(loss(targets, guess.astype(np.float32), sample_weight=weights)))
    require(
        cost.size == 1,
        f"the loss of a batch has the shape {cost.shape}",
        "keep the reduction of keras.losses.Loss, which makes one number of a batch",
    )
    return float(cost.reshape(()))


def _targets(decoding: Decoding, width: int) -> _Array:
    if decoding == "yes_or_no":
        return np.array([[0], [1], [1], [0]], np.float32)
    if decoding == "one_of_many":
        return np.eye(width, dtype=np.float32)
    rows = np.random.default_rng(11).integers(0, 2, (width, width)).astype(np.float32)
    rows[np.arange(width), np.arange(width)] = 1  # No label is without a positive target.
    rows[0, 1:] = 0
    return rows


def _guess(decoding: Decoding, width: int) -> _Array:
    shape = _targets(decoding, width).shape
    return _as_probabilities(np.random.default_rng(12).uniform(0.15, 0.85, shape), decoding)


def _as_probabilities(guess: NDArray[Any], decoding: Decoding) -> _Array:
    if decoding == "one_of_many":
        guess = guess / guess.sum(axis=1, keepdims=True)
    return guess.astype(np.float32)


def _listed(costs: list[float]) -> str:
    return ", ".join(f"{cost:.4g}" for cost in costs)


CHECKS: tuple[CheckFunction, ...] = (
    check_decodings_are_known,
    check_right_answers_cost_less,
    check_every_label_counts,
    check_targets_may_be_shares,
    check_predictions_are_taken_for_probabilities,
    check_weights_of_labels_count,
    check_weights_of_images_count,
    check_the_gradient_leads_to_better_predictions,
    check_it_runs_inside_a_compiled_step,
)
