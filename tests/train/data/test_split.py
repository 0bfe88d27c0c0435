"""The held-out portraits never change."""

from __future__ import annotations

import hashlib

from train.data.split import held_out, name_hash


def test_hash_is_the_start_of_sha256() -> None:
    expected = int(hashlib.sha256(b"a.jpg").hexdigest()[:16], 16)
    assert name_hash("a.jpg") == expected


def test_split_of_known_names_is_frozen() -> None:
    names = [f"person-{k}.jpg" for k in range(40)]
    assert [k for k, name in enumerate(names) if held_out(name)] == [7]


def test_only_the_base_name_counts() -> None:
    for k in range(50):
        name = f"{k}.png"
        results = {held_out(name), held_out(f"/a/b/{name}"), held_out(f"C:\\photos\\{name}")}
        assert len(results) == 1


def test_a_tenth_is_held_out() -> None:
    share = sum(held_out(f"{k:05d}.jpg") for k in range(10_000)) / 10_000
    assert 0.09 < share < 0.11
