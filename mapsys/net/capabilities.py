"""Which Linux capabilities this process has, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

NAMES: Final = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid"),
    *("kill", "setgid", "setuid", "setpcap", "linux_immutable"),
    *("net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock"),
    *("ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace"),
    *("sys_pacct", "sys_admin", "sys_boot", "sys_nice", "sys_resource"),
    *("sys_time", "sys_tty_config", "mknod", "lease", "audit_write"),
    *("audit_control", "setfcap", "mac_override", "mac_admin", "syslog"),
    *("wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf"),
    *("checkpoint_restore",),
)
"""In the order of their numbers."""

_STATUS: Final = Path("/proc/self/status")


def effective_capabilities() -> list[str]:
    """Names of the effective ones; empty is what a daemon should have."""
    status = _STATUS.read_text(encoding="ascii", errors="replace")
    mask = int(status.partition("CapEff:")[2].split()[0], 16)
    return [
        NAMES[number] if number < len(NAMES) else f"number {number}"
        for number in range(mask.bit_length())
        if mask >> number & 1
    ]
