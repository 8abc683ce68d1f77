"""Loops compiled once: numba, kept on disk beside the module (or in the user's cache folder), announced on a terminal.

Kernels that call each other live in one file: the copy on disk is made anew when its own file changes, and does not see others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core import event

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}  # a division by zero gives inf or NaN, as in numpy


def compiled(function: Callable[..., Any]) -> Any:
    """The function as machine code, compiled on its first call with each combination of argument types."""
    make: Any = njit
    try:
        return make(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # no folder to keep it in: it is compiled in every session
        return make(**_OPTIONS)(function)


class _Announcement(event.Listener):
    """Says once, on a terminal, why the first call takes seconds; silent in scripts and when the copy on disk is used."""

    def __init__(self) -> None:
        self.told = False

    def on_start(self, event: Any) -> None:
        kernel = (event.data or {}).get("dispatcher")
        ours = str(getattr(getattr(kernel, "py_func", None), "__module__", "")).startswith("haip_outcomes")
        if ours and not self.told and sys.stderr is not None and sys.stderr.isatty():
            self.told = True
            print("Compiling the estimators, once on this machine: the first results take some seconds more.",
                  file=sys.stderr, flush=True)  # fmt: skip

    def on_end(self, event: Any) -> None:
        pass


event.register("numba:compile", _Announcement())
