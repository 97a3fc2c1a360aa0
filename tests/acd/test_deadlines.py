"""Deadlines: order, cancelling, moving, and that cancelled ones do not pile up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from softswitch.acd.deadlines import Deadlines


def test_earliest_first_and_equal_times_in_the_order_they_were_set() -> None:
    deadlines = Deadlines()
    for name, when in (("late", 3.0), ("first", 1.0), ("second", 1.0)):
        deadlines.set(("k", name), when)
    assert deadlines.next() == 1.0
    assert [name for _, name in deadlines.due(3.0)] == ["first", "second", "late"]
    assert deadlines.next() is None


def test_what_is_handled_may_cancel_what_is_due() -> None:
    deadlines = Deadlines()
    deadlines.set(("k", "a"), 1.0)
    deadlines.set(("k", "b"), 2.0)
    seen = []
    for key in deadlines.due(5.0):
        seen.append(key)
        deadlines.cancel(("k", "b"))
    assert seen == [("k", "a")]


def test_a_deadline_moved_very_often_does_not_fill_the_heap() -> None:
    deadlines = Deadlines()
    for when in range(10_000):
        deadlines.set(("k", "a"), float(when))
    assert deadlines.stored() < 200
    assert deadlines.next() == 9999.0


operation = st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 20)))


@given(st.lists(operation, max_size=60), st.integers(0, 20))
def test_behaves_like_a_dictionary(operations: list[tuple[int, int | None]], now: int) -> None:
    deadlines, model = Deadlines(), {}
    for name, when in operations:
        key = ("k", str(name))
        if when is None:
            deadlines.cancel(key)
            model.pop(key, None)
        else:
            deadlines.set(key, float(when))
            model[key] = when
    assert deadlines.next() == min(model.values(), default=None)
    due = list(deadlines.due(now))
    assert sorted(due) == sorted(key for key, when in model.items() if when <= now)
    assert [model[key] for key in due] == sorted(model[key] for key in due)
