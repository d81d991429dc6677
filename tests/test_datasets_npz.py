import hashlib
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision import datasets as official

from anytime import datasets
from anytime.datasets import DatasetError, catalogue
from anytime.datasets.loading import is_here
from anytime.paths import REPOSITORY


@pytest.fixture(autouse=True)
def no_network(tmp_path, monkeypatch):
    """Every download goes to a closed port of this machine; the cache is the test's own."""
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ANYTIME_DOWNLOADS", raising=False)
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)


def random_pixels(seed, *shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def keras(train=6, test=4, classes=2, size=(5, 7, 3), **more):
    """Arrays with Keras's keys; the labels go 0, 1, …, 0, 1, …."""
    arrays = {}
    for seed, (split, count) in enumerate((("train", train), ("test", test))):
        arrays[f"x_{split}"] = random_pixels(seed, count, *size)
        arrays[f"y_{split}"] = np.arange(count) % classes
    return arrays | more


@pytest.fixture
def saved(tmp_path):
    """A function that writes arrays to an .npz file and returns its path."""

    def save(arrays, name="own.npz", save=np.savez):
        save(tmp_path / name, **arrays)
        return tmp_path / name

    return save


def assert_holds(images, pixels, labels):
    """Every image as an array (N, H, W, C) has it."""
    assert images.labels.tolist() == labels.ravel().tolist()
    assert images.pixels.shape == (len(pixels), pixels.shape[3], *pixels.shape[1:3])
    for ours, theirs in zip(images.pixels, pixels, strict=True):
        for channel in range(pixels.shape[3]):
            assert ours[channel].tolist() == theirs[..., channel].tolist()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_with_the_keys_of_keras_are_read_in_their_order(saved, save, recwarn):
    arrays = keras(class_names=["cat", "dog"])
    path = saved(arrays, save=save)
    for given in (path, str(path)):
        own = datasets.load(given)
        assert (own.name, own.title, own.classes) == ("own", "own", ("cat", "dog"))
        assert_holds(own.train, arrays["x_train"], arrays["y_train"])
        assert_holds(own.test, arrays["x_test"], arrays["y_test"])
    assert not recwarn  # the second time it comes from the cache, which is whole


def test_arrays_with_the_keys_of_medmnist_are_the_same_data_and_validation_is_named(saved):
    arrays = keras(size=(6, 6))
    own = datasets.load(saved(arrays))
    medical = {}
    for split in ("train", "test"):
        medical[f"{split}_images"] = arrays[f"x_{split}"]
        medical[f"{split}_labels"] = arrays[f"y_{split}"].astype(np.uint8)[:, None]
    medical["val_images"], medical["val_labels"] = arrays["x_test"], arrays["y_test"]
    with pytest.warns(UserWarning, match="val_images, val_labels are not read"):
        same = datasets.load(saved(medical, "medical.npz"))
    assert same.train.pixels.shape == (6, 1, 6, 6) and same.classes == ("0", "1")
    for ours, theirs in ((own.train, same.train), (own.test, same.test)):
        assert torch.equal(ours.pixels, theirs.pixels) and torch.equal(ours.labels, theirs.labels)


@pytest.mark.parametrize(
    "put",
    [lambda x: x, lambda x: x[..., :1], lambda x: x[..., 0], lambda x: x.transpose(0, 3, 1, 2)],
)
def test_grey_and_colour_and_channels_first_are_read(saved, put):
    arrays = keras()
    expected = arrays["x_train"] if put(arrays["x_train"]).ndim == 4 else arrays["x_train"][..., :1]
    if put(arrays["x_train"]).shape[-1] == 1:
        expected = expected[..., :1]
    for key in ("x_train", "x_test"):
        arrays[key] = put(arrays[key])
    assert_holds(datasets.load(saved(arrays)).train, expected, arrays["y_train"])


def wrong(**changes):
    return lambda arrays: arrays | changes


def without(*keys):
    return lambda arrays: {key: value for key, value in arrays.items() if key not in keys}


FEW, MANY = np.zeros((4, 5, 7, 3), np.uint8), np.zeros((6, 5, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without("x_test", "y_test"), "lacks x_test and y_test"),
        (without("y_train"), "it lacks y_train"),
        (without("x_train", "y_train"), "lacks x_train and y_train"),
        (lambda _: {"a": FEW, "b": FEW}, r"no key that is known, but \['a', 'b'\]"),
        (lambda _: {}, "no key that is known, but none at all|no .npz file"),
        (lambda _: {"class_names": np.array(["a"])}, "no key that is known, but none at all"),
        (wrong(train_images=FEW), "keys of Keras and of MedMNIST; keep those of one"),
        (wrong(x_train=MANY / 255), "x_train is float64; bring it to 0 … 255"),
        (wrong(x_test=FEW.astype(np.float32)), "x_test is float32"),
        (wrong(x_train=MANY.astype(np.uint16)), "x_train is uint16"),
        (wrong(x_train=MANY.astype(bool)), "x_train is bool"),
        (wrong(x_train=MANY.astype(object)), "cannot be read .Object arrays"),
        (wrong(y_train=np.array([0, 1, 0, 1, 0, "b"], object)), "cannot be read .Object arrays"),
        (wrong(x_train=np.zeros((6, 105), np.uint8)), r"shape of x_train is \(6, 105\)"),
        (wrong(x_train=np.zeros((6, 5, 7, 4), np.uint8)), r"shape of x_train is \(6, 5, 7, 4\)"),
        (wrong(x_train=np.zeros((6, 3, 7, 3), np.uint8)), r"shape of x_train is \(6, 3, 7, 3\)"),
        (wrong(x_train=np.zeros((6, 1, 5, 7, 3), np.uint8)), r"shape of x_train"),
        (wrong(x_train=np.zeros((6, 0, 7, 3), np.uint8)), r"shape of x_train"),
        (wrong(x_train=np.uint8(3)), r"shape of x_train is \(\)"),
        (wrong(x_test=FEW[:0], y_test=np.zeros(0, int)), r"shape of x_test is \(0"),
        (wrong(x_test=FEW[:, :4]), r"train are \(3, 5, 7\), images to test \(3, 4, 7\)"),
        (wrong(x_test=FEW[..., 0]), r"train are \(3, 5, 7\), images to test \(1, 5, 7\)"),
        (wrong(y_train=np.arange(5) % 2), r"y_train is int64 \(5,\)"),
        (wrong(y_train=np.eye(6, dtype=int)), r"y_train is int64 \(6, 6\)"),
        (wrong(y_train=np.arange(6) % 2 / 1), "y_train is float64"),
        (wrong(y_train=np.array(list("abcdef"))), "y_train is <U1"),
        (wrong(y_train=np.array([0, 1, 0, 1, 0, -1])), "y_train has the label -1"),
        (wrong(y_train=np.array([0, 1, 0, 1, 0, 2**63], np.uint64)), "label 9223372036854775808"),
        (wrong(y_train=np.arange(6) % 2 * (2**31 - 1)), "only 2 of the labels 0 to 2147483647"),
        (wrong(y_test=np.array([0, 1, 2, 1])), "labels to test are 0 to 2, the classes 0 to 1"),
        (wrong(y_train=np.arange(6) % 2 + 1), "only 2 of the labels 0 to 2 are there"),
        (wrong(y_train=np.zeros(6, int), y_test=np.zeros(4, int)), "it takes two classes"),
        (wrong(class_names=np.array(["cat"])), "it takes two classes"),
        (wrong(class_names=np.array(["a", "b", "c"])), "only 2 of the labels 0 to 2 are there"),
        (wrong(class_names=np.array(["a", "b"], object)), "cannot be read .Object arrays"),
    ],
)
def test_what_is_amiss_with_arrays_is_told_with_the_file_and_the_form(
    saved, tmp_path, change, told
):
    path = saved(change(keras()))
    with pytest.raises(DatasetError, match=told) as error:
        datasets.load(path)
    assert str(path) in str(error.value) and "np.savez(path, x_train=" in str(error.value)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "cache").glob("*.pt"))


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        import os

        return os.mkdir, (str(self.folder),)


def test_nothing_in_a_file_of_arrays_is_unpickled(saved, tmp_path):
    trap = np.array([Trap(tmp_path / "sprung")] * 6, object)
    with pytest.raises(DatasetError, match="Object arrays"):
        datasets.load(saved(keras(y_train=trap)))
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(DatasetError, match="no .npz file"):
        datasets.load(tmp_path / "raw.npz")
    assert not (tmp_path / "sprung").exists()
    pickle.loads((tmp_path / "raw.npz").read_bytes())
    assert (tmp_path / "sprung").exists()  # the trap works


@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.95])
def test_a_cut_file_of_arrays_is_named_and_leaves_no_cache_behind(saved, tmp_path, share):
    path = saved(keras())
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DatasetError, match="own.npz: it is no .npz file, or cut off"):
        datasets.load(path)
    assert not list((tmp_path / "cache").glob("*.pt"))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_file_of_arrays_with_a_changed_pixel_is_refused(saved, save):
    path = saved(keras(size=(20, 20, 3)), save=save)
    data = bytearray(path.read_bytes())
    data[600] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="own.npz: it cannot be read"):
        datasets.load(path)


def test_other_things_by_the_name_of_a_file_of_arrays_are_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as target:
        target.writestr("x_train.npy", b"no array")
    np.save(tmp_path / "single.npy", np.arange(3))
    (tmp_path / "single.npy").rename(tmp_path / "single.npz")
    for name in ("text.npz", "single.npz"):
        with pytest.raises(DatasetError, match=name):
            datasets.load(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="none.npz does not exist"):
        datasets.load(tmp_path / "none.npz")


def test_arrays_are_not_resized(saved):
    with pytest.raises(DatasetError, match="own.npz: arrays are not resized"):
        datasets.load(saved(keras()), image_size=5)
    square = datasets.load(saved(keras(size=(5, 5))), image_size=5)
    assert square.train.pixels.shape == (6, 1, 5, 5) and square.image_size == 5


def test_classes_are_called_as_the_catalogue_says_where_there_are_as_many(saved):
    ten = keras(20, 10, 10)
    assert datasets.load(saved(ten, "cifar10.npz")).classes == catalogue.find("cifar10").classes
    assert datasets.load(saved(keras(), "cifar10.npz")).classes == ("0", "1")
    named = ten | {"class_names": [f"class {i}" for i in range(10)]}
    assert datasets.load(saved(named, "other.npz")).classes[9] == "class 9"
    swapped = ten | {"class_names": catalogue.find("cifar10").classes[::-1]}
    with pytest.raises(DatasetError, match="in another order than the official ones"):
        datasets.load(saved(swapped, "cifar10.npz"))


def test_arrays_by_the_name_of_a_known_set_are_augmented_as_it_is(saved):
    photographs = datasets.load(saved(keras(20, 10, 10), "cifar10.npz"))
    assert (photographs.name, photographs.augmentation) == ("cifar10", ("crop", "flip"))
    assert photographs.title == "cifar10"  # it may be another's


def test_arrays_that_are_a_known_set_have_its_title(saved, monkeypatch):
    path = saved(keras(20, 10, 10), "cifar10.npz")
    known = replace(catalogue.find("cifar10"), fingerprint=datasets.load(path).fingerprint)
    monkeypatch.setitem(catalogue.ROWS, "cifar10", known)
    assert datasets.load(path).title == datasets.load(path, train_size=10).title == "CIFAR-10"


def test_the_fingerprints_that_are_known_are_those_of_the_page_on_data():
    page = (REPOSITORY / "data" / "README.md").read_text(encoding="utf-8")
    known = {name: row.fingerprint for name, row in catalogue.ROWS.items() if row.fingerprint}
    assert known and all(f"| `{name}` | `{of}` |" in page for name, of in known.items())


def released(name, folder, arrays, monkeypatch):
    """The arrays as CIFAR's own files, pickled, with the checksums that torchvision expects."""
    release = getattr(official, name.upper())
    (folder / release.base_folder).mkdir(parents=True)
    sums = {}

    def write(file, content):
        data = pickle.dumps(content)
        (folder / release.base_folder / file).write_bytes(data)
        sums[file] = hashlib.md5(data).hexdigest()

    key = "labels" if name == "cifar10" else "fine_labels"
    for split, files in (("train", release.train_list), ("test", release.test_list)):
        pixels = arrays[f"x_{split}"].transpose(0, 3, 1, 2).reshape(-1, 3072)
        ends = np.linspace(0, len(pixels), len(files) + 1).astype(int)
        for (file, _), start, stop in zip(files, ends, ends[1:], strict=False):
            labels = arrays[f"y_{split}"][start:stop].tolist()
            write(file, {"data": pixels[start:stop], key: labels})
    write(release.meta["filename"], {release.meta["key"]: ["?"]})
    monkeypatch.setattr(release, "meta", release.meta | {"md5": sums[release.meta["filename"]]})
    for which in ("train_list", "test_list"):
        listed = [[file, sums[file]] for file, _ in getattr(release, which)]
        monkeypatch.setattr(release, which, listed)


@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_arrays_without_names_and_a_download_are_the_same_data(
    name, classes, saved, tmp_path, monkeypatch
):
    row = replace(catalogue.find(name), images=(250, 100))
    monkeypatch.setitem(catalogue.ROWS, name, row)
    arrays = keras(250, 100, classes, (32, 32, 3))
    released(name, tmp_path / "here", arrays, monkeypatch)
    ours = datasets.load(saved(arrays, f"{name}.npz"))
    theirs = datasets.load(name, folder=tmp_path / "here")
    assert theirs.title == {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}[name]
    assert ours.classes == theirs.classes and ours.name == theirs.name
    assert ours.fingerprint == theirs.fingerprint
    for part in ("train", "test"):
        one, other = getattr(ours, part), getattr(theirs, part)
        assert_holds(one, arrays[f"x_{part}"], arrays[f"y_{part}"])
        assert one.labels.dtype == other.labels.dtype == torch.int64
        assert torch.equal(one.pixels, other.pixels) and torch.equal(one.labels, other.labels)


def numbered(train, test, classes):
    """Arrays whose pixels spell the image's position: 0 … 65,535 in two of three channels."""
    arrays = {}
    for split, count in (("train", train), ("test", test)):
        positions = np.arange(count)
        colours = [positions // 256, positions % 256, np.full(count, split == "test")]
        arrays[f"x_{split}"] = np.stack(colours, 1).astype(np.uint8)[:, None, None].repeat(2, 1)
        arrays[f"y_{split}"] = positions % classes
    return arrays


def positions(images):
    high, low, test = images.pixels[:, :, 0, 0].long().unbind(1)
    return (256 * high + low).tolist(), set(test.tolist())


def test_cifar10_59904_is_cifar10_without_96_images(saved, monkeypatch, tmp_path):
    saved(numbered(50_000, 10_000, 10), "cifar10.npz")
    part = datasets.load("cifar10-59904", folder=tmp_path)
    out = [part.without for part in catalogue.find("cifar10-59904").parts]
    assert [len(positions) for positions in out] == [75, 21]
    for images, count, left_out, test in (
        (part.train, 50_000, out[0], 0),
        (part.test, 10_000, out[1], 1),
    ):
        kept = [i for i in range(count) if i not in set(left_out)]
        assert positions(images) == (kept, {test})
        assert images.labels.tolist() == [i % 10 for i in kept]
    assert (part.name, part.title) == ("cifar10-59904", "CIFAR-10 without 96 images")
    assert part.classes == catalogue.find("cifar10").classes
    assert part.augmentation == ("crop", "flip")


@pytest.mark.parametrize(("name", "first"), [("cifar100-10a", 0), ("cifar100-10b", 5)])
def test_ten_classes_of_cifar100_are_numbered_anew(saved, tmp_path, name, first):
    saved(numbered(50_000, 10_000, 100), "cifar100.npz")
    part = datasets.load(name, folder=tmp_path)
    for images, count in ((part.train, 50_000), (part.test, 10_000)):
        kept = [i for i in range(count) if i % 100 in range(first, 100, 10)]
        assert positions(images)[0] == kept
        assert images.labels.tolist() == [(i % 100 - first) // 10 for i in kept]
    assert part.title == f"CIFAR-100 (ten classes: {first}, {first + 10}, …, {first + 90})"
    hundred = catalogue.find("cifar100").classes
    assert part.classes == tuple(hundred[label] for label in range(first, 100, 10))


def test_svhn_10k_takes_the_first_test_images_and_needs_no_others(saved, tmp_path):
    arrays = numbered(0, 26_032, 10)
    saved({key: arrays[key] for key in ("x_test", "y_test")}, "svhn.npz")
    part = datasets.load("svhn-10k", folder=tmp_path)
    assert positions(part.train) == (list(range(8_000)), {1})
    assert positions(part.test) == (list(range(8_000, 10_000)), {1})
    assert part.augmentation == datasets.catalogue.find("svhn").augmentation
    assert part.title == "SVHN, 8,000 + 2,000 of the official test images"
    with pytest.raises(DatasetError, match="svhn.npz: it lacks x_train and y_train"):
        datasets.load("svhn", folder=tmp_path)


def test_svhn_10k_is_the_same_from_the_official_file_alone(saved, tmp_path, monkeypatch):
    io = pytest.importorskip("scipy.io")
    arrays = keras(0, 10_100, 10, (4, 4, 3))
    file = tmp_path / "test_32x32.mat"
    labels = np.where(arrays["y_test"] == 0, 10, arrays["y_test"])[:, None]
    io.savemat(file, {"X": arrays["x_test"].transpose(1, 2, 3, 0), "y": labels})
    listed = ["", file.name, hashlib.md5(file.read_bytes()).hexdigest()]
    monkeypatch.setattr(official.SVHN, "split_list", {"test": listed})
    theirs = datasets.load("svhn-10k", folder=tmp_path)
    (tmp_path / "own").mkdir()
    saved({key: arrays[key] for key in ("x_test", "y_test")}, "own/svhn.npz")
    ours = datasets.load("svhn-10k", folder=tmp_path / "own")
    assert ours.classes == theirs.classes == tuple("0123456789")
    for part in ("train", "test"):
        one, other = getattr(ours, part), getattr(theirs, part)
        assert torch.equal(one.pixels, other.pixels) and torch.equal(one.labels, other.labels)


def test_a_local_copy_is_found_by_its_name_before_anything_is_downloaded(
    saved, tmp_path, monkeypatch
):
    monkeypatch.setenv("ANYTIME_DOWNLOADS", str(tmp_path))
    assert not is_here("cifar10") and not is_here("cifar10-59904")
    saved(numbered(50_000, 10_000, 10), "cifar10.npz")
    assert is_here("cifar10") and is_here("cifar10-59904") and not is_here("cifar100-10a")
    whole = datasets.load("cifar10")
    assert (whole.title, len(whole.train), len(whole.test)) == ("CIFAR-10", 50_000, 10_000)


@pytest.mark.parametrize("arrays", [numbered(49_999, 10_000, 10), numbered(50_000, 10_000, 5)])
def test_a_local_copy_that_is_not_the_whole_set_is_refused_also_from_the_cache(
    saved, tmp_path, arrays
):
    path = saved(arrays, "cifar10.npz")
    datasets.load(path)  # by its path it is what it is
    for name in ("cifar10", "cifar10-59904"):
        with pytest.raises(DatasetError, match="cifar10.npz holds .* of (10|5) classes"):
            datasets.load(name, folder=tmp_path)


def test_without_any_copy_one_reads_what_a_copy_would_be_called(tmp_path):
    for name, file in (
        ("cifar100-10b", "cifar100.npz"),
        ("svhn-10k", "test_32x32.mat, .*svhn.npz"),
    ):
        with pytest.raises(FileNotFoundError, match=file):
            datasets.load(name, folder=tmp_path)
