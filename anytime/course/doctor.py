"""Is everything in place? Each line says OK, or what to do. Survives missing packages."""

import os
import re
import shutil
import sys
import tomllib
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from anytime import paths

INSTALL = "run `make tutorial`, or `pip install -c constraints.txt -e .` in the kit's folder"
ANEW = "fetch the kit's folder anew (git clone), or set ANYTIME_DATA to a whole `data` folder"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDGETS = Path(sys.prefix, "share/jupyter/labextensions/@jupyter-widgets/jupyterlab-manager")


@dataclass(frozen=True)
class Check:
    """One line of the report; `fix` says what to do where it isn't `ok`."""

    name: str
    ok: bool
    found: str
    fix: str
    required: bool = True

    @property
    def verdict(self) -> str:
        return "OK" if self.ok else "FIX" if self.required else "note"


def report() -> list[Check]:
    """All checks, in the order in which a newcomer would solve them."""
    paths.settle_home()
    checks = []
    for name, look, fix, required in LOOKS:
        try:
            checks.append(Check(name, *look(), fix, required))
        except Exception as error:  # a doctor must not die of what it finds
            found = f"does not start ({type(error).__name__}: {error})"
            checks.append(Check(name, False, found, INSTALL, required))
    return checks[:1] + _packages() + checks[1:]


def main() -> int:
    """Print the report; 0 where all that is required is OK, 1 otherwise."""
    checks = report()
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{check.verdict:4}  {check.name:{width}}  {check.found}")
        if not check.ok:
            print(f"{'':{width + 8}}-> {check.fix}")
    missing = sum(check.verdict == "FIX" for check in checks)
    print(f"\n{missing} to fix." if missing else "\nAll that the course needs is in place.")
    return min(missing, 1)


def browser() -> str | None:
    """The path of an installed Chromium or Chrome; None where there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _packages() -> list[Check]:
    """The direct dependencies of the core and of the course, beside the tested versions."""
    folder = paths.REPOSITORY
    if not (folder / "pyproject.toml").exists():
        return []  # installed without the kit's folder: pip has seen to them
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    course = project.get("optional-dependencies", {}).get("course", [])
    pinned = (folder / "constraints.txt").read_text()
    tested = dict(re.findall(r"^([\w.-]+)==(\S+)", pinned, re.MULTILINE))
    names = [re.split(r"[^\w.-]", asked)[0] for asked in (*project["dependencies"], *course)]
    return [_package(name, tested.get(name, "any version")) for name in names]


def _package(name: str, tested: str) -> Check:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, False, f"missing ({tested} is tested)", INSTALL)
    same = version.split("+")[0] == tested
    found = version if same else f"{version}, tested with {tested}"
    return Check(name, same, found, f"if something fails, {INSTALL}", required=False)


def _python() -> tuple[bool, str]:
    return sys.version_info >= (3, 11), f"{sys.version.split()[0]} in {sys.prefix}"


def _files(folder: Path, pattern: str) -> tuple[bool, str]:
    number = len(list(folder.glob(pattern)))
    return number > 0, f"{number or 'none'} in {folder}"


def _device() -> tuple[bool, str]:
    import torch

    from anytime.processes import best_device

    return True, f"{best_device()}, {torch.get_num_threads()} threads"


def _kernel() -> tuple[bool, str]:
    """JupyterLab starts the kernel `python3`: it has to be this environment's Python."""
    from jupyter_client.kernelspec import KernelSpecManager

    python = Path(KernelSpecManager().get_kernel_spec("python3").argv[0])
    # "python" without a folder stands for the Python that starts the kernel
    ok = python.parent in (Path(), Path(sys.executable).parent)
    return ok, sys.executable if ok else str(python)


def _downloads() -> tuple[bool, str]:
    from anytime.datasets.loading import downloads_folder

    return _files(downloads_folder(), "*")


def _cache() -> tuple[bool, str]:
    folder = paths.cache_folder()
    free = shutil.disk_usage(folder).free / 1e9
    # 2 GB: the largest downloadable data set with its decoded copy
    return os.access(folder, os.W_OK) and free > 2, f"{folder}, {free:.0f} GB free"


def _browser() -> tuple[bool, str]:
    return browser() is not None, browser() or "none"


# What is looked at, how, what to do where it is not OK, and whether the course needs it.
LOOKS = (
    ("Python", _python, "install Python 3.11 or newer", True),
    ("device", _device, INSTALL, True),
    ("kernel python3", _kernel, "start JupyterLab with `make lab`: it takes this Python", True),
    ("widgets", lambda: _files(WIDGETS, "package.json"), INSTALL, True),
    ("embedded images", lambda: _files(paths.DATA / "images", "*.png"), ANEW, True),
    ("recorded runs", lambda: _files(paths.RUNS, "**/*.json"), ANEW, True),
    ("downloads", _downloads, "only for runs on them: python -m anytime fetch NAME", False),
    ("cache", _cache, "set ANYTIME_CACHE to a folder with 2 GB to write to", False),
    ("browser", _browser, "only the kit's own tests need it: install `chromium`", False),
)
