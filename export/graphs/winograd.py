"""Winograd's minimal filtering for large convolutions: the same result from fewer products.

F(m x m, r x r) makes m x m results of an r x r kernel from n x n products a pair of channels, with
n = m + r - 1, where the direct way takes (m r) squared. Written as matrix products over tiles of
the picture, for CPUs, whose runtimes compute such convolutions directly. Rounding is a little
coarser, so the graph must compute in FP32.

Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, shape_inference

from tpgan_sdk.errors import ExportError
from tpgan_sdk.models.model import Model

from .rewriting import read_constants, replace_nodes, with_inferred_shapes

Matrix = npt.NDArray[np.float64]

POINTS: Final = tuple(map(Fraction, ("0", "1", "-1", "1/2", "-1/2", "2", "-2")))
"""Where the polynomials are evaluated, infinity besides: near 1 and exact in binary, which keeps
the rounding low."""
TILE: Final = 4
"""m."""
LEAST_GAIN: Final = 2.5
"""Times fewer multiplications; with less, moving the tiles takes what they save."""
LEAST_TILES: Final = 64
"""With fewer, reading the kernels, which are larger, takes what the products save."""


@dataclass(frozen=True, slots=True)
class Transforms:
    """F(m, r) in one dimension: `result @ ((kernel @ g) * (data @ d))`."""

    result: Matrix
    """(m, n)"""
    kernel: Matrix
    """(n, r)"""
    data: Matrix
    """(n, n)"""


def transforms(results: int, taps: int) -> Transforms:
    """The matrices of F(results, taps), by interpolation at `POINTS` and infinity.

    Raises:
        ValueError: it takes more points than there are.
    """
    finite = results + taps - 2
    if finite > len(POINTS):
        raise ValueError(f"F({results}, {taps}) takes {finite} points; there are {len(POINTS)}")
    points = POINTS[:finite]
    data = [[*_polynomial([q for q in points if q != p]), Fraction(0)] for p in points]
    scales = [sum(c * p**k for k, c in enumerate(row)) for p, row in zip(points, data, strict=True)]
    kernel = [[p**k / s for k in range(taps)] for p, s in zip(points, scales, strict=True)]
    result = [[p**k for k in range(results)] for p in points]
    infinity = [Fraction(0)] * finite + [Fraction(1)]  # the highest power alone
    return Transforms(
        result=_matrix([*result, infinity[-results:]]).T,
        kernel=_matrix([*kernel, infinity[-taps:]]),
        data=_matrix([*data, _polynomial(points)]),
    )


def tile_convolutions(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that computes its 3x3 and 5x5 convolutions of stride 1 by tiles where that takes
    `LEAST_GAIN` times fewer multiplications. It must compute in FP32, with weights that are read
    without a Cast; the batch may be free.

    Raises:
        ExportError: tiles suit none of them.
    """
    result = shape_inference.infer_shapes(model)
    if not _Tiler(result.graph).apply():
        raise ExportError("none of its convolutions is large enough for Winograd's tiles")
    return with_inferred_shapes(result)


def refuse_tiled(model: Model, wanted: str) -> None:
    """For what makes another precision: rounding would be many times that of a direct convolution.

    Raises:
        ExportError: the model was exported with tiles.
    """
    if model.info.parity.get("onnx_vs_torch", {}).get("winograd"):
        raise ExportError(
            f"{model.path} holds Winograd's convolutions, which are for FP32 only; for {wanted} "
            "export the checkpoint without --winograd"
        )


@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution that keeps the size."""

    inputs: int
    outputs: int
    taps: int
    """Kernel's height and width."""
    height: int
    width: int

    @property
    def side(self) -> int:
        """n: pixels a side that a tile reads, and its products a side."""
        return TILE + self.taps - 1

    @property
    def blocks(self) -> int:
        """Blocks of m x m a side that hold what a tile reads."""
        return -(-self.side // TILE)

    @property
    def gain(self) -> float:
        """Multiplications of the direct way by those of tiles and their transforms."""
        pairs, products = self.inputs * self.outputs, self.side**2
        read = self.blocks**2 * products * self.inputs
        tiled = products / TILE**2 * pairs + read + products * self.outputs
        return self.taps**2 * pairs / tiled

    @property
    def suits(self) -> bool:
        """Whether tiles are worth it."""
        whole = self.height % TILE == 0 and self.width % TILE == 0
        enough = self.height * self.width >= LEAST_TILES * TILE**2
        return whole and enough and self.gain >= LEAST_GAIN


class _Tiler:
    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph = graph
        self.constants = read_constants(graph)
        self.shapes = {
            v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
            for v in (*graph.value_info, *graph.input, *graph.output)
        }
        self.nodes: list[onnx.NodeProto] = []

    def apply(self) -> bool:
        """Rewrites the graph in place; whether there was anything to do."""
        for node in self.graph.node:
            layer = self._layer(node)
            if layer is not None and layer.suits:
                self._tile(node, layer)
            else:
                self.nodes.append(node)
        changed = len(self.nodes) > len(self.graph.node)
        replace_nodes(self.graph, self.nodes, self.constants)
        return changed

    def _layer(self, node: onnx.NodeProto) -> _Layer | None:
        """What the node is, if it can be tiled at all."""
        if node.op_type != "Conv" or any(name not in self.constants for name in node.input[1:]):
            return None
        outputs, inputs, *kernel = self.constants[node.input[1]].shape
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        plain = (
            kernel in ([3, 3], [5, 5])
            and given.get("group", 1) == 1
            and given.get("auto_pad", b"NOTSET") == b"NOTSET"
            and set(given.get("strides", [1])) == {1}
            and set(given.get("dilations", [1])) == {1}
            and set(given.get("pads", [0])) == {kernel[0] // 2}
        )
        shape = self.shapes.get(node.output[0], [])
        if not plain or len(shape) != 4:
            return None
        return _Layer(inputs, outputs, kernel[0], *shape[2:])

    def _tile(self, node: onnx.NodeProto, layer: _Layer) -> None:
        """The nodes that take a convolution's place. Channels are last inside, so that every
        product is one of plain matrices and values move in runs of channels."""
        name, m, n, blocks = node.output[0], TILE, layer.side, layer.blocks
        rows, columns = layer.height // m, layer.width // m
        kernels, data, result = _weights(self.constants[node.input[1]], layer)

        def add(kind: str, *inputs: str, **attributes: Any) -> str:
            made = f"{name}_tiled_{len(self.nodes)}"
            self.nodes.append(helper.make_node(kind, inputs, [made], made, **attributes))
            return made

        def constant(what: str, values: Any, dtype: npt.DTypeLike) -> str:
            self.constants[f"{name}_tiled_{what}"] = np.asarray(values, dtype)
            return f"{name}_tiled_{what}"

        def whole(what: str, values: Sequence[int]) -> str:
            return constant(what, values, np.int64)

        def shaped(x: str, what: str, shape: Sequence[int]) -> str:
            return add("Reshape", x, whole(what, shape))

        # (N, inputs, height, width) to blocks of m x m: (m, m, N, rows, columns, inputs).
        before = layer.taps // 2
        after = (blocks - 1) * m - before
        x = add("Pad", node.input[0], whole("pads", [0, 0, before, before, 0, 0, after, after]))
        x = add("Transpose", x, perm=[0, 2, 3, 1])
        counts = [rows + blocks - 1, m, columns + blocks - 1, m]
        x = shaped(x, "blocks", [0, *counts, layer.inputs])
        x = add("Transpose", x, perm=[2, 4, 0, 1, 3, 5])
        # Each tile with all the blocks that it reads.
        axes, shifts = whole("axes", [3, 4]), []
        for i, j in product(range(blocks), repeat=2):
            start = whole(f"start_{i}_{j}", [i, j])
            end = whole(f"end_{i}_{j}", [i + rows, j + columns])
            shifts.append(add("Slice", x, start, end, axes))
        x = shaped(add("Concat", *shifts, axis=0), "pixels", [(blocks * m) ** 2, -1])
        # The transform, for each of the n x n points the channels' product, the transform back.
        x = add("MatMul", constant("data", data, np.float32), x)
        x = shaped(x, "points", [n * n, -1, layer.inputs])
        x = add("MatMul", x, constant("kernels", kernels, np.float32))
        x = shaped(x, "products", [n * n, -1])
        x = add("MatMul", constant("result", result, np.float32), x)
        # (m, m, N, rows, columns, outputs) to the picture.
        x = shaped(x, "tiles", [m, m, -1, rows, columns, layer.outputs])
        x = add("Transpose", x, perm=[2, 3, 0, 4, 1, 5])
        x = shaped(x, "size", [0, layer.height, layer.width, layer.outputs])
        x = add("Transpose", x, perm=[0, 3, 1, 2])
        if len(node.input) > 2:
            bias = self.constants[node.input[2]].reshape(1, -1, 1, 1)
            add("Add", x, constant("bias", bias, np.float32))
        self.nodes[-1].output[0] = name


def _weights(kernel: npt.NDArray[Any], layer: _Layer) -> tuple[Matrix, Matrix, Matrix]:
    """Kernels (n n, inputs, outputs), the transform of a tile's blocks (n n, blocks blocks m m)
    and that back (m m, n n)."""
    t, n, blocks = transforms(TILE, layer.taps), layer.side, layer.blocks
    kernels = np.einsum("uk,vl,oikl->uvio", t.kernel, t.kernel, kernel.astype(np.float64))
    wide = np.zeros((n, blocks * TILE))  # pixels of the blocks that no tile reads weigh nothing
    wide[:, :n] = t.data
    one = wide.reshape(n, blocks, TILE)
    data = np.einsum("uip,vjq->uvijpq", one, one)
    result = np.einsum("au,bv->abuv", t.result, t.result)
    return (
        kernels.reshape(n * n, layer.inputs, layer.outputs),
        data.reshape(n * n, -1),
        result.reshape(-1, n * n),
    )


def _polynomial(roots: Sequence[Fraction]) -> list[Fraction]:
    """Coefficients, lowest power first, of the product of (x - root)."""
    made = [Fraction(1)]
    for root in roots:
        times_x = [Fraction(0), *made]
        made = [a - root * b for a, b in zip(times_x, [*made, Fraction(0)], strict=True)]
    return made


def _matrix(rows: Sequence[Sequence[Fraction]]) -> Matrix:
    return np.array([[float(value) for value in row] for row in rows], np.float64)
