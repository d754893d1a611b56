"""Memory that is given back."""

from __future__ import annotations

import ctypes

M_ARENA_MAX = -8  # malloc.h of glibc


def share_one_heap() -> bool:
    """Let all threads of this process use one heap, for a program that owns its process.

    glibc gives threads heaps of their own, and what calls under way leave behind in sixteen of them is never used by
    another: 13 MB in the benchmark. Threads that hold Python's lock do not wait for each other there. Returns whether it
    could be set; other systems have nothing of the kind.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1))
    except (AttributeError, OSError, TypeError):
        return False


__all__ = ["share_one_heap"]
