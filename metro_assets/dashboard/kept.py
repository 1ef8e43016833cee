"""Answers that are the same for everybody, worked out once and kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def once(kept: int) -> Callable[[Callable[Arguments, Answer]], Callable[Arguments, Answer]]:
    """Keep the newest answers of a function by its arguments; who asks while it is worked out waits for it.

    An error is not kept. The arguments are hashable and name everything that the answer depends on.
    """

    def keeping(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
        answers: OrderedDict[Hashable, Answer] = OrderedDict()
        busy: dict[Hashable, threading.Lock] = {}
        lock = threading.Lock()

        @wraps(function)
        def asking(*arguments: Arguments.args, **named: Arguments.kwargs) -> Answer:
            key = (arguments, tuple(sorted(named.items())))
            with lock:
                if key in answers:
                    answers.move_to_end(key)
                    return answers[key]
                mine = busy.setdefault(key, threading.Lock())
            with mine:
                with lock:
                    if key in answers:
                        return answers[key]
                try:
                    answer = function(*arguments, **named)
                except BaseException:
                    with lock:
                        busy.pop(key, None)
                    raise
                with lock:
                    # At one stroke: who comes in between would begin anew.
                    busy.pop(key, None)
                    answers[key] = answer
                    while len(answers) > kept:
                        answers.popitem(last=False)
                return answer

        return asking

    return keeping
