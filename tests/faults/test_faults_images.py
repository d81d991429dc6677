"""Image files, folders, archives and arrays that cannot be trained on: named, and no cache left."""

import io
import os
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from bad import cases, refused
from PIL import Image

from anytime import datasets

PLACES = [f"{split}/{label}/{n}.png" for split in ("train", "test") for label in "ab" for n in "01"]


@pytest.fixture(autouse=True)
def no_cache_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield
    assert not list((tmp_path / "cache").rglob("*.pt*"))


def noise(*shape: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(dtype)


def file(data: np.ndarray | None = None, kind: str = "PNG", **options) -> bytes:
    """An image file of these pixels, 8x8 and grey unless given."""
    data = noise(8, 8) if data is None else data
    image = data if isinstance(data, Image.Image) else Image.fromarray(data)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def part(content: bytes, share: float) -> bytes:
    return content[: int(share * len(content))]


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of PNG, its checksum as of another one."""
    return struct.pack(">I", len(content)) + name + content + b"\0\0\0\0"


def folder(path: Path, places: list[str], **changed: bytes) -> Path:
    for place in places:
        (path / place).parent.mkdir(parents=True, exist_ok=True)
        (path / place).write_bytes(file())
    for place, content in changed.items():
        (path / place).write_bytes(content)
    return path


KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM", "WEBP")
SIGNATURE = b"\x89PNG\r\n\x1a\n"
IHDR = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)


@cases(
    "image files",
    [
        *[(f"{kind}, {share} of it", part(file(kind=kind), share)) for kind in KINDS[:6]
          for share in (0.1, 0.5, 0.8)],
        ("WEBP, a half of it", part(file(kind="WEBP"), 0.5)),
        ("nothing", b""),
        ("a text", b"this is no image"),
        ("a page", b"<!doctype html><title>404</title>"),
        ("a drawing", b'<svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("zeros", bytes(1000)),
        ("a zip", b"PK\x03\x04" + bytes(100)),
        ("a signature", SIGNATURE),
        ("no pixels", SIGNATURE + chunk(b"IHDR", bytes(13)) + chunk(b"IEND", b"")),
        ("a false checksum", SIGNATURE + chunk(b"IHDR", IHDR)),
        ("32-bit integers", file(noise(8, 8, dtype=np.int32), "TIFF")),
        ("floats", file(noise(8, 8, dtype=np.float32), "TIFF")),
        ("floats in 0 ... 1", file(noise(8, 8, dtype=np.float32) / 255, "TIFF")),
        ("another size", file(noise(9, 8))),
        ("another size, lying", file(noise(8, 9))),
        ("one pixel", file(noise(1, 1))),
        ("a photo among icons", file(noise(80, 120, 3), "JPEG")),
    ],
    ids=lambda row: row[0],
)  # fmt: skip
def test_an_image_that_cannot_be_used_is_named(case, tmp_path):
    path = folder(tmp_path / "own", PLACES, **{"train/a/1.png": case[1]})
    refused(lambda: datasets.load(path), "train/a/1.png")


def test_all_these_images_would_be_read_if_they_were_whole(tmp_path, monkeypatch):
    for kind in KINDS:
        places = folder(tmp_path / kind, PLACES, **{"train/a/1.png": file(kind=kind)})
        monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "elsewhere"))
        assert len(datasets.load(places).train) == 4


@cases(
    "folders",
    [
        [],
        ["0.png"],
        ["a/0.png", "b/0.png"],
        PLACES[:4],
        PLACES[4:],
        PLACES[:2] + PLACES[4:6],
        PLACES[:4] + PLACES[4:6],
        PLACES[:2] + PLACES[4:],
        [place.replace("/b/", "/c/") if place.startswith("test") else place for place in PLACES],
        [place.replace("train", "Train").replace("test", "Test") for place in PLACES],
        [place.replace("test", "val") for place in PLACES],
        [place.replace("train", "training") for place in PLACES],
        [place.replace("/a/", "/").replace("/b/", "/") for place in PLACES],
        [place.replace(".png", ".npy") for place in PLACES],
        [place.replace(".png", "") for place in PLACES],
        [place.replace("/a/", "/.a/") for place in PLACES],
        [place.replace("train", ".train") for place in PLACES],
        [f"fold{n}/{place}" for n in (1, 2) for place in PLACES],
        [*PLACES, *(f"copy/{place}" for place in PLACES)],
        [place.replace("/", "/animals/", 1) for place in PLACES],
        [*PLACES, "train/c/note.txt", "test/c/note.txt"],
        [*PLACES, "train/c/0.png"],
        [*PLACES, "test/c/0.png"],
    ],
    ids=lambda row: None,
)  # fmt: skip
def test_a_folder_that_is_laid_out_otherwise_is_refused(case, tmp_path):
    (tmp_path / "own").mkdir()
    refused(lambda: datasets.load(folder(tmp_path / "own", case)), "own")


def linked(where: str, to: str):
    return lambda path: (path / where).symlink_to(to)


@cases(
    "things among images",
    [
        ("a link to nothing", linked("train/a/2.png", "nowhere.png")),
        ("a link to itself", linked("train/a/2.png", "2.png")),
        ("a link to the folder above", linked("train/a/up", "..")),
        ("a pipe", lambda path: os.mkfifo(path / "train" / "a" / "2.png")),
        ("a device", linked("train/a/2.png", "/dev/zero")),
        ("an empty class", lambda path: (path / "train" / "c").mkdir()),
        ("a folder as an image", lambda path: (path / "train" / "c" / "0.png").mkdir(parents=True)),
    ],
    ids=lambda row: row[0],
)
def test_a_thing_that_is_no_image_is_named(case, tmp_path):
    path = folder(tmp_path / "own", PLACES)
    case[1](path)
    refused(lambda: datasets.load(path), "own", "train/")


def tar(path: Path, mode: str) -> bytes:
    with tarfile.open(path, f"w:{mode}") as archive:
        archive.add(folder(path.with_suffix(".d"), PLACES), "own")
    return path.read_bytes()


def zipped(path: Path, **options) -> bytes:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for place in PLACES:
            archive.writestr(place, file())
    return path.read_bytes()


SHARES = [0, 0.01, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8]


@cases(
    "archives",
    [
        *[(ending, share) for ending in ("tar", "tar.gz", "tar.xz", "zip") for share in SHARES],
        ("tar", b"no archive"),
        ("zip", b"no archive"),
        ("zip", b"PK\x05\x06" + bytes(18)),
        ("tar", bytes(10240)),
        ("tar.gz", b"\x1f\x8b\x08" + bytes(20)),
        ("zip", "password"),
        ("zip", "checksum"),
    ],
    ids=str,
)
def test_an_archive_that_is_not_whole_is_named(case, tmp_path):
    ending, what = case
    path = tmp_path / f"own.{ending}"
    content = zipped(path) if ending == "zip" else tar(path, ending[4:])
    if isinstance(what, bytes):
        content = what
    elif what == "password":  # the mark of an encrypted file, in every header
        content = content.replace(b"\x14\0\0\0", b"\x14\0\1\0")
    elif what == "checksum":
        content = content.replace(SIGNATURE, SIGNATURE[:-1] + b"\r", 1)
    else:
        content = part(content, what)
    path.write_bytes(content)
    refused(lambda: datasets.load(path), f"own.{ending}")


GOOD = {"x_train": noise(6, 5, 4), "y_train": np.arange(6) % 2}
GOOD |= {"x_test": noise(4, 5, 4), "y_test": np.arange(4) % 2}


def arrays(content: dict) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **content)
    return stream.getvalue()


X, Y = GOOD["x_train"], GOOD["y_train"]


@cases(
    "files of arrays",
    [
        *[("without", {key: None}) for key in GOOD],
        *[("pixels", {"x_train": X.astype(kind)}) for kind in ("f4", "f8", "i8", "u2", "?", "U1")],
        *[("pixels", {"x_train": X[..., None].repeat(n, -1)}) for n in (2, 4, 5)],
        ("pixels", {"x_train": X[:0], "y_train": Y[:0]}),
        ("pixels", {"x_train": X[0]}),
        ("pixels", {"x_train": X.reshape(6, 20)}),
        ("pixels", {"x_train": X[:, :, :0]}),
        ("pixels", {"x_train": X[..., None, None]}),
        ("pixels", {"x_train": X.transpose(0, 2, 1)}),
        ("pixels", {"x_test": noise(4, 6, 4)}),
        ("pixels", {"x_test": noise(4, 5, 4, 3)}),
        ("pixels", {"x_train": np.array(3, np.uint8)}),
        ("objects", {"x_train": np.array([*X], object)}),
        ("labels", {"y_train": Y[:5]}),
        ("labels", {"y_train": np.eye(2)[Y]}),
        ("labels", {"y_train": Y / 1}),
        ("labels", {"y_train": Y.astype(str)}),
        ("labels", {"y_train": Y.astype(bool)}),
        ("labels", {"y_train": Y - 1}),
        ("labels", {"y_train": Y * 5}),
        ("labels", {"y_train": Y * 0, "y_test": GOOD["y_test"] * 0}),
        ("labels", {"y_test": GOOD["y_test"] + 1}),
        ("labels", {"y_train": Y * 2**40}),
        ("labels", {"y_train": np.array([*Y], object)}),
        ("names", {"class_names": np.array(["a", "b", "c"])}),
        ("names", {"class_names": np.array(["a"])}),
        ("both", {"train_images": X}),
        ("others", {key: None for key in GOOD} | {"images": X, "labels": Y}),
    ],
    ids=lambda row: row[0],
)
def test_arrays_that_are_no_data_set_are_refused(case, tmp_path):
    content = GOOD | case[1]
    kept = {key: value for key, value in content.items() if value is not None}
    (tmp_path / "own.npz").write_bytes(arrays(kept))
    refused(lambda: datasets.load("own.npz"), "own.npz", "np.savez")
