import gzip
import io
import itertools
import os
import shutil
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anytime import datasets
from anytime.datasets import DatasetError, MissingDataset


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def random_image(seed, size=(6, 5), mode="RGB"):
    generator = np.random.default_rng(seed)
    channels = {"RGB": (3,), "RGBA": (4,), "L": ()}[mode]
    pixels = generator.integers(0, 256, (size[1], size[0], *channels), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.fixture
def folder(tmp_path):
    """Two classes, three images of each to train and two to test."""
    root = tmp_path / "pets"
    seed = 0
    for split, count in (("train", 3), ("test", 2)):
        for label in ("cat", "dog"):
            (root / split / label).mkdir(parents=True)
            for number in range(count):
                seed += 1
                random_image(seed).save(root / split / label / f"{number:05}.png")
    return root


def packed(folder, name, prefix="."):
    """The folder as an archive beside it, its members in no order of their own."""
    archive = folder.parent / name
    files = sorted((p for p in folder.rglob("*")), key=lambda p: hash(p.name * 3) % 7)
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive, "w") as target:
            for file in files:
                target.write(file, Path(prefix) / file.relative_to(folder))
    else:
        with tarfile.open(archive, "w:gz" if name.endswith("gz") else "w") as target:
            for file in files:
                target.add(file, Path(prefix) / file.relative_to(folder), recursive=False)
    return archive


def assert_is_the_folder(dataset, folder):
    """Every pixel by hand: class by class, files in their order."""
    assert dataset.classes == ("cat", "dog") and dataset.name == "pets"
    for split in ("train", "test"):
        files = sorted((folder / split).rglob("*.png"))
        images = getattr(dataset, split)
        assert len(images) == len(files)
        for pixels, label, file in zip(images.pixels, images.labels, files, strict=True):
            for y, x in ((0, 0), (4, 5), (2, 3)):
                assert tuple(pixels[:, y, x].tolist()) == Image.open(file).getpixel((x, y))
            assert dataset.classes[label] == file.parent.name


def test_a_folder_is_read_pixel_by_pixel(folder):
    assert_is_the_folder(datasets.load(folder), folder)


@pytest.mark.parametrize("name", ["pets.tar", "pets.tar.gz", "pets.tgz", "pets.zip"])
@pytest.mark.parametrize("prefix", [".", "pets", "../../outside/pets"])
def test_an_archive_equals_its_folder_under_any_prefix_and_nothing_is_unpacked(
    folder, name, prefix
):
    archive = packed(folder, name, prefix)
    before = sorted(folder.parent.rglob("*.png"))
    assert_is_the_folder(datasets.load(str(archive)), folder)
    assert sorted(folder.parent.rglob("*.png")) == before
    assert not (folder.parent.parent / "outside").exists()


def test_a_second_load_reads_the_cache_and_a_changed_archive_does_not(folder, cache):
    archive = packed(folder, "pets.tar.gz")
    first = datasets.load(archive)
    assert len(list(cache.iterdir())) == 1
    again = datasets.load(archive)
    assert torch.equal(again.train.pixels, first.train.pixels) and again.classes == first.classes
    assert len(list(cache.iterdir())) == 1
    random_image(99).save(folder / "train" / "cat" / "00000.png")
    changed = datasets.load(packed(folder, "pets.tar.gz"))
    assert not torch.equal(changed.train.pixels, first.train.pixels)


def test_a_changed_file_in_a_folder_is_seen(folder):
    first = datasets.load(folder)
    random_image(99).save(folder / "train" / "cat" / "00000.png")
    assert not torch.equal(datasets.load(folder).train.pixels, first.train.pixels)


def test_a_damaged_cache_is_named_and_decoded_anew(folder, cache):
    datasets.load(folder)
    (stored,) = cache.iterdir()
    stored.write_bytes(stored.read_bytes()[:500])
    with pytest.warns(UserWarning, match="damaged"):
        assert_is_the_folder(datasets.load(folder), folder)
    assert_is_the_folder(datasets.load(folder), folder)


def test_grey_and_transparent_images_become_rgb(folder):
    grey, clear = random_image(1, mode="L"), random_image(2, mode="RGBA")
    grey.save(folder / "train" / "cat" / "00000.png")
    clear.save(folder / "train" / "cat" / "00001.png")
    pixels = datasets.load(folder).train.pixels
    assert torch.equal(pixels[0], torch.tensor(np.array(grey)).expand(3, 5, 6))
    colour, alpha = np.split(np.array(clear).transpose(2, 0, 1) / 255, [3])
    on_white = 255 * (colour * alpha + 1 - alpha)
    assert abs(pixels[1].numpy() - on_white).max() <= 1


def test_hidden_files_and_files_that_are_no_images_are_left_out_and_counted(folder):
    clean = Path(shutil.copytree(folder, folder.parent / "clean"))
    for stray in (
        "__MACOSX/train/cat/1.png",
        ".cache/train/cat/1.png",
        "train/README.txt",
        "train/cat/.DS_Store",
        "train/cat/labels.csv",
        "test/dog/._00000.png",
    ):
        (folder / stray).parent.mkdir(parents=True, exist_ok=True)
        (folder / stray).write_bytes(b"no image")
    for path in (folder, packed(folder, "pets.zip")):
        with pytest.warns(UserWarning) as told:
            assert_is_the_folder(datasets.load(path), clean)
        (message,) = [str(warning.message) for warning in told]
        assert message == (
            f"{path}: hidden files, left out: 4, such as .cache/train/cat/1.png; "
            "files .txt, left out: 1, such as train/README.txt; "
            "files .csv, left out: 1, such as train/cat/labels.csv"
        )


def test_a_folder_named_test_around_the_layout_is_no_split(folder):
    assert_is_the_folder(datasets.load(packed(folder, "pets.tar", prefix="test")), folder)


def test_linked_folders_are_followed(folder, tmp_path):
    (tmp_path / "links" / "pets").mkdir(parents=True)
    for split in ("train", "test"):
        (tmp_path / "links" / "pets" / split).symlink_to(folder / split)
    assert_is_the_folder(datasets.load(tmp_path / "links" / "pets"), folder)


def test_an_image_of_another_size_is_named_with_both_sizes_and_the_option(folder):
    random_image(1, size=(9, 7)).save(folder / "train" / "dog" / "00001.png")
    with pytest.raises(
        DatasetError, match=r"train/dog/00001.png is 9×7 .* is 6×5; resize .* image_size"
    ):
        datasets.load(folder)


def test_an_image_size_resizes_every_image(folder):
    random_image(1, size=(9, 7)).save(folder / "train" / "dog" / "00001.png")
    dataset = datasets.load(folder, image_size=4)
    assert dataset.train.pixels.shape == (6, 3, 4, 4)
    assert dataset.image_size == 4
    assert datasets.load(folder, image_size=8).train.pixels.shape == (6, 3, 8, 8)


def test_resizing_keeps_an_even_colour_and_the_mean(folder):
    Image.new("RGB", (12, 12), (10, 200, 90)).save(folder / "train" / "cat" / "00000.png")
    pixels = datasets.load(folder, image_size=4).train.pixels
    assert torch.equal(pixels[0], torch.tensor([10, 200, 90]).view(3, 1, 1).expand(3, 4, 4))


def nothing_is_kept(cache):
    return not cache.exists() or not list(cache.iterdir())


@pytest.mark.parametrize("name", ["pets.tar", "pets.tar.gz", "pets.zip"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_archive_is_named_and_leaves_no_cache_behind(folder, cache, name, share):
    archive = packed(folder, name)
    archive.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])
    with pytest.raises(DatasetError, match=f"{name} cannot be read: it is damaged"):
        datasets.load(archive)
    assert nothing_is_kept(cache)


def test_a_tar_cut_between_two_images_is_told_from_a_whole_one(folder, cache):
    archive = packed(folder, "pets.tar")
    with tarfile.open(archive) as members:
        cut = members.getmembers()[-3].offset
    archive.write_bytes(archive.read_bytes()[:cut])
    with pytest.raises(DatasetError, match="the end of the archive is missing"):
        datasets.load(archive)
    assert nothing_is_kept(cache)


@pytest.mark.parametrize("name", ["pets.tar.gz", "pets.zip"])
def test_an_archive_with_a_changed_byte_is_refused(folder, cache, name):
    archive = packed(folder, name)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0xFF
    archive.write_bytes(data)
    with pytest.raises(DatasetError, match="pets"):
        datasets.load(archive)
    assert nothing_is_kept(cache)


def test_a_changed_pixel_that_only_the_checksum_of_gzip_tells_is_refused(folder):
    for file in sorted(folder.rglob("*.png")):
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()
    data = packed(folder, "plain.tar").read_bytes()
    row = random_image(1).tobytes("raw", "BGR")[:18]
    stored = bytearray(gzip.compress(data, compresslevel=0))
    stored[stored.index(row) + 5] ^= 0xFF
    (folder.parent / "pets.tar.gz").write_bytes(stored)
    with pytest.raises(DatasetError, match="pets.tar.gz cannot be read.*CRC"):
        datasets.load(folder.parent / "pets.tar.gz")


def test_a_relative_and_a_linked_path_share_the_cache_and_a_link_keeps_its_own_name(
    folder, cache, monkeypatch
):
    archive = packed(folder, "blob.tar")
    (folder.parent / "pets.tar").symlink_to(archive)
    assert_is_the_folder(datasets.load(folder.parent / "pets.tar"), folder)
    monkeypatch.chdir(folder.parent)
    assert_is_the_folder(datasets.load("pets.tar"), folder)
    assert len(list(cache.iterdir())) == 1


def test_a_file_that_is_no_archive_is_named_with_the_layout_to_give(tmp_path):
    (tmp_path / "notes.txt").write_text("no archive")
    with pytest.raises(DatasetError, match=r"notes.txt cannot be read.*\{train,test\}/\{class\}"):
        datasets.load(tmp_path / "notes.txt")


def test_an_unreadable_image_is_named_and_leaves_no_cache_behind(folder, cache):
    broken = folder / "test" / "cat" / "00001.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(DatasetError, match="test/cat/00001.png is no readable image"):
        datasets.load(folder)
    assert nothing_is_kept(cache)


@pytest.mark.parametrize("pack", [lambda f: f, lambda f: packed(f, "pets.zip"),
                                  lambda f: packed(f, "pets.tar")])  # fmt: skip
def test_an_empty_class_is_named(folder, pack):
    (folder / "train" / "mouse").mkdir()
    with pytest.raises(DatasetError, match="train/mouse has no image"):
        datasets.load(pack(folder))


@pytest.mark.parametrize(("split", "other"), [("train", "test"), ("test", "train")])
def test_a_class_of_one_split_only_is_named(folder, split, other):
    shutil.copytree(folder / split / "cat", folder / split / "mouse")
    with pytest.raises(DatasetError, match=f"the class mouse is in {split} but not in {other}"):
        datasets.load(folder)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_split_is_named(folder, split):
    shutil.rmtree(folder / split)
    with pytest.raises(DatasetError, match=f"no images to {split}"):
        datasets.load(folder)


@pytest.mark.parametrize("path", ["no/such/folder", "nowhere.tar.gz"])
def test_a_path_that_does_not_exist_is_named(path):
    with pytest.raises(MissingDataset, match=f"{path} does not exist"):
        datasets.load(path)


@pytest.mark.parametrize("name", ["fashion", "glyphs", "cifar10"])
def test_a_path_is_a_folder_also_where_it_is_named_as_a_known_set(folder, name, monkeypatch):
    pets = folder.rename(folder.parent / name)
    monkeypatch.chdir(folder.parent)
    for path in (f"./{name}", f"{name}/", pets, Path(name), packed(pets, f"{name}.zip").name):
        found = datasets.load(path)
        assert found.classes == ("cat", "dog") and found.name == name


def test_a_known_name_is_the_known_set_also_beside_a_folder_of_that_name(folder, monkeypatch):
    folder.rename(folder.parent / "fashion")
    monkeypatch.chdir(folder.parent)
    assert datasets.load("fashion").title == "Fashion-MNIST (subset)"


def test_a_folder_here_is_found_by_its_name_alone_where_that_is_no_known_one(folder, monkeypatch):
    folder.rename(folder.parent / "glyphs-mine")
    monkeypatch.chdir(folder.parent)
    assert datasets.load("glyphs-mine").name == "glyphs-mine"


@pytest.mark.parametrize("path", ["./fashion", "fashion/", "fashion.zip"])
def test_a_path_to_nothing_is_not_the_known_set_of_that_name(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDataset, match="fashion.* does not exist"):
        datasets.load(path)


def test_a_zip_whose_names_cannot_be_read_is_told_as_damaged(folder):
    archive = packed(folder, "pets.zip", "ü")
    archive.write_bytes(archive.read_bytes().replace("ü".encode(), b"\xff\xff"))
    with pytest.raises(DatasetError, match="pets.zip cannot be read: it is damaged"):
        datasets.load(archive)


def test_a_cache_that_cannot_be_written_costs_a_warning_but_no_data_and_leaves_nothing(
    folder, cache
):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for seed in range(300):
        random_image(seed, size=(6, 5)).save(folder / "train" / "cat" / f"1{seed:04}.png")
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limits[1]))  # as a full disk: writing fails
    try:
        with pytest.warns(UserWarning, match="ANYTIME_CACHE"):
            dataset = datasets.load(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(dataset.train) == 306
    assert nothing_is_kept(cache)


def test_an_interrupted_rename_leaves_nothing_half_written(folder, cache, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_space)
    with pytest.warns(UserWarning, match="No space left on device.*ANYTIME_CACHE"):
        assert_is_the_folder(datasets.load(folder), folder)
    assert nothing_is_kept(cache)


def test_a_copy_of_a_known_set_is_titled_so_and_keeps_its_augmentation(folder):
    signs = datasets.load(shutil.copytree(folder, folder.parent / "gtsrb"))
    assert signs.augmentation == ("crop",)  # a mirrored traffic sign is another sign
    photographs = datasets.load(shutil.copytree(folder, folder.parent / "cifar10"))
    assert photographs.title == "CIFAR-10 (JPEG copy)"
    assert photographs.augmentation == ("crop", "flip")


def test_an_image_bigger_than_memory_allows_is_refused_unread(folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # 30 pixels look like a bomb now
    with pytest.raises(DatasetError, match="no readable image"):
        datasets.load(folder)


def test_jpegs_decode_as_pillow_decodes_them(folder):
    for file in sorted(folder.rglob("*.png")):
        Image.open(file).save(file.with_suffix(".JPG"), "jpeg")
        file.unlink()
    first = datasets.load(folder).train.pixels[0]
    data = io.BytesIO((folder / "train" / "cat" / "00000.JPG").read_bytes())
    assert np.array_equal(first.permute(1, 2, 0), np.array(Image.open(data)))


def copied(folder, *places):
    """Copies of the training cats in other places of the folder."""
    for place in places:
        shutil.copytree(folder / "train" / "cat", folder / place, dirs_exist_ok=True)


PACKS = [lambda f: f, lambda f: packed(f, "pets.zip"), lambda f: packed(f, "pets.tar")]


@pytest.mark.parametrize("pack", PACKS)
def test_images_in_folders_below_a_class_are_its_images_and_are_told(folder, pack):
    copied(folder, "train/dog/more/still", "train/dog/more")
    with pytest.warns(UserWarning, match="below a class, taken as its own: 6, such as train/d"):
        pets = datasets.load(pack(folder))
    assert pets.classes == ("cat", "dog") and pets.train.labels.bincount().tolist() == [3, 9]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("train/.net", "hidden files, left out: 3, such as train/.net/00000.png"),
        ("val/cat", r"outside of {train,test}/{class}, left out \(rename.*: 3, such as val/cat/0"),
        ("train", r"outside of {train,test}/{class}, left out .*: 3, such as train/00000.png"),
    ],
)
@pytest.mark.parametrize("pack", PACKS)
def test_images_out_of_their_place_are_counted(folder, pack, place, told):
    copied(folder, place)
    with pytest.warns(UserWarning, match=told):
        assert len(datasets.load(pack(folder)).train) == 6


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"train": "Train", "test": "Test"}, "no images to train.*rename.*10, such as Test/cat/0"),
        ({"test": "val"}, "no images to test.*rename.*: 4, such as val/cat/00000.png"),
        (
            {"train": "train/animals", "test": "test/animals"},
            "one class, animals.*: 10, such as (train|test)/animals/",
        ),
    ],
)
def test_a_layout_of_other_names_is_answered_with_what_to_rename(folder, pack, names, told):
    for name, other in names.items():
        moved = shutil.move(folder / name, folder / "moved")
        (folder / other).parent.mkdir(exist_ok=True)
        shutil.move(moved, folder / other)
    with pytest.raises(DatasetError, match=told):
        datasets.load(pack(folder))


@pytest.mark.parametrize("pack", PACKS)
def test_several_layouts_are_refused_and_two_of_them_named(folder, pack):
    shutil.copytree(folder, folder / "fold1")
    for split in ("train", "test"):
        shutil.move(folder / split, folder / "fold2" / split)
    with pytest.raises(DatasetError, match="several layouts, fold1/train and fold2/train; give th"):
        datasets.load(pack(folder))
    assert len(datasets.load(folder / "fold2").train) == 6


def test_a_copy_beside_the_layout_is_a_layout_too(folder):
    copied(folder, "backup/test/cat")
    with pytest.raises(DatasetError, match="several layouts, test and backup/test"):
        datasets.load(folder)


@pytest.mark.parametrize("pack", PACKS)
def test_one_class_is_refused_with_the_folder_it_is_in(folder, pack):
    for split in ("train", "test"):
        shutil.rmtree(folder / split / "dog")
    path = pack(folder)
    with pytest.raises(DatasetError, match=f"{path}: there is one class, cat; it takes two"):
        datasets.load(path)


@pytest.mark.parametrize("pack", PACKS)
def test_accents_written_in_two_ways_are_one_class_in_one_order(folder, pack):
    composed, apart = "k\u00e4tzchen", "ka\u0308tzchen"  # NFC and NFD, as macOS has it
    for split in ("train", "test"):
        shutil.copytree(folder / split / "cat", folder / split / composed)
    (folder / "train" / apart).mkdir()
    random_image(9).save(folder / "train" / apart / "00000.png")
    (folder / "test" / composed).rename(folder / "test" / apart)
    pets = datasets.load(pack(folder))
    assert pets.classes == ("cat", "dog", composed)
    assert pets.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert (len(pets.test), pets.test.labels.tolist()[-2:]) == (6, [2, 2])


def test_a_zip_with_the_separators_of_windows_is_read(folder):
    archive = folder.parent / "pets.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for file in sorted(folder.rglob("*.png"), reverse=True):
            target.writestr(str(file.relative_to(folder)).replace("/", "\\"), file.read_bytes())
    assert_is_the_folder(datasets.load(archive), folder)


def test_hard_and_symbolic_links_in_a_tar_are_images(folder):
    first = folder / "train" / "cat" / "00000.png"
    os.link(first, folder / "train" / "dog" / "00007.png")
    (folder / "train" / "dog" / "00008.png").symlink_to("../cat/00000.png")
    with tarfile.open(folder.parent / "pets.tar", "w") as target:
        target.add(folder, "pets")
    pets = datasets.load(folder.parent / "pets.tar").train
    assert len(pets) == 8 and torch.equal(pets.pixels[6], pets.pixels[0])
    assert torch.equal(pets.pixels[7], pets.pixels[0])


@pytest.mark.parametrize("target", ["..", "../..", "../../..", "."])
def test_a_link_to_a_folder_that_it_lies_in_is_named(folder, target):
    (folder / "train" / "cat" / "again").symlink_to(target)
    with pytest.raises(DatasetError, match="again.* is a link to a folder that it lies in; remove"):
        datasets.load(folder)


def test_two_folders_that_link_to_each_other_end(folder):
    (folder / "train" / "cat" / "dogs").symlink_to("../dog")
    (folder / "train" / "dog" / "cats").symlink_to("../cat")
    with pytest.raises(DatasetError, match="is a link to a folder that it lies in"):
        datasets.load(folder)


@pytest.mark.parametrize("target", ["nowhere.png", "00009.png"])  # the latter is the link itself
def test_a_link_to_nothing_is_named_with_the_fix(folder, target):
    (folder / "train" / "cat" / "00009.png").symlink_to(target)
    with pytest.raises(DatasetError, match="train/cat/00009.png': .*mend the link or remove it"):
        datasets.load(folder)


def test_a_hidden_link_to_nothing_is_only_told(folder):
    (folder / "train" / "cat" / ".#lock").symlink_to("somebody@somewhere")
    with pytest.warns(UserWarning, match="hidden files, left out: 1, such as train/cat/.#lock"):
        assert len(datasets.load(folder).train) == 6


def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "train" / "cat" / "00009.png")
    with pytest.raises(DatasetError, match="cat/00009.png is neither a file nor a folder; remove"):
        datasets.load(folder)


@pytest.mark.parametrize(
    ("owner", "call", "place"),
    [(os, "scandir", "train/cat"), (Path, "read_bytes", "train/cat/00001.png")],
)
def test_what_may_not_be_read_is_named(folder, monkeypatch, owner, call, place):
    allowed = getattr(owner, call)

    def refusing(path):  # root may read all
        if str(path).endswith(place):
            raise PermissionError(13, "Permission denied", str(path))
        return allowed(path)

    monkeypatch.setattr(owner, call, refusing)
    with pytest.raises(DatasetError, match=f"denied: '{folder / place}': make it readable"):
        datasets.load(folder)


def test_a_cache_that_cannot_be_made_costs_a_warning_but_no_data(folder, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="could not be kept .*Set ANYTIME_CACHE"):
        assert_is_the_folder(datasets.load(folder), folder)


def test_a_long_name_in_letters_of_several_bytes_can_be_cached(folder, cache):
    long = folder.rename(folder.parent / ("語" * 80))
    datasets.load(long)
    assert len(list(cache.iterdir())) == 1


def test_names_that_are_no_text_are_read_and_cached(folder, cache):
    for split in ("train", "test"):
        name = os.path.join(os.fsencode(folder / split), b"\xff")
        try:
            shutil.copytree(os.fsencode(folder / split / "cat"), name)
        except OSError:
            pytest.skip("this file system takes only text for names")
    first, again = datasets.load(folder), datasets.load(folder)
    assert first.classes == again.classes and len(first.classes) == 3
    assert first.fingerprint == again.fingerprint and len(list(cache.iterdir())) == 1


def test_decoding_takes_the_memory_of_the_images_once(tmp_path):
    count, side = 10, 200
    data = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "even.zip", "w") as target:
        for split, label, i in itertools.product(("train", "test"), "ab", range(count)):
            data = io.BytesIO()
            Image.new("RGB", (side, side), (i, 0, 0)).save(data, "png")
            target.writestr(f"{split}/{label}/{i}.png", data.getvalue())
    tracemalloc.start()
    try:
        images = datasets.load(tmp_path / "even.zip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    size = 4 * count * side * side * 3
    assert images.train.pixels.numel() + images.test.pixels.numel() == size
    assert (tmp_path / "even.zip").stat().st_size < size / 50
    assert peak < 1.5 * size


def test_more_images_than_the_memory_holds_are_told(folder, monkeypatch):
    def full(*_, **__):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr("anytime.datasets.decoding.np.empty", full)
    with pytest.raises(DatasetError, match="pets: Unable to allocate 9 TiB.*image_size"):
        datasets.load(folder)


def test_a_folder_without_the_layout_is_refused_from_above(tmp_path, monkeypatch):
    for place in ("docs/pictures/cats", "music/train/deep", "talk/test", "test.txt.d"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "test").touch()  # a file of that name is no part of a layout
    seen, allowed = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(str(path)) or allowed(path))
    with pytest.raises(
        DatasetError, match=r"no data set: neither.*laid out \{train,test\}/\{class"
    ):
        datasets.load(tmp_path)
    assert not [path for path in seen if Path(path).parent not in (tmp_path, tmp_path.parent)]


@pytest.mark.parametrize("path", ["/", "/usr", "/etc"])
def test_the_machine_is_not_walked(path, monkeypatch):
    monkeypatch.setattr("anytime.datasets.cache.STRAYS", 1000)
    with pytest.raises(DatasetError, match=rf"^{path}"):
        datasets.load(Path(path))


def test_a_tree_of_other_things_below_the_layout_is_left_at_once(folder, monkeypatch):
    monkeypatch.setattr("anytime.datasets.cache.STRAYS", 50)
    for number in range(40):
        (folder / "train" / "dog" / f"{number}.txt").touch()
    with pytest.warns(UserWarning, match="files .txt, left out: 40"):
        assert len(datasets.load(folder).train) == 6
    seen, allowed = [], os.scandir
    for number in range(200):
        (folder / "train" / "dog" / f"deep{number}" / "deeper").mkdir(parents=True)
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(str(path)) or allowed(path))
    with pytest.raises(
        DatasetError, match=r"pets is no data set: .* were seen there, and [0-9]+ images; .*laid"
    ):
        datasets.load(folder)
    assert len(seen) < 60


def test_a_link_to_what_is_above_the_data_set_is_not_followed(folder):
    (folder / "train" / "cat" / "all").symlink_to("/")
    with pytest.raises(DatasetError, match="all is a link to a folder that it lies in; remove it"):
        datasets.load(folder)
