"""A call into a plugin: what it is offered, and what becomes of what it raises or returns."""

from __future__ import annotations

import io
import pickle
import signal
from pathlib import Path

import numpy as np
import pytest

from fashionbatch.errors import BundleError, DataError, InterruptedRunError, PluginError
from fashionbatch.plugins import guarded, keywords_taken
from fashionbatch.plugins.guard import OurFunction
from fashionbatch.registry import Provider
from fashionbatch.specs import (
    DatasetSpec,
    EngineSpec,
    FeatureTensor,
    HeadSpec,
    RuntimeRequest,
    RuntimeSpec,
    Samples,
    ScheduleSpec,
    WriterSpec,
)

SHOES = Provider("shoes", "1.2")
OURS = Provider("fashionbatch", "0.1")


def raising(error):
    def function(*_, **__):
        raise error

    return function


def dataset(load, provider=SHOES):
    return guarded(DatasetSpec(name="two_files", summary="Two.", load=load), provider)


def engine(run):
    return guarded(EngineSpec(name="odd", summary="Odd.", run=run), SHOES)


def writer(encode=lambda columns, rows: b"", assemble=lambda columns, shards, file: None):
    return guarded(WriterSpec(name="tabs", summary="Tabs.", suffix=".tsv", encode=encode, assemble=assemble), SHOES)


# ------------------------------------------------------------------------------------------------ what it is offered


def test_a_function_gets_the_keyword_arguments_that_it_names_and_all_positional_ones():
    offered = {"types": 1, "parameters": 2}
    assert keywords_taken(lambda columns, rows: 0, offered) == {}
    assert keywords_taken(lambda columns, rows, *, parameters: 0, offered) == {"parameters": 2}
    assert keywords_taken(lambda columns, rows, types=None: 0, offered) == {"types": 1}
    assert keywords_taken(lambda *given: 0, offered) == {}
    assert keywords_taken(lambda columns, /, **rest: 0, offered) == offered
    assert keywords_taken(lambda types, /: 0, offered) == {}


def test_a_method_and_a_class_are_offered_keyword_arguments_as_a_function_is():
    class Called:
        def __init__(self, request, *, progress=None):
            self.progress = progress

        def method(self, shards, *, stop_signal):
            return stop_signal

    assert keywords_taken(Called, {"progress": 1, "stop_signal": 2}) == {"progress": 1}
    assert keywords_taken(Called(1).method, {"progress": 1, "stop_signal": 2}) == {"stop_signal": 2}


def test_an_engine_written_for_two_arguments_runs_where_more_are_offered():
    done = []
    engine(lambda shards, run_shard: [run_shard(shard) for shard in shards] and None).run(
        [3, 1], done.append, progress=print, stop_signal=int
    )
    assert done == [3, 1]


def test_guarding_twice_changes_nothing_and_equal_specs_stay_equal():
    def load(parameters, context):
        return None

    assert guarded(dataset(load), SHOES) == dataset(load)
    assert guarded(DatasetSpec(name="two_files", summary="Two.", load=load), OURS) != dataset(load)


# -------------------------------------------------------------------------------------------------- what it raises


@pytest.mark.parametrize("kind", [ValueError, SystemExit, GeneratorExit, MemoryError])
def test_what_a_plugin_raises_names_plugin_kind_and_component_and_keeps_the_traceback(kind):
    error = kind("no b")
    with pytest.raises(PluginError) as caught:
        dataset(raising(error)).load(None, None)
    assert caught.value.message == f"plugin shoes 1.2 (dataset 'two_files'): load failed: {kind.__name__}: no b"
    assert caught.value.__cause__ is error
    assert "test_guard.py" in caught.value.traceback
    assert pickle.loads(pickle.dumps(caught.value)).traceback == caught.value.traceback


def test_a_library_that_is_missing_is_named_with_what_to_do():
    def encode(columns, rows):
        import no_such_library.sheets  # noqa: F401

    with pytest.raises(PluginError, match=r"\(writer 'tabs'\): encode failed: ModuleNotFoundError") as caught:
        writer(encode).encode(["filepath"], [])
    assert caught.value.hint == "install what provides the module 'no_such_library' into this environment"


def test_an_error_that_a_plugin_means_for_the_user_stays_what_it_is():
    with pytest.raises(DataError, match=r"^no shoes in x$"):
        dataset(raising(DataError("no shoes in x"))).load(None, None)


def test_a_bug_in_a_built_in_stays_a_bug():
    with pytest.raises(KeyError):
        dataset(raising(KeyError("a")), OURS).load(None, None)


def test_a_plugins_own_keyboard_interrupt_is_its_failure(under_a_handler_of_ours):
    with pytest.raises(PluginError, match="load failed: KeyboardInterrupt"):
        dataset(raising(KeyboardInterrupt())).load(None, None)


def test_ctrl_c_stays_ctrl_c_whoevers_code_runs():
    class Stopped(KeyboardInterrupt):
        pass

    with pytest.raises(Stopped):
        dataset(raising(Stopped())).load(None, None)

    def interrupted(parameters, context):
        signal.raise_signal(signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        dataset(interrupted).load(None, None)


# ------------------------------------------------------------------------------------ our own code in its hands


def failing_items(error):
    yield ["a"]
    raise error


@pytest.mark.parametrize("error", [KeyError("a bug of ours"), OSError(28, "No space left on device")])
def test_what_our_own_code_raises_passes_through_the_plugin(error):
    def run(shards, run_shard):
        for shard in shards:
            run_shard(shard)

    with pytest.raises(type(error)):
        engine(run).run([1], raising(error))
    with pytest.raises(type(error)):
        writer(encode=lambda columns, rows: str(list(rows)).encode()).encode(["a"], failing_items(error))
    with pytest.raises(type(error)):
        writer(assemble=lambda columns, shards, file: list(shards)).assemble(["a"], failing_items(error), io.BytesIO())


@pytest.mark.parametrize("given", ["progress", "stop_signal"])
def test_what_our_sink_or_signal_raises_in_an_engine_passes_through_it(given):
    def run(shards, run_shard, *, progress, stop_signal):
        progress(1)
        stop_signal()

    ours = {"progress": lambda rows: None, "stop_signal": lambda: 0, given: raising(KeyError("a bug of ours"))}
    with pytest.raises(KeyError, match="a bug of ours"):
        engine(run).run([1], lambda shard: None, **ours)


def test_a_full_disk_under_a_writer_is_not_the_writers_failure_but_its_own_missing_file_is(tmp_path: Path):
    class FullDisk(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        writer(assemble=lambda columns, shards, file: file.write(b"a")).assemble(["a"], [], FullDisk())
    with pytest.raises(PluginError, match="assemble failed: FileNotFoundError"):
        writer(assemble=lambda columns, shards, file: (tmp_path / "font").read_bytes()).assemble(
            ["a"], [], io.BytesIO()
        )


def test_an_interrupted_shard_interrupts_the_engine():
    stop = InterruptedRunError("interrupted", signal_number=15)
    with pytest.raises(InterruptedRunError):
        engine(lambda shards, run_shard: run_shard(shards[0])).run([1], raising(stop))


def test_the_function_that_an_engine_is_handed_can_be_pickled():
    assert pickle.loads(pickle.dumps(OurFunction(abs)))(-3) == 3


# ----------------------------------------------------------------------------------------------- what it returns


PHOTOS = [Path("a.jpg"), Path("b.jpg")]


def samples(**changed):
    return Samples(**{"images": PHOTOS, "labels": [("a",), ("b",)], "class_names": ("a", "b"), **changed})


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (None, "load returned NoneType; expected fashionbatch.specs.Samples"),
        (samples(images=["a.jpg", "b.jpg"]), "images[0] is 'a.jpg'; expected a pathlib.Path"),
        (samples(images=[np.zeros((2, 2))] * 2), "images[0] is an array; arrays are stacked to one array"),
        (samples(images=np.zeros((2, 4, 4))), "images are float64 of shape (2, 4, 4)"),
        (samples(images=np.zeros((2, 4, 4, 5), np.uint8)), "images have 5 channels, not 1 or 3"),
        (samples(skipped=None), "skipped are None; expected a sequence"),
        (samples(skipped=["c.jpg"]), "skipped[0] is 'c.jpg'; expected a path and the reason"),
        (samples(images=iter(PHOTOS)), "images are a list_iterator; expected a sequence"),
        (samples(labels=["a", "b"]), "labels[0] is 'a'; expected a tuple of class names, such as ('dress',)"),
        (samples(labels=[("a",), (3,)]), "labels[1] is (3,); class names are text"),
        (samples(labels=[("a",)]), "2 images and 1 labels"),
        (samples(labels=(("a",) for _ in PHOTOS)), "labels are a generator; expected a sequence"),
        (samples(class_names="ab"), "class_names are 'ab'; expected a sequence"),
        (samples(class_names=("a", 1)), "class_names hold 1; expected text"),
        (samples(splits=["train"]), "2 images and 1 splits"),
        (samples(splits=["train", "val"]), "splits hold 'val'; expected train, validation, test or None"),
        (samples(groups={"sku": ["1"]}), "2 images and 1 values of 'sku'"),
        (samples(groups=[("sku", "1")]), "groups are [('sku', '1')]; expected a mapping"),
        (samples(keep_together="sku"), "keep_together is 'sku', which is none of groups"),
        (samples(notes="odd"), "notes are 'odd'; expected a sequence"),
        (samples(notes=[1]), "notes hold 1; expected text"),
        (samples(label_groups=["a"]), "label_groups are ['a']; expected a mapping"),
        (
            samples(label_groups={"colour": ("red",)}),
            "label_groups['colour'] holds 'red', which is none of class_names",
        ),
    ],
)
def test_samples_that_are_not_right_are_one_error_of_the_dataset(result, said):
    with pytest.raises(PluginError) as caught:
        dataset(lambda parameters, context: result).load(None, None)
    assert caught.value.message.startswith("plugin shoes 1.2 (dataset 'two_files'): load returned ")
    assert said in caught.value.message


@pytest.mark.parametrize("result", ["odd", None, [1]])
def test_what_a_dataset_says_of_its_labels_is_a_list_of_sentences(result):
    spec = DatasetSpec(name="two_files", summary="Two.", load=lambda *_: samples(), look=lambda *_: result)
    with pytest.raises(PluginError, match=r"look returned .*; expected a list of sentences"):
        guarded(spec, SHOES).look(None, None)


def test_samples_that_are_right_pass_as_they_are():
    right = samples(splits=["train", None], groups={"sku": ("1", "2")})
    assert dataset(lambda parameters, context: right).load(None, None) is right


@pytest.mark.parametrize("result", [None, "a,b\n"])
def test_a_writer_must_give_bytes(result):
    with pytest.raises(
        PluginError, match=rf"\(writer 'tabs'\): encode returned {type(result).__name__}; expected bytes"
    ):
        writer(lambda columns, rows: result).encode(["a"], [])


def test_a_writer_may_give_pieces_which_are_guarded_as_they_come():
    assert list(writer(lambda columns, rows: [b"a", bytearray(b"b")]).encode(["a"], [])) == [b"a", b"b"]
    with pytest.raises(PluginError, match=r"'tabs'\): encode gave a piece of str; expected bytes"):
        list(writer(lambda columns, rows: [b"a", "b"]).encode(["a"], []))
    with pytest.raises(PluginError, match=r"'tabs'\): encode failed: SystemExit"):
        list(writer(lambda columns, rows: (raising(SystemExit())() for _ in "ab")).encode(["a"], []))
    with pytest.raises(KeyError):
        list(writer(lambda columns, rows: (str(row).encode() for row in rows)).encode(["a"], failing_items(KeyError())))


def test_an_engine_whose_run_is_a_generator_has_run_nothing():
    def run(shards, run_shard):
        yield run_shard(shards[0])

    with pytest.raises(PluginError, match=r"\(engine 'odd'\): run returned a generator that nobody runs"):
        engine(run).run([1], print)


def test_a_writer_whose_assemble_is_a_generator_has_written_nothing():
    def assemble(columns, parts, file):
        yield file.write(b"a")

    with pytest.raises(PluginError, match=r"\(writer 'tabs'\): assemble returned a generator that nobody runs"):
        writer(assemble=assemble).assemble(["a"], [], io.BytesIO())


def test_text_written_into_the_tables_file_is_the_writers_mistake():
    with pytest.raises(
        PluginError, match=r"\(writer 'tabs'\): assemble failed: TypeError: the table's file takes bytes"
    ):
        writer(assemble=lambda columns, parts, file: file.write("a")).assemble(["a"], [], io.BytesIO())


# --------------------------------------------------------------------------------------------------------- runtimes


class Echo:
    slots, version = 2, "echo 1"

    def __init__(self, request):
        self.waiting = []

    def submit(self, key, batch):
        self.waiting.append(key)

    def collect(self, *, wait):
        done, self.waiting = self.waiting, []
        return [(key, np.zeros((4, 3), np.float32)) for key in done]

    def close(self):
        pass


def request(features=None):
    return RuntimeRequest(
        graph=Path("model.xml"),
        batch_size=4,
        input_shape=(2, 2, 3),
        outputs=3,
        precision="float32",
        device="cpu",
        streams=1,
        keras_model=lambda: None,
        features=features,
    )


def runtime(open_, precisions=lambda device: ("float32",)):
    return guarded(RuntimeSpec(name="echo", summary="Echo.", precisions=precisions, open=open_), SHOES)


def changed(**methods):
    return type("Changed", (Echo,), methods)


def test_a_runtime_that_answers_as_asked_works_as_it_is():
    opened = runtime(Echo).open(request())
    assert (opened.slots, opened.version) == (2, "echo 1")
    opened.submit(7, np.zeros((4, 2, 2, 3), np.uint8))
    [(key, answers)] = opened.collect(wait=True)
    assert key == 7
    assert answers.shape == (4, 3)
    assert opened.collect(wait=True) == []
    opened.close()


@pytest.mark.parametrize(
    ("collect", "said"),
    [
        (lambda self, *, wait: [(0, np.zeros((4, 2), np.float32))], r"gave float32 \(4, 2\) for a batch; .*\(4, 3\)"),
        (lambda self, *, wait: [(0, np.zeros((4, 3)))], r"gave float64 \(4, 3\) for a batch; expected float32"),
        (lambda self, *, wait: [(0, [[0.1] * 3] * 4)], "gave list for a batch; expected a NumPy array"),
        (lambda self, *, wait: [(5, np.zeros((4, 3), np.float32))], "answered batch 5, which is not under way"),
        (lambda self, *, wait: [(0, np.zeros((4, 3), np.float32))] * 2, "answered batch 0, which is not under way"),
        (lambda self, *, wait: [], "gave nothing, although 1 batches are due"),
        (lambda self, *, wait: None, "failed: TypeError"),
        (raising(RuntimeError("driver gone")), "failed: RuntimeError: driver gone"),
        (lambda self, *, wait: (raising(OSError("late"))() for _ in "a"), "failed: OSError: late"),
    ],
)
def test_a_runtime_that_answers_otherwise_is_one_error(collect, said):
    opened = runtime(changed(collect=collect)).open(request())
    opened.submit(0, np.zeros((4, 2, 2, 3), np.uint8))
    with pytest.raises(PluginError, match=rf"^plugin shoes 1\.2 \(runtime 'echo'\): collect {said}"):
        opened.collect(wait=True)


def test_features_make_the_rows_wider():
    opened = runtime(Echo).open(request(FeatureTensor("flat", 0, 5)))
    opened.submit(0, np.zeros((4, 2, 2, 3), np.uint8))
    with pytest.raises(PluginError, match=r"gave float32 \(4, 3\) for a batch; expected float32 \(4, 8\)"):
        opened.collect(wait=True)


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ({"submit": None}, "open returned Changed, which has no method 'submit'"),
        ({"slots": 0}, "open returned a runtime whose slots are 0; expected a number from 1"),
        ({"version": None}, "open returned a runtime whose version is None; expected text"),
        ({"__init__": raising(ImportError("no driver"))}, "open failed: ImportError: no driver"),
    ],
)
def test_a_runtime_that_cannot_be_driven_is_one_error(methods, said):
    with pytest.raises(PluginError, match=said):
        runtime(changed(**methods)).open(request())


@pytest.mark.parametrize("method", ["submit", "close"])
def test_each_method_of_a_runtime_is_guarded(method):
    opened = runtime(changed(**{method: raising(SystemExit())})).open(request())
    arguments = (0, np.zeros((4, 2, 2, 3), np.uint8)) if method == "submit" else ()
    with pytest.raises(PluginError, match=f"{method} failed: SystemExit"):
        getattr(opened, method)(*arguments)


@pytest.mark.parametrize(
    ("result", "said"),
    [("float32", "returned 'float32' for 'cpu'"), (None, "returned None"), (("float16",), "names 'float16' for 'cpu'")],
)
def test_precisions_are_known_ones(result, said):
    with pytest.raises(PluginError, match=rf"\(runtime 'echo'\): precisions {said}"):
        runtime(Echo, lambda device: result).precisions("cpu")


@pytest.mark.parametrize(
    ("role", "given", "result", "said"),
    [
        ("rate", (0.1,), "fast", "returned 'fast'; expected a rate of 0 or more"),
        ("rate", (0.1,), True, "returned True; expected a rate of 0 or more"),
        ("after_epoch", (None, {}), float("nan"), "returned nan; expected a rate of 0 or more"),
        ("monitor", (), None, "returned None; expected the name of a figure, such as 'val_loss'"),
        ("problems", (3,), None, "returned None; expected texts by the names of parameters, or {}"),
        ("advice", (3,), {"warmup": 3}, "returned {'warmup': 3}; expected texts by the names of parameters, or {}"),
    ],
)
def test_what_a_schedule_returns_is_checked(role, given, result, said):
    spec = ScheduleSpec(name="odd", summary="Odd.", build=lambda *_: 0.1, **{role: lambda *_: result})
    with pytest.raises(PluginError) as caught:
        getattr(guarded(spec, SHOES), role)(None, *given)
    assert caught.value.message == f"plugin shoes 1.2 (schedule 'odd'): {role} {said}"


def test_a_rate_may_be_a_number_of_numpys():
    spec = ScheduleSpec(name="odd", summary="Odd.", build=lambda *_: 0.1, rate=lambda *_: np.float32(0.5))
    rate = guarded(spec, SHOES).rate(None, 0.1)
    assert (type(rate), rate) == (float, 0.5)


def test_what_the_name_of_a_folder_stands_for_is_checked():
    spec = DatasetSpec(name="odd", summary="Odd.", load=lambda *_: None, labels_of_folder=lambda _, folder: folder)
    with pytest.raises(PluginError, match=r"labels_of_folder returned 'red'; expected a tuple of class names"):
        guarded(spec, SHOES).labels_of_folder(None, "red")


def test_an_error_of_the_bundle_passes_through_a_runtime():
    with pytest.raises(BundleError):
        runtime(raising(BundleError("damaged"))).open(request())


def test_what_is_no_function_stays_as_it_is():
    spec = HeadSpec(name="one", summary="One.", decoding="one_of_many", default_loss="x", build=lambda *_: None)
    assert (guarded(spec, SHOES).decoding, guarded(spec, SHOES).parameters) == (spec.decoding, spec.parameters)
