"""Build profiles: all load, and what is wrong in one is named."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from engines import EngineProfile, load_profile, parse_profile, profile_names
from tpgan_sdk.errors import ExportError

SM = {
    "a100": 80,
    "h100": 90,
    "jetson-agx-orin": 87,
    "jetson-orin-nano": 87,
    "jetson-orin-nx": 87,
    "jetson-thor": 110,
    "l4": 89,
    "rtx-30": 86,
    "rtx-40": 89,
    "rtx-50": 120,
    "t4": 75,
}
GOOD = {
    "board": "a board",
    "kind": "discrete",
    "sm": 86,
    "batch": [1, 8, 32],
    "workspace_mib": 1024,
    "precision": "fp16",
    "dla": 0,
    "notes": "",
}


def test_every_board_has_a_profile_of_its_architecture() -> None:
    assert {name: load_profile(name).sm for name in profile_names()} == SM


def test_jetsons_are_marked_as_sharing_memory() -> None:
    jetsons = {name for name in profile_names() if load_profile(name).kind == "jetson"}
    assert jetsons == {name for name in SM if name.startswith("jetson-")}


def test_only_orin_has_a_dla() -> None:
    cores = {name: load_profile(name).dla for name in profile_names()}
    assert {name: n for name, n in cores.items() if n} == {
        "jetson-agx-orin": 2,
        "jetson-orin-nx": 1,
    }


def test_values_arrive_with_their_types() -> None:
    expected = EngineProfile("x", "a board", "discrete", 86, (1, 8, 32), 1024, "fp16", 0, "")
    assert parse_profile("x", json.dumps(GOOD)) == expected


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(ExportError, match=r"no engine profile 'orin'; there are: a100, h100, jet"):
        load_profile("orin")


@pytest.mark.parametrize("name", ["../t4", "t4.json", "", "__init__"])
def test_a_name_is_no_path(name: str) -> None:
    with pytest.raises(ExportError, match="no engine profile"):
        load_profile(name)


def test_unknown_and_missing_keys_are_named() -> None:
    values = {k: v for k, v in GOOD.items() if k != "sm"} | {"smm": 86}
    with pytest.raises(ExportError, match=r"unknown keys: smm; missing keys: sm; expected exactly"):
        parse_profile("x", json.dumps(values))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("batch", [4, 2, 8], "min <= opt <= max"),
        ("batch", [0, 1, 2], "min <= opt <= max"),
        ("batch", [1, 2], "min <= opt <= max"),
        ("batch", 8, "min <= opt <= max"),
        ("sm", "86", "positive whole numbers"),
        ("sm", True, "positive whole numbers"),
        ("workspace_mib", 0, "positive whole numbers"),
        ("kind", "phone", "kind must be one of jetson, discrete, not 'phone'"),
        ("precision", "fp4", "precision must be one of fp16, fp32, bf16, int8, fp8, not 'fp4'"),
        ("dla", -1, "dla must be a number of cores, 0 or more, not -1"),
        ("dla", True, "dla must be a number of cores"),
        ("notes", None, "must be text"),
    ],
)
def test_impossible_values_are_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        parse_profile("x", json.dumps(GOOD | {key: value}))


@pytest.mark.parametrize("text", ["", "{", "[]", "1"])
def test_what_is_no_profile_is_refused(text: str) -> None:
    with pytest.raises(ExportError, match=r"is not JSON|missing keys: board"):
        parse_profile("x", text)


def test_a_changed_copy_is_checked_too() -> None:
    with pytest.raises(ExportError, match="min <= opt <= max"):
        replace(load_profile("t4"), batch=(8, 1, 32))
