"""Answers kept: worked out once, also when two ask at the same moment; the oldest forgotten; errors not kept."""

import threading
import time

import pytest

from metro_assets.dashboard.kept import once


def test_an_answer_is_worked_out_once_for_all_who_ask_at_the_same_moment() -> None:
    asked: list[int] = []

    @once(4)
    def slow(number: int) -> int:
        asked.append(number)
        time.sleep(0.05)
        return number * 2

    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(slow(21))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [42] * 8
    assert asked == [21]


def test_the_answer_that_was_asked_for_longest_ago_is_forgotten() -> None:
    asked: list[int] = []

    @once(2)
    def noted(number: int) -> int:
        asked.append(number)
        return number

    for number in (1, 2, 1, 3, 1, 2):
        noted(number)
    assert asked == [1, 2, 3, 2]


def test_an_error_is_not_kept() -> None:
    tries: list[int] = []

    @once(2)
    def failing_once() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("first")
        return "done"

    with pytest.raises(ValueError, match="first"):
        failing_once()
    assert failing_once() == "done"
