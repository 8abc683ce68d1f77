"""Tasks of very different size shared between this process and others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from haip_outcomes.survival.resampling.replication import run

Key = TypeVar("Key")
Made = TypeVar("Made")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_WAITING = 2  # tasks that each other process has before it: one to work on, one for when it is done


def shared(tasks: Sequence[tuple[Key, Callable[[], Made]]], n_jobs: int | None) -> Iterator[tuple[Key, Made]]:
    """What the tasks return, each with its key, as they end. This process works too, so that it need not wait until the others have started.

    A joblib backend chosen outside (`parallel_config`) decides instead.
    """
    others = _others(len(tasks), n_jobs)
    if not others:
        yield from zip([key for key, _ in tasks], run([task for _, task in tasks], n_jobs if len(tasks) > 1 else 1, threads=False), strict=True)
        return
    from concurrent.futures import FIRST_COMPLETED, wait

    from joblib.externals.loky import ProcessPoolExecutor

    executor = ProcessPoolExecutor(max_workers=others, env=_ONE_THREAD)  # its own: joblib's can't be shared with tasks sent past it
    left: deque[tuple[Key, Callable[[], Made]]] = deque(tasks)
    elsewhere: dict[Any, Key] = {}
    try:
        while left or elsewhere:
            while left and len(elsewhere) < _WAITING * others:
                key, task = left.popleft()
                elsewhere[executor.submit(task)] = key
            if left:
                key, task = left.popleft()
                yield key, task()
            else:
                wait(elsewhere, return_when=FIRST_COMPLETED)
            for future in [future for future in elsewhere if future.done()]:
                yield elsewhere.pop(future), future.result()
    finally:
        executor.shutdown(kill_workers=bool(elsewhere))


def _others(tasks: int, n_jobs: int | None) -> int:
    """How many processes beside this one; none where this one does all, or another backend was chosen."""
    if n_jobs == 1 or tasks < 2:
        return 0
    from joblib import effective_n_jobs
    from joblib.parallel import get_active_backend

    backend: Any = get_active_backend()[0]
    return effective_n_jobs(n_jobs) - 1 if type(backend).__name__ == "LokyBackend" else 0
