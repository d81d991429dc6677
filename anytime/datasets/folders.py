"""Images from a folder or an archive laid out {train,test}/{class}/image, as tensors."""

import re
import tarfile
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from posixpath import splitext
from typing import IO, cast
from unicodedata import normalize

from anytime.datasets.cache import Decoded, cached, stamp, walk
from anytime.datasets.catalogue import LAYOUT, SPLITS, SUFFIXES
from anytime.datasets.decoding import Entry, decoded, resized
from anytime.datasets.images import DatasetError, MissingDataset
from anytime.names import dataset_name

# What is around the layout, the split, the class, what lies in its folder.
PLACED = re.compile(r"(?s)(?:\./)*((?:.*/)?)(train|test)/([^/]+)/(.*)")
HIDDEN = re.compile(r"(?:^|/)(?:__MACOSX/|\.[^/]*[^/.])")
Files = dict[str, Callable[[], bytes]]  # reads each file; the names of folders end in "/"
Place = tuple[str, str, str]  # what is around the layout, the split, the class


def load_folder(path: Path, image_size: int | None = None) -> Decoded:
    """Train, test and class names of a folder or archive laid out {train,test}/{class}/image.

    Images become RGB, as `anytime.datasets.decoding.rgb` says; `image_size` resizes them to
    squares of that side (bilinear). Those in folders below a class are images of it. What is left
    out is counted by kind, and named in one warning when the images are decoded.
    Raises MissingDataset or DatasetError, each naming the file and the fix.
    """
    if not path.exists():
        raise MissingDataset(f"{path} does not exist; give a folder or archive laid out {LAYOUT}")
    if path.is_dir() and not _laid_out(path):
        raise DatasetError(
            f"{path} is no data set: neither it nor a folder in it holds folders train and test; "
            f"give one laid out {LAYOUT}"
        )

    fit = partial(resized, side=image_size) if image_size else None

    def decode() -> Decoded:
        with opened(path) as files:
            images, told = entries(path, files)
            if told:
                warnings.warn(f"{path}: {told}", stacklevel=2)
            return decoded(path, lambda file: files[file](), images, fit)

    try:
        return cached(dataset_name(path), image_size, stamp(path), decode=decode)
    except OSError as error:
        raise DatasetError(f"{error}: make it readable, mend the link or remove it") from error


def _laid_out(path: Path) -> bool:
    """Whether a folder looks like a layout from above, before all that lies below it is read."""
    splits, *inside = (
        {one.name.lower() for one in at.glob("*/")} for at in (path, *path.glob("*/"))
    )
    return not splits.isdisjoint(SPLITS) or any(names.issuperset(SPLITS) for names in inside)


@contextmanager
def opened(path: Path) -> Iterator[Files]:
    """The files of a folder, tar or zip, in the order to read them; none is unpacked to the disk.

    Raises DatasetError where one that is asked for is missing, or what is read is damaged, and
    OSError where the system refuses a file.
    """
    try:
        if path.is_dir():
            yield {name: partial(_content, path / name) for name in walk(path)}
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()  # some from Windows have its separators
                yield {m.filename.replace("\\", "/"): partial(archive.read, m) for m in members}
        else:
            with tarfile.open(path) as archive:
                yield _members(archive)
    except MemoryError as error:
        raise DatasetError(f"{path}: {error}; set a small image_size (--image-size)") from error
    except (DatasetError, ImportError):
        raise
    except Exception as error:  # hostile bytes make an archive's reader raise whatever it will
        if getattr(error, "filename", None):
            raise
        raise DatasetError(
            f"{path} cannot be read: it is damaged, incomplete, or no tar or zip archive "
            f"({' '.join(str(error).split())}). Copy it again, or give one laid out {LAYOUT}"
        ) from error


def _content(file: Path) -> bytes:
    if file.exists() and not file.is_file():  # reading a pipe would wait for ever
        raise DatasetError(f"{file} is neither a file nor a folder; remove it")
    return file.read_bytes()


def _members(archive: tarfile.TarFile) -> Files:
    members = archive.getmembers()
    # A tar that was cut between two members lacks only its end mark. Reading on to the end
    # of the file lets gzip compare its checksum.
    stream = cast(IO[bytes], archive.fileobj)
    stream.seek(archive.offset)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end of the archive is missing")
    while stream.read(1 << 20):
        pass

    def read(member: tarfile.TarInfo) -> bytes:  # of a link, what it leads to in the archive
        return cast(IO[bytes], archive.extractfile(member)).read()

    found = [member for member in members if not member.isdev()]
    return {member.name + "/" * member.isdir(): partial(read, member) for member in found}


def entries(path: Path, files: Files) -> tuple[list[Entry], str]:
    """The images of a layout, at any depth inside the archive; and in words, what is left out.

    Raises DatasetError where they are not of one layout with two classes or more.
    """
    seen = (name for name in files if not HIDDEN.search(name))
    placed = [match for match in map(PLACED.fullmatch, seen) if match]
    images = [match for match in placed if match[0].lower().endswith(SUFFIXES)]
    folders = {_place(match) for match in placed if match[0].endswith("/") and not match[4]}

    kinds: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(files) - {image[0] for image in images}):
        if not name.endswith("/"):
            kinds[_kind(name)].append(name)
    if nested := [image[0] for image in images if "/" in image[4]]:
        kinds["images in folders below a class, taken as its own"] = nested
    told = "; ".join(f"{kind}: {len(names)}, such as {names[0]}" for kind, names in kinds.items())

    if wrong := _fault({_place(image) for image in images}, folders):
        raise DatasetError(f"{path}: {wrong}; {told}".removesuffix("; "))
    return [Entry(*_place(image)[1:], image[0]) for image in images], told


def _place(match: re.Match) -> Place:
    # The accents of one letter may be written in two ways (NFC, and NFD by macOS).
    return match[1], match[2], normalize("NFC", match[3])


def _kind(name: str) -> str:
    """What to say of a file that is no image in its place."""
    if HIDDEN.search(name):
        return "hidden files, left out"
    if name.lower().endswith(SUFFIXES):
        return "images outside of {train,test}/{class}, left out (rename or move their folder)"
    return f"files {splitext(name)[1] or 'without an ending'}, left out"


def _fault(classes: set[Place], folders: set[Place]) -> str:
    """Why one cannot train on these classes and test, in words; "" where one can."""
    for split in SPLITS:
        around = sorted({where for where, of, _ in classes if of == split})
        if len(around) > 1:
            two = f"{around[0]}{split} and {around[1]}{split}"
            return f"there are several layouts, {two}; give the path of one alone"
    for where, split, label in sorted(folders - classes):
        # Where all lies in a folder test/, test/train is no class.
        if any(place[:2] == (where, split) for place in classes):
            return f"{where}{split}/{label} has no image; add one or remove it"

    train, test = ({label for _, of, label in classes if of == split} for split in SPLITS)
    if not (train and test):
        return f"there are no images to {'test' if train else 'train'}; lay them out {LAYOUT}"
    if lonely := sorted(train ^ test):
        here, there = SPLITS if lonely[0] in train else SPLITS[::-1]
        return f"the class {lonely[0]} is in {here} but not in {there}; both must have the same"
    return "" if len(train) > 1 else f"there is one class, {min(train)}; it takes two or more"
