"""The operations that a bundle's graph may have, by their names in OpenVINO's files."""

from __future__ import annotations

_NAMES = """
    Abs Acos Acosh AdaptiveAvgPool AdaptiveMaxPool Add Asin Asinh Atan Atanh AvgPool BatchNormInference
    BatchToSpace BitwiseAnd BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor Broadcast
    Bucketize Ceiling Clamp Col2Im Concat Const Convert ConvertLike ConvertPromoteTypes Convolution
    ConvolutionBackpropData Cos Cosh CumSum DeformableConvolution DepthToSpace DFT Divide Einsum Elu
    EmbeddingBagOffsets EmbeddingBagOffsetsSum EmbeddingBagPacked EmbeddingBagPackedSum EmbeddingSegmentsSum
    Equal Erf Exp ExtractImagePatches Eye FakeConvert FakeQuantize Floor FloorMod Gather GatherElements GatherND
    GatherTree Gelu Greater GreaterEqual GridSample GRN GroupConvolution GroupConvolutionBackpropData
    GroupNormalization GRUCell GRUSequence HardSigmoid HSigmoid HSwish Identity IDFT If Interpolate Inverse
    IRDFT IsFinite IsInf IsNaN ISTFT Less LessEqual Log LogicalAnd LogicalNot LogicalOr LogicalXor LogSoftmax
    Loop LRN LSTMCell LSTMSequence MatMul Maximum MaxPool Minimum Mish Mod Multiply MVN Negative NonZero
    NormalizeL2 NotEqual OneHot Pad Parameter Power PReLU PSROIPooling Range RDFT ReduceL1 ReduceL2
    ReduceLogicalAnd ReduceLogicalOr ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReLU ReorgYolo Reshape
    Result ReverseSequence RNNCell RNNSequence ROIAlign ROIPooling Roll Round ScaledDotProductAttention
    ScatterElementsUpdate ScatterNDUpdate ScatterUpdate SearchSorted SegmentMax Select Selu ShapeOf
    ShuffleChannels Sigmoid Sign Sin Sinh Slice SliceScatter SoftMax SoftPlus SoftSign SpaceToBatch SpaceToDepth
    Split Sqrt SquaredDifference Squeeze STFT StridedSlice Subtract Swish Tan Tanh TensorIterator Tile TopK
    Transpose Unique Unsqueeze VariadicSplit
"""
ALLOWED = frozenset(_NAMES.split())
"""What computes numbers from numbers, alone or in a loop, and is in OpenVINO's operation sets 1 to 16.

A list of what may be and not of what may not: OpenVINO's reader takes names in any case, gives some of them a meaning
that its own files never use (`Constant` reads memory that nobody has filled), and knows operations that are of no use
here: state that outlives a batch, random numbers, texts, boxes around things, video frames.
"""

FEWEST_INPUTS = {"Broadcast": 2, "Slice": 4}
"""Of operations that OpenVINO's reader takes for granted to have so many: it crashes where they have fewer."""

REASONS = {
    "readvalue": "keeps state between batches",
    "assign": "keeps state between batches",
    "randomuniform": "draws random numbers",
    "randomuniformint": "draws random numbers",
    "multinomial": "draws random numbers",
}
"""Why some that networks do have are refused, by their names in small letters."""
