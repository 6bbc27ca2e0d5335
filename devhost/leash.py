"""Ties a process to its parent, so that it never outlives it, however the parent ends.

As a program, `leash.py PARENT_PID COMMAND …` becomes COMMAND on such a leash;
it runs before the environment is set up, so it imports the standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Has the kernel send `with_signal` when the parent's starting thread ends; Linux only.

    The setting survives exec. Elsewhere orderly shutdown has to do.
    Source: https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(with_signal))
    if os.getppid() != parent_pid:
        # it went before the leash was on
        sys.exit(1)


def main() -> None:
    """Becomes the command given."""
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - the caller's own command


if __name__ == "__main__":
    main()
