"""The values that go out to users."""

from __future__ import annotations

import copy
import pickle
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from tpgan_sdk.types import Detection, Face

DETECTION = Detection((1, 2, 3, 4), np.arange(10.0).reshape(5, 2), 0.5)
FACE = Face(
    np.full((128, 128, 3), 7, np.uint8),
    (1, 2, 3, 4),
    DETECTION.landmarks,
    0.5,
    10.0,
    False,
    np.full((128, 128, 3), 9, np.uint8),
    np.eye(2, 3),
)


def other(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        changed = value.copy()
        changed.flat[-1] += 1
        return changed
    return (0, 2, 3, 4) if isinstance(value, tuple) else not value if value is False else value + 1


@pytest.mark.parametrize("value", [DETECTION, FACE])
def test_equal_is_equal_in_every_field(value: Detection | Face) -> None:
    for twin in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert twin == value
        assert [0, twin].index(value) == 1
        assert value in [None, twin]
    for field in fields(value):
        changed = replace(value, **{field.name: other(getattr(value, field.name))})
        assert changed != value, field.name
    assert value != "a face"
    assert DETECTION != FACE
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)
