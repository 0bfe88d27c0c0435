"""Shards: what is written is read back, and damage is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tpgan_sdk.errors import TrainingError
from train.data.shards import LABELS, ShardReader, find_shards, write_shard


def _write(
    folder: Path, rng: np.random.Generator, count: int = 3, meta: dict[str, Any] | None = None
) -> None:
    views, flow, visibility, targets, labels = _content(rng, count)
    write_shard(folder, views, flow, visibility, targets, labels, meta or {})


def _content(rng: np.random.Generator, count: int = 3) -> tuple[list[Any], ...]:
    views = [rng.integers(0, 256, (192, 192, 4), dtype=np.uint8) for _ in range(count)]
    targets = [rng.integers(0, 256, (128, 128, 4), dtype=np.uint8) for _ in range(2)]
    points = rng.normal(64, 40, (5, 2))
    labels = [
        (k % 2, 7, bool(k % 2), 30.0 * k, -2.0, 1.0, (0.1, -0.2, -0.3), points)
        for k in range(count)
    ]
    flow = [rng.integers(-9000, 9000, (2, 64, 64), dtype=np.int16) for _ in range(count)]
    visibility = [rng.integers(0, 3, (64, 64), dtype=np.uint8) for _ in range(count)]
    return views, flow, visibility, targets, labels


@pytest.fixture
def shard(tmp_path: Path, rng: np.random.Generator) -> Path:
    folder = tmp_path / "train" / "shard-00000"
    _write(folder, rng, meta={"seed": 5, "portraits": {"7": "a.jpg"}})
    return folder


def test_round_trip(tmp_path: Path, rng: np.random.Generator) -> None:
    views, flow, visibility, targets, labels = _content(rng)
    folder = tmp_path / "shard-00000"
    write_shard(folder, views, flow, visibility, targets, labels, {"seed": 5})
    reader = ShardReader(folder)
    assert len(reader) == 3
    assert isinstance(reader.views, np.memmap)
    np.testing.assert_array_equal(reader.views, np.stack(views))
    np.testing.assert_array_equal(reader.flow, np.stack(flow))
    np.testing.assert_array_equal(reader.visibility, np.stack(visibility))
    np.testing.assert_array_equal(reader.targets, np.stack(targets))
    assert reader.labels["yaw"].tolist() == [0.0, 30.0, 60.0]
    assert reader.labels["mirrored"].tolist() == [False, True, False]
    np.testing.assert_allclose(reader.labels["landmarks"][1], labels[1][-1], atol=1e-4)
    assert reader.meta == {"format": 2, "seed": 5}


def test_label_layout_is_fixed() -> None:
    assert LABELS.names == (
        *("target", "identity", "mirrored", "yaw", "pitch", "roll", "light", "landmarks"),
    )
    assert LABELS.itemsize == 73


def test_writing_again_replaces(shard: Path, rng: np.random.Generator) -> None:
    _write(shard, rng, count=1)
    assert len(ShardReader(shard)) == 1
    assert [p.name for p in shard.parent.iterdir()] == ["shard-00000"]


def test_found_in_order_without_unfinished_ones(shard: Path, rng: np.random.Generator) -> None:
    _write(shard.with_name("shard-00010"), rng)
    shard.with_name("shard-00002.part").mkdir()
    assert [p.name for p in find_shards(shard.parent)] == ["shard-00000", "shard-00010"]


def test_no_shards(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"no shards in .*train\.data\.render"):
        find_shards(tmp_path)


def test_not_a_shard(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not a readable shard"):
        ShardReader(tmp_path)


def test_truncated_views(shard: Path) -> None:
    views = shard / "views.npy"
    views.write_bytes(views.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="not a readable shard"):
        ShardReader(shard)


def test_other_format(shard: Path) -> None:
    (shard / "meta.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(TrainingError, match="format 99, this code reads 2"):
        ShardReader(shard)


def test_a_shard_of_the_first_format(shard: Path) -> None:
    (shard / "meta.json").write_text(json.dumps({"format": 1}))
    for name in ("flow.npy", "visibility.npy"):
        (shard / name).unlink()
    with pytest.raises(TrainingError, match=r"format 1, this code reads 2; render .* again"):
        ShardReader(shard)


def test_flow_of_another_grid(shard: Path) -> None:
    np.save(shard / "flow.npy", np.zeros((3, 2, 32, 32), np.int16))
    with pytest.raises(TrainingError, match=r"flow\.npy of .* do not fit together"):
        ShardReader(shard)


def test_arrays_that_do_not_fit(shard: Path) -> None:
    np.save(shard / "targets.npy", np.zeros((1, 128, 128, 4), np.uint8))
    with pytest.raises(TrainingError, match=r"labels\.npy of .* do not fit together"):
        ShardReader(shard)
