"""Makes this Python, and all that it starts, lack what Windows lacks; put its folder on PYTHONPATH.

Not simulated: the separators of paths, and the console.
"""

import builtins
import errno
import glob
import io
import multiprocessing
import os
import signal
import sys
from contextlib import suppress

# What was built for this system needs these names to be imported.
with suppress(ImportError):
    import jupyter_client.kernelspec  # noqa: F401
    import torch  # noqa: F401

NAMES = {
    os: "chown fchmod fork forkpty getegid geteuid getgid getgroups getpgid getpgrp getsid getuid "
    "initgroups killpg lchown mkfifo nice openpty sched_getaffinity sched_yield setgid setpgid "
    "setsid setuid sysconf uname wait wait3 wait4",
    signal: "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 "
    "SIGUSR2 alarm pause pthread_kill setitimer sigwait",
}
MODULES = "fcntl grp posix_ipc pwd readline resource syslog termios tty"
FORBIDDEN = set('<>:"|?*')


def in_use(path: os.PathLike | str) -> bool:
    """Whether a process has a file open, or this one has mapped it into its memory."""
    path = os.path.realpath(path)
    with plain_open("/proc/self/maps") as maps:
        used = {line.split(maxsplit=5)[-1].strip() for line in maps}
    for one in glob.glob("/proc/[0-9]*/fd/*"):
        with suppress(OSError):  # it was closed meanwhile, or is of another user
            used.add(os.readlink(one))
    return path in used


def wary(action):
    """An action on files that refuses those that are open."""

    def act(*paths, **options):
        for path in paths:
            if in_use(path):
                refusal = PermissionError(errno.EACCES, "another process uses it", str(path))
                refusal.winerror = 32  # as there, and nowhere else
                raise refusal
        return action(*map(spoken, paths), **options)

    return act


def spoken(path):
    """The path, unless it is one that Windows does not take, or does not have."""
    if isinstance(path, str | os.PathLike) and FORBIDDEN & set(os.path.basename(os.fspath(path))):
        raise OSError(errno.EINVAL, "the name is not correct", str(path))
    if str(path).startswith(("/proc/sys", "/proc/self/ns", "/proc/cpuinfo")):
        raise FileNotFoundError(errno.ENOENT, "there is no /proc", str(path))
    return path


plain_open = io.open
for module, names in NAMES.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in MODULES.split():
    sys.modules[name] = None
for name in ("replace", "rename", "remove", "unlink"):
    setattr(os, name, wary(getattr(os, name)))
builtins.open = io.open = lambda file, *rest, **more: plain_open(spoken(file), *rest, **more)
multiprocessing.set_start_method("spawn")
