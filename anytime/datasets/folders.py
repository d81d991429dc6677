"""Images from a folder or an archive laid out {train,test}/{class}/image."""

from __future__ import annotations

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from anytime.datasets.cache import Decoded, cached, stamp, walk
from anytime.datasets.decoding import LAYOUT, Entry, decoded
from anytime.datasets.images import DatasetError, MissingDataset
from anytime.names import dataset_name

SUFFIXES = {".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError),
    RuntimeError,  # a zip with a password, or packed in a way that Python cannot read
)


@dataclass(frozen=True)
class Contents:
    """What a folder or an archive holds: a reader per file, in the order to read them."""

    path: Path
    files: dict[str, Callable[[], bytes]]
    folders: list[str]

    def read(self, file: str) -> bytes:
        """The bytes of a file; raises DatasetError where it is missing or damaged."""
        if file not in self.files:
            raise DatasetError(f"{self.path} lacks {file}; get the whole of it again")
        try:
            return self.files[file]()
        except DAMAGED as error:
            raise _damaged(self.path, f"{file}: {error}") from error


def load_folder(path: Path, image_size: int | None = None) -> Decoded:
    """Train, test and class names of a folder or archive laid out {train,test}/{class}/image.

    Images become RGB; `image_size` resizes them to squares of that side (bilinear).
    Raises MissingDataset or DatasetError, each naming the file and the fix.
    """
    if not path.exists():
        raise MissingDataset(f"{path} does not exist; give a folder or archive laid out {LAYOUT}")

    def decode() -> Decoded:
        with opened(path) as contents:
            return decoded(path, contents.read, entries(contents), image_size)

    return cached(dataset_name(path), image_size, stamp(path), decode=decode)


@contextmanager
def opened(path: Path) -> Iterator[Contents]:
    """The contents of a folder, tar or zip; nothing is unpacked to the disk."""
    if path.is_dir():
        files, folders = walk(path)
        readers = {Path(f).relative_to(path).as_posix(): Path(f).read_bytes for f in files}
        yield Contents(path, readers, [Path(f).relative_to(path).as_posix() for f in folders])
        return
    try:
        archive = _zip(path) if zipfile.is_zipfile(path) else _tar(path)
    except DAMAGED as error:
        raise _damaged(path, str(error)) from error
    with archive[0]:
        yield Contents(path, *archive[1:])


def _zip(path: Path) -> tuple:
    archive = zipfile.ZipFile(path)
    names = archive.namelist()
    files = {name: lambda n=name: archive.read(n) for name in names if not name.endswith("/")}
    return archive, files, [name.rstrip("/") for name in names if name.endswith("/")]


def _tar(path: Path) -> tuple:
    archive = tarfile.open(path)
    members = archive.getmembers()
    # A tar that was cut between two members lacks only its end mark. Reading on to the end
    # of the file lets gzip compare its checksum.
    archive.fileobj.seek(archive.offset)
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end of the archive is missing")
    while archive.fileobj.read(1 << 20):
        pass
    files = {m.name: lambda m=m: archive.extractfile(m).read() for m in members if m.isfile()}
    return archive, files, [m.name for m in members if m.isdir()]


def _damaged(path: Path, reason: str) -> DatasetError:
    reason = " ".join(reason.split())
    return DatasetError(
        f"{path} cannot be read: it is damaged, incomplete, or no tar or zip archive ({reason}). "
        f"Copy it again, or give a folder or archive laid out {LAYOUT}."
    )


def entries(contents: Contents) -> list[Entry]:
    """The images of a {train,test}/{class}/image layout, at any depth inside the archive.

    Raises DatasetError for a class without images.
    """
    images = [
        Entry(split, label, file)
        for file in contents.files
        for split, label, name in _placed(file)
        if PurePosixPath(name).suffix.lower() in SUFFIXES
    ]
    filled = {(entry.split, entry.label) for entry in images}
    for folder in contents.folders:
        empty = not filled.issuperset((split, label) for split, label, _ in _placed(f"{folder}/."))
        # Where all lies in a folder test/, test/train is no class.
        if empty and not any(entry.file.startswith(f"{folder}/") for entry in images):
            raise DatasetError(f"{contents.path}: {folder} has no image; add one or remove it")
    return images


def _placed(file: str) -> list[tuple[str, str, str]]:
    """[(split, class, name)] of a file in the layout, [] of any other or a hidden one."""
    parts = file.split("/")
    hidden = any(p == "__MACOSX" or (p.startswith(".") and p.strip(".")) for p in parts)
    if hidden or len(parts) < 3 or parts[-3] not in ("train", "test"):
        return []
    return [tuple(parts[-3:])]
