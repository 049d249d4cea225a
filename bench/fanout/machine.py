"""What the kernel says of processes and of the machine. Linux only: it reads `/proc` and another process's CPU clock."""

import asyncio
import os
import platform
import resource
import time
from pathlib import Path


def cpu_ns(pid: int) -> int:
    """User and system time of a process so far, all its threads. The kernel's own count, where /proc rounds to ticks of 10 ms."""
    return time.clock_gettime_ns((~pid << 3) | 2)  # CPUCLOCK_SCHED of the process, as clock_getcpuclockid(3) makes it


async def cpu_percent(pid: int, seconds: float) -> float:
    """What a process uses of a core, over the next so many seconds."""
    began_ns, used_ns = time.monotonic_ns(), cpu_ns(pid)
    await asyncio.sleep(seconds)
    return (cpu_ns(pid) - used_ns) * 100 / (time.monotonic_ns() - began_ns)


def rss_kib(pid: int) -> int:
    """Resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def raise_file_limit(wanted: int) -> None:
    """Let this process and its children hold so many files. Raises SystemExit where the machine does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted or soft == resource.RLIM_INFINITY:
        return
    if hard < wanted and hard != resource.RLIM_INFINITY:
        raise SystemExit(
            f"{wanted} open files are needed and {hard} are allowed: raise `ulimit -Hn`, or ask for fewer subscribers."
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def describe() -> str:
    """The machine and its state, in a line."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    return (
        f"{len(os.sched_getaffinity(0))} CPUs ({models[0] if models else platform.machine()}), load average {load}, "
        f"Python {platform.python_version()}, Linux {platform.release()}"
    )
