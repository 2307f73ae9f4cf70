"""Makes what the ONNX peers run: a Keras network as ONNX, and an int8 network by ONNX Runtime's own quantization.

    python onnx_models.py export MODEL OUT.onnx [--weights FILE]
    python onnx_models.py quantize MODEL.onnx OUT.onnx FOLDER --size 224 --scaling -1..1 [--grey]

Quantization is static, in the QDQ format, calibrated on photos, with the settings that ONNX Runtime's documentation
advises for x86-64: uint8 activations, int8 weights for each channel, and a reduced range where the CPU has no VNNI.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

PHOTOS = 100


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["export", "quantize"])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--weights")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--scaling", default="0..255")
    parser.add_argument("--grey", action="store_true")
    options = parser.parse_args()
    {"export": export, "quantize": quantize}[options.what](options)


def export(options: argparse.Namespace) -> None:
    """Keras's own export, which needs tf2onnx."""
    import keras

    if options.model.endswith(".keras"):
        model = keras.models.load_model(options.model)
    else:
        model = getattr(keras.applications, options.model)(weights=options.weights)
    signature = [keras.InputSpec(shape=(None, *model.input_shape[1:]), dtype="float32")]
    model.export(options.out, format="onnx", input_signature=signature, verbose=False)


def quantize(options: argparse.Namespace) -> None:
    """Float32 ONNX -> int8 ONNX."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory() as scratch:
        prepared = str(Path(scratch, "prepared.onnx"))
        quant_pre_process(options.model, prepared)
        quantize_static(
            prepared,
            options.out,
            photo_reader(prepared, options),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range="vnni" not in Path("/proc/cpuinfo").read_text(),
        )


def photo_reader(model: str, options: argparse.Namespace) -> object:
    import onnxruntime
    from onnx_photos import load_photo
    from onnxruntime.quantization import CalibrationDataReader

    name = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).get_inputs()[0].name
    paths = iter(sorted(options.folder.iterdir())[:PHOTOS])

    class Photos(CalibrationDataReader):
        def get_next(self) -> dict[str, np.ndarray] | None:
            path = next(paths, None)
            if path is None:
                return None
            return {name: load_photo(path, options.size, options.scaling, grey=options.grey)[None]}

    return Photos()


if __name__ == "__main__":
    main()
