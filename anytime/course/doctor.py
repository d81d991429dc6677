"""Is everything in place? Each check says OK, or what to do. Survives missing packages."""

import importlib
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from anytime import paths

INSTALL = "run `make tutorial`, or `pip install -c constraints.txt -e .` in the kit's folder"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ENOUGH_DISK = 2.0  # GB: the largest downloadable data set with its decoded copy


@dataclass(frozen=True)
class Check:
    """One line of the report; `fix` says what to do where it isn't `ok`."""

    name: str
    ok: bool
    found: str
    fix: str = ""
    required: bool = True

    @property
    def verdict(self) -> str:
        return "OK" if self.ok else "FIX" if self.required else "note"


def report() -> list[Check]:
    """All checks, in the order in which a newcomer would solve them."""
    paths.settle_home()
    groups = (
        _python, _packages, _device, _kernel, _widgets, _embedded_data,
        _recorded_runs, _downloads, _cache, _browser,
    )  # fmt: skip
    return [check for group in groups for check in _survive(group)]


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
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


def _survive(group: Callable[[], list[Check]]) -> list[Check]:
    try:
        return group()
    except Exception as error:  # a doctor must not die of what it finds
        name = group.__name__.strip("_").replace("_", " ")
        return [Check(name, False, f"{type(error).__name__}: {error}", INSTALL)]


def _python() -> list[Check]:
    found = f"{sys.version.split()[0]} in {sys.prefix}"
    return [Check("Python", sys.version_info >= (3, 11), found, "install Python 3.11 or newer")]


def _packages() -> list[Check]:
    """The direct dependencies of pyproject.toml, compared with the tested versions."""
    project = tomllib.loads((paths.REPOSITORY / "pyproject.toml").read_text())["project"]
    tested = dict(
        line.split("==")
        for line in (paths.REPOSITORY / "constraints.txt").read_text().split()
        if "==" in line
    )
    return [_package(re.split(r"[^\w.-]", name)[0], tested) for name in project["dependencies"]]


def _package(name: str, tested: dict[str, str]) -> Check:
    wanted = tested.get(name, "any version")
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, False, f"missing ({wanted} is tested)", INSTALL)
    same = version.split("+")[0] == wanted
    found = version if same else f"{version}, tested with {wanted}"
    return Check(name, same, found, f"if something fails, {INSTALL}", required=False)


def _device() -> list[Check]:
    try:
        torch = importlib.import_module("torch")
    except Exception as error:
        return [Check("device", False, f"torch does not start: {error}", INSTALL)]
    if torch.cuda.is_available():
        found = f"cuda: {torch.cuda.get_device_name()}"
    else:
        found = "mps" if torch.backends.mps.is_available() else "cpu"
    return [Check("device", True, f"{found}, {torch.get_num_threads()} threads")]


def _kernel() -> list[Check]:
    """JupyterLab starts the kernel `python3`: it has to be this environment's Python."""
    from jupyter_client.kernelspec import KernelSpecManager

    python = KernelSpecManager().get_kernel_spec("python3").argv[0]
    # "python" without a path stands for the Python that starts the kernel
    ok = (
        "/" not in python
        and "\\" not in python
        or Path(python).parent == Path(sys.executable).parent
    )
    fix = "start JupyterLab with `make lab`, which puts this environment's kernel first"
    return [Check("kernel python3", ok, sys.executable if ok else python, fix)]


def _widgets() -> list[Check]:
    importlib.import_module("ipywidgets")
    folder = Path(sys.prefix, "share/jupyter/labextensions/@jupyter-widgets/jupyterlab-manager")
    found = "ipywidgets and its JupyterLab part" if folder.is_dir() else f"no {folder}"
    return [Check("widgets", folder.is_dir(), found, INSTALL)]


def _embedded_data() -> list[Check]:
    folder = paths.DATA / "images"
    names = sorted(path.name for path in folder.glob("*.png"))
    fix = "fetch the kit's folder anew (git clone), or set ANYTIME_DATA to a whole `data` folder"
    return [Check("embedded images", bool(names), ", ".join(names) or f"none in {folder}", fix)]


def _recorded_runs() -> list[Check]:
    from anytime import runs

    number = len(runs.find(paths.RUNS))
    fix = "many figures draw recorded runs: fetch the kit's folder anew (git clone)"
    return [Check("recorded runs", number > 0, str(number), fix)]


def _downloads() -> list[Check]:
    """Data sets that the course does without and the full reproduction needs."""
    from anytime.datasets.catalogue import downloads
    from anytime.datasets.loading import downloads_folder, is_here

    here = {name: is_here(name) for name in downloads()}
    found = ", ".join(name for name in here if here[name]) or "none"
    absent = " | ".join(name for name in here if not here[name])
    fix = f"only for runs on them: python -m anytime fetch {absent}"
    return [Check("downloads", not absent, f"{found} in {downloads_folder()}", fix, required=False)]


def _cache() -> list[Check]:
    folder = paths.cache_folder()
    free = shutil.disk_usage(folder).free / 1e9
    ok = os.access(folder, os.W_OK) and free > ENOUGH_DISK
    fix = f"set ANYTIME_CACHE to a folder you can write to, with {ENOUGH_DISK:.0f} GB free"
    return [Check("cache", ok, f"{folder}, {free:.0f} GB free", fix, required=False)]


def _browser() -> list[Check]:
    fix = "only the kit's own browser tests need it: install the package `chromium`"
    return [Check("browser", browser() is not None, browser() or "none", fix, required=False)]
