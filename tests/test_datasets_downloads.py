import csv
import hashlib
import pickle
import shutil
import socket
import sys
import urllib.request
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10, SVHN

from anytime import datasets
from anytime.datasets import DatasetError, MissingDataset, catalogue, loading, readers
from anytime.datasets.loading import is_here


@pytest.fixture(autouse=True)
def no_network(tmp_path, monkeypatch):
    """Every download goes to a closed port of this machine; the cache is the test's own."""
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "cache"))
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("cifar10", "cifar-10-python.tar.gz"),
        ("cifar100", "cifar-100-python.tar.gz"),
        ("svhn", "{train,extra,test}_32x32.mat"),
        ("gtsrb-half", "GTSRB_Final_{Training_Images,Test_Images,Test_GT}.zip"),
        ("tiny-imagenet-100", "tiny-imagenet-200.zip"),
    ],
)
def test_without_a_network_one_reads_what_to_put_where_and_what_fetches_it(tmp_path, name, file):
    with pytest.raises(MissingDataset) as told:
        datasets.load(name, folder=tmp_path / "here")
    for help_ in (file, str(tmp_path / "here"), "ANYTIME_DOWNLOADS", f"anytime fetch {name}"):
        assert help_ in str(told.value)
    assert not list((tmp_path / "cache").glob("*.pt"))


def test_a_network_that_is_silent_is_told_and_not_waited_for(tmp_path, monkeypatch, capsys):
    silent = socket.create_server(("127.0.0.1", 0))  # takes calls and never answers
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://127.0.0.1:{silent.getsockname()[1]}")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it remembers the proxy before
    monkeypatch.setattr(loading, "PATIENCE", 0.2)
    with silent, pytest.raises(MissingDataset, match="could not be downloaded .*timed out"):
        datasets.fetch("cifar10", folder=tmp_path)
    told = f"cifar10: reading cifar-10-python.tar.gz in {tmp_path}; what is missing is downloaded"
    assert capsys.readouterr().err.startswith(told)
    assert socket.getdefaulttimeout() is None


def test_the_patience_with_a_network_ends():
    assert 0 < loading.PATIENCE <= 20  # seconds, for each number of an address


def test_the_downloads_lie_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_DOWNLOADS", str(tmp_path / "there"))
    with pytest.raises(MissingDataset, match=str(tmp_path / "there")):
        datasets.fetch("tiny-imagenet-100")


def test_a_download_is_here_when_all_of_its_files_are(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_DOWNLOADS", str(tmp_path))
    assert is_here("fashion") and is_here("glyphs-20") and is_here("holiday")
    assert not is_here("tiny-imagenet-100") and not is_here("gtsrb-half")
    (tmp_path / "tiny-imagenet-200.zip").touch()
    (tmp_path / "gtsrb/GTSRB/Final_Training").mkdir(parents=True)
    assert is_here("tiny-imagenet-100") and not is_here("gtsrb-half")
    (tmp_path / "gtsrb/GTSRB/Final_Test").mkdir()
    (tmp_path / "gtsrb/GT-final_test.csv").touch()
    assert is_here("gtsrb-half")


def test_only_downloads_can_be_fetched():
    with pytest.raises(DatasetError, match="'fashion' is no download; there are cifar10"):
        datasets.fetch("fashion")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A function that makes the catalogue expect so many images of a set."""

    def expect(name, train, test, **more):
        row = replace(catalogue.find(name), images=(train, test), **more)
        monkeypatch.setitem(catalogue.ROWS, name, row)

    return expect


def random_pixels(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def cifar(tmp_path, monkeypatch, small):
    """CIFAR-10 in its own layout, four images a batch, with checksums to match."""
    small("cifar10", 20, 4)
    batches = tmp_path / "cifar-10-batches-py"
    batches.mkdir()
    written = {}

    def write(name, content):
        data = pickle.dumps(content)
        (batches / name).write_bytes(data)
        written[name] = [name, hashlib.md5(data).hexdigest()]

    for number, name in enumerate([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]):
        write(name, {"data": random_pixels(number, 4, 3072), "labels": [number, 9, 0, 1]})
    write("batches.meta", {"label_names": [f"class {i}" for i in range(10)]})
    monkeypatch.setattr(CIFAR10, "test_list", [written.pop("test_batch")])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": written.pop("batches.meta")[1]}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    monkeypatch.setattr(CIFAR10, "train_list", list(written.values()))
    return tmp_path


def test_a_local_copy_of_cifar10_is_read_without_a_network(cifar):
    dataset = datasets.load("cifar10", folder=cifar)
    assert dataset.train.pixels.shape == (20, 3, 32, 32) and len(dataset.test) == 4
    assert dataset.train.labels[:8].tolist() == [0, 9, 0, 1, 1, 9, 0, 1]
    row = random_pixels(0, 4, 3072)[2]  # red, green and blue planes, each row after row
    assert dataset.train.pixels[2, 1, 5, 7] == row[1024 + 5 * 32 + 7]
    assert dataset.classes[3] == "cat" and dataset.title == "CIFAR-10"
    assert dataset.augmentation == ("crop", "flip")


def test_the_copy_is_decoded_once(cifar, tmp_path):
    first = datasets.load("cifar10", folder=cifar)
    (stored,) = (tmp_path / "cache").glob("*.pt")
    before = stored.stat().st_mtime_ns
    assert torch.equal(datasets.load("cifar10", folder=cifar).train.pixels, first.train.pixels)
    assert [p.stat().st_mtime_ns for p in (tmp_path / "cache").glob("*.pt")] == [before]


def test_a_copy_with_a_wrong_checksum_is_refused(cifar):
    batch = cifar / "cifar-10-batches-py" / "data_batch_3"
    batch.write_bytes(batch.read_bytes()[:-1] + b"!")
    with pytest.raises(MissingDataset, match="damaged"):
        datasets.load("cifar10", folder=cifar)


def test_svhn_trains_on_train_and_extra_and_is_not_mirrored(tmp_path, monkeypatch, small):
    small("svhn", 6, 3)
    io = pytest.importorskip("scipy.io")
    parts = {}
    for number, part in enumerate(("train", "test", "extra")):
        file = tmp_path / f"{part}_32x32.mat"
        labels = np.array([[10], [number + 1], [2]])  # 10 stands for the digit 0
        io.savemat(file, {"X": random_pixels(number, 32, 32, 3, 3), "y": labels})
        parts[part] = ["", file.name, hashlib.md5(file.read_bytes()).hexdigest()]
    monkeypatch.setattr(SVHN, "split_list", parts)
    dataset = datasets.load("svhn", folder=tmp_path)
    assert dataset.train.labels.tolist() == [0, 1, 2, 0, 3, 2]
    assert dataset.train.pixels[4, 2, 7, 9] == random_pixels(2, 32, 32, 3, 3)[7, 9, 2, 1]
    assert "flip" not in dataset.augmentation and "deform" in dataset.augmentation


def test_svhn_without_scipy_says_what_to_install(tmp_path, monkeypatch):
    parts = {}
    for part in ("train", "test", "extra"):
        (tmp_path / f"{part}_32x32.mat").write_bytes(b"x")
        parts[part] = ["", f"{part}_32x32.mat", hashlib.md5(b"x").hexdigest()]
    monkeypatch.setattr(SVHN, "split_list", parts)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(DatasetError, match="svhn needs scipy: run `pip install scipy`"):
        datasets.load("svhn", folder=tmp_path)


@pytest.fixture
def signs(tmp_path, small):
    """GTSRB in its release's layout: two classes of two tracks of five frames, one even colour
    per frame; a test set of three; images of differing sizes."""
    small("gtsrb-half", 12, 3, track=3)
    base = tmp_path / "gtsrb"
    for label in range(2):
        folder = base / "GTSRB" / "Final_Training" / "Images" / f"{label:05}"
        folder.mkdir(parents=True)
        (folder / f"GT-{label:05}.csv").write_text("Filename;Width\n")
        for track in range(2):
            for frame in range(5):
                colour = (100 * label + 10 * track + frame, 0, 200)
                image = Image.new("RGB", (20 + frame, 25 + track), colour)
                image.save(folder / f"{track:05}_{frame:05}.ppm")
    images = base / "GTSRB" / "Final_Test" / "Images"
    images.mkdir(parents=True)
    with open(base / "GT-final_test.csv", "w", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["Filename", "Width", "Height", "ClassId"])
        for number, label in enumerate((1, 0, 1)):
            Image.new("RGB", (40, 60), (7, number, 9)).save(images / f"{number:05}.ppm")
            rows.writerow([f"{number:05}.ppm", 40, 60, label])
    return tmp_path


def test_half_of_gtsrb_is_frames_0_2_4_of_every_track(signs):
    half = datasets.load("gtsrb-half", folder=signs)
    colours = half.train.pixels[:, 0].flatten(1).unique(dim=1).flatten().tolist()
    assert colours == [0, 2, 4, 10, 12, 14, 100, 102, 104, 110, 112, 114]
    assert half.train.labels.tolist() == [0] * 6 + [1] * 6
    assert half.train.pixels.shape == (12, 3, 32, 32)
    assert half.classes == ("00000", "00001") and half.augmentation == ("crop",)


def test_tracks_of_gtsrb_are_set_aside_as_a_whole(signs):
    half = datasets.load("gtsrb-half", folder=signs).set_aside(6)
    tracks = [set((part.pixels[:, 0, 0, 0] // 10).tolist()) for part in (half.train, half.test)]
    assert not tracks[0] & tracks[1] and tracks[0] | tracks[1] == {0, 1, 10, 11}
    assert half.validation == len(half.test) == 6


def test_half_of_gtsrb_is_tested_on_the_whole_test_set(signs):
    half = datasets.load("gtsrb-half", folder=signs)
    numbers = half.test.pixels[:, 1, 16, 16].tolist()
    assert dict(zip(numbers, half.test.labels.tolist(), strict=True)) == {0: 1, 1: 0, 2: 1}


def test_a_sign_that_the_table_names_but_the_release_lacks_is_told(signs):
    (signs / "gtsrb/GTSRB/Final_Test/Images/00001.ppm").unlink()
    with pytest.raises(MissingDataset, match="GTSRB/Final_Test/Images/00001.ppm"):
        datasets.load("gtsrb-half", folder=signs)


def test_a_release_that_was_unpacked_in_part_is_refused_with_both_numbers(signs):
    (signs / "gtsrb/GTSRB/Final_Training/Images/00001/00001_00004.ppm").unlink()
    with pytest.raises(DatasetError, match=r"holds 11 \+ 3 images of 2 .*has 12 \+ 3\.") as told:
        datasets.load("gtsrb-half", folder=signs)
    assert str(signs) in str(told.value)


WNIDS = ["n04", "n01", "n03", "n02"]  # every second by sorted id: n01 and n03


@pytest.fixture
def tiny(tmp_path, small):
    """Tiny-ImageNet in its release's layout: four classes, two images each, 4×4 pixels."""
    small("tiny-imagenet-100", 4, 2)
    base = tmp_path / "tiny-imagenet-200"
    (base / "val" / "images").mkdir(parents=True)
    (base / "wnids.txt").write_text("\n".join(WNIDS) + "\n")
    (base / "words.txt").write_text("".join(f"{w}\tSea Cow {w}, dugong\n" for w in WNIDS))
    lines = []
    for number, wnid in enumerate(WNIDS):
        folder = base / "train" / wnid / "images"
        folder.mkdir(parents=True)
        for i in range(2):
            path = folder / f"{wnid}_{i}.JPEG"
            Image.fromarray(random_pixels(10 * number + i, 4, 4, 3)).save(path, quality=95)
        path = base / "val" / "images" / f"val_{number}.JPEG"
        Image.fromarray(random_pixels(100 + number, 4, 4)).save(path)  # grey, as some are
        lines.append(f"val_{number}.JPEG\t{wnid}\t0\t0\t3\t3\n")
    (base / "val" / "val_annotations.txt").write_text("".join(lines))
    return base


def box_average(file):
    pixels = np.array(Image.open(file).convert("RGB")).astype(float)
    sums = pixels[::2, ::2] + pixels[1::2, ::2] + pixels[::2, 1::2] + pixels[1::2, 1::2]
    return sums.transpose(2, 0, 1) / 4


def zipped(tiny, monkeypatch):
    """The release as the archive that is downloaded, its checksum the one that is expected."""
    archive = tiny.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as target:
        for file in sorted(tiny.rglob("*"), reverse=True):
            target.write(file, file.relative_to(tiny.parent))
    monkeypatch.setattr(readers, "TINY_IMAGENET_MD5", hashlib.md5(archive.read_bytes()).hexdigest())
    shutil.move(tiny, tiny.parent / "unpacked")
    return tiny.parent / "unpacked"


@pytest.mark.parametrize("pack", [lambda tiny, _: tiny, zipped])
def test_every_second_class_of_tiny_imagenet_is_averaged_over_2_by_2_pixels(
    tiny, pack, monkeypatch
):
    folder = tiny.parent
    release = pack(tiny, monkeypatch)
    dataset = datasets.load("tiny-imagenet-100", folder=folder)
    assert dataset.classes == ("n01-sea-cow-n01", "n03-sea-cow-n03")
    files = [release / f"train/{w}/images/{w}_{i}.JPEG" for w in ("n01", "n03") for i in range(2)]
    assert dataset.train.labels.tolist() == [0, 0, 1, 1]
    for pixels, file in zip(dataset.train.pixels, files, strict=True):
        assert abs(pixels.numpy() - box_average(file)).max() <= 0.5
    assert dataset.test.labels.tolist() == [0, 1]
    for pixels, number in zip(dataset.test.pixels, (1, 2), strict=True):
        file = release / f"val/images/val_{number}.JPEG"
        assert abs(pixels.numpy() - box_average(file)).max() <= 0.5


def test_an_archive_of_tiny_imagenet_with_another_checksum_is_not_taken_for_it(tiny, monkeypatch):
    zipped(tiny, monkeypatch)
    with open(tiny.with_suffix(".zip"), "ab") as archive:
        archive.write(b"!")
    with pytest.raises(MissingDataset, match="damaged"):
        datasets.load("tiny-imagenet-100", folder=tiny.parent)
