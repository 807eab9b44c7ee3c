"""Starts ExaBGP: bound to this node's life, inside the overlay namespace, then replaced by it.

``python -m alt.bgp.launch PARENT NAMESPACE COMMAND...``: a step of its own because
all of it must happen between fork and exec, where a process with threads may not
run Python.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from alt.helper_capabilities import CAP_NET_BIND_SERVICE, keep_only

_PR_SET_PDEATHSIG = 1
_CLONE_NEWNET = 0x40000000


def main(parent_pid: int, namespace: str, command: list[str]) -> None:
    """Become the command.

    parent_pid: whose death kills it too, with SIGKILL: a speaker without its node
    would announce what nobody forwards. namespace: a path such as
    /run/netns/NAME; empty stays where it is. Whatever this process may do, the
    command may at most listen at BGP's port.
    Raises OSError where the kernel refuses.
    """
    for ignored in (signal.SIGTERM, signal.SIGINT):  # as the tunnel helper has it
        signal.signal(ignored, signal.SIG_DFL)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "cannot be bound to the node's life")
    if os.getppid() != parent_pid:
        sys.exit("launch: the node ended before its speaker began")
    if namespace:
        with open(namespace, "rb") as handle:
            if libc.setns(handle.fileno(), _CLONE_NEWNET) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), namespace)
    keep_only(frozenset({CAP_NET_BIND_SERVICE}))
    os.execvp(command[0], command)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
    except OSError as error:
        sys.exit(f"launch: {error.filename or sys.argv[3]}: {error.strerror}")
