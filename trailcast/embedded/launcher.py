"""The last step before PostgreSQL: a script that gives up root, ties itself to its owner's life, becomes the program.

It is a process of its own and not a `preexec_fn`, because its owner has threads, and Python code that runs between
fork and exec may then dead-lock. It uses the standard library only: it is run by path, without site-packages.

    launcher.py <pid of the owner> same|<uid>:<gid>:<reach|plain> <program> [argument]…
"""

import ctypes
import os
import signal
import sys

SAME = "same"
REACH = "reach"
PLAIN = "plain"

# From <linux/prctl.h>, <linux/securebits.h> and <linux/capability.h>.
PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
SECBIT_NO_SETUID_FIXUP = 4
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522


def check(result: int, action: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{action}: {os.strerror(ctypes.get_errno())}")


def control_process(option: int, *values: int) -> None:
    """prctl(2), which wants every unused argument to be zero, and all of them as wide as a pointer."""
    arguments = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    check(ctypes.CDLL(None, use_errno=True).prctl(option, *arguments), f"prctl {option}")


def become(uid: int, gid: int, *, keeps_reach: bool) -> None:
    """Stop being root for good; with `keeps_reach`, still pass through directories that are closed to others."""
    if keeps_reach:
        # Without this bit, setuid takes every capability away, and access(2), by which PostgreSQL looks for its own
        # programs, answers as if there were none.
        control_process(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if keeps_reach:
        only = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        sets = (ctypes.c_uint32 * 6)(only, only, only)  # effective, permitted, inheritable; the high halves are empty
        check(ctypes.CDLL(None, use_errno=True).capset(header, sets), "capset")
        # Ambient is the set that an ordinary user keeps when it becomes an ordinary program.
        control_process(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE)


def die_with(owner_pid: int, request: signal.Signals = signal.SIGINT) -> None:
    """Have the kernel ask for an end when the owner ends, however it ends; of PostgreSQL, SIGINT asks for a fast shutdown.

    The request comes once for each thread of the owner that is left to inherit the child, so its repetition must do no harm.
    To be called last, for a change of credentials takes the request back. Linux only: elsewhere a killed owner leaves
    its server behind, and the next start attaches to that.
    """
    if sys.platform == "linux":
        control_process(PR_SET_PDEATHSIG, request)
        if os.getppid() != owner_pid:  # it ended before the request was made, and no signal will ever come
            sys.exit("The process that wanted this server has ended.")


def main(owner_pid: str, identity: str, *program: str) -> None:
    if identity != SAME:
        uid, gid, reach = identity.split(":")
        try:
            become(int(uid), int(gid), keeps_reach=reach == REACH)
        except OSError as error:
            sys.exit(
                f"Cannot run PostgreSQL as user {uid} ({error}): start Trailcast as an ordinary user, or give it the "
                "capabilities SETUID, SETGID, SETPCAP and DAC_OVERRIDE, or set TRAILCAST_DATABASE_URL."
            )
    die_with(int(owner_pid))
    os.execv(program[0], program)  # noqa: S606 - the command is ours


if __name__ == "__main__":
    main(*sys.argv[1:])
