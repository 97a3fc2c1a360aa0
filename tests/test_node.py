"""Parts of the switch process that need no running system."""

from __future__ import annotations

from softswitch.node import Entropy


def test_entropy_has_the_length_asked_for_and_never_repeats() -> None:
    entropy = Entropy()
    texts = [entropy(10) for _ in range(2000)]
    assert {len(text) for text in texts} == {10}
    assert len(set(texts)) == len(texts)


def test_more_entropy_than_is_kept_ahead() -> None:
    entropy = Entropy()
    entropy(4090)
    assert len(entropy(10)) == 10
    assert len(entropy(10_000)) == 10_000
