import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from anytime import datasets
from anytime.datasets import Dataset, DatasetError, Images, MissingDataset
from anytime.datasets.images import in_tracks
from anytime.paths import DATA

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "cache"))


def uneven(counts):
    """Images whose only pixel is their position, with so many of each class."""
    labels = torch.tensor([c for c, count in enumerate(counts) for _ in range(count)])
    pixels = torch.arange(len(labels)).to(torch.uint8).view(-1, 1, 1, 1)
    return Images(pixels, labels)


def test_a_slice_a_mask_and_positions_choose_the_same_images():
    images = uneven([3, 3])
    for index in (slice(1, 3), torch.tensor([1, 2]), torch.tensor([0, 1, 1, 0, 0, 0]).bool()):
        assert images[index].pixels.flatten().tolist() == [1, 2]
        assert len(images[index]) == 2


def test_one_position_is_refused_with_the_slice_to_write_instead():
    with pytest.raises(TypeError, match=r"images\[3:4\]"):
        uneven([3, 3])[3]


def test_pixels_of_another_type_or_too_few_labels_are_refused():
    with pytest.raises(ValueError, match=r"uint8 \(N, C, H, W\), not float32"):
        Images(torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"labels must be int64 \(N,\), not int64 \(1,\)"):
        Images(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))


def test_images_and_data_sets_say_in_a_line_what_they_hold():
    clothes = datasets.load("fashion")
    assert repr(clothes) == "Dataset fashion: 6,000 + 1,000 images of 1×32×32, 10 classes"
    assert repr(clothes.test) == "Images: 1,000 of 1×32×32"
    held_out = clothes.set_aside(600)
    assert repr(held_out) == "Dataset fashion: 5,400 + 600 images of 1×32×32, 10 classes"


def test_a_subset_keeps_every_class_s_share():
    part = datasets.subset(uneven([100, 50, 10]), 32, seed=0)
    assert part.labels.bincount().tolist() == [20, 10, 2]


def test_what_rounding_leaves_goes_to_the_classes_that_lost_most():
    part = datasets.subset(uneven([7, 10, 3]), 7, seed=0)  # shares 2.45, 3.5 and 1.05
    assert part.labels.bincount().tolist() == [2, 4, 1]


def test_the_classes_of_a_subset_differ_by_at_most_one_where_they_were_equal():
    counts = datasets.subset(uneven([20] * 7), 45, seed=0).labels.bincount()
    assert counts.sum() == 45 and counts.max() - counts.min() == 1


def test_a_subset_depends_on_its_seed_alone():
    images = uneven([60, 60])
    torch.manual_seed(1)
    first = datasets.subset(images, 40, seed=5).pixels
    torch.manual_seed(2)
    assert torch.equal(datasets.subset(images, 40, seed=5).pixels, first)
    assert not torch.equal(datasets.subset(images, 40, seed=6).pixels, first)


def test_a_split_uses_every_image_once_and_keeps_the_shares():
    train, validation = datasets.split(uneven([80, 40]), 30, seed=3)
    together = torch.cat([train.pixels, validation.pixels]).flatten().tolist()
    assert sorted(together) == list(range(120))
    assert validation.labels.bincount().tolist() == [20, 10]


@pytest.mark.parametrize("size", [0, -1, 121])
def test_a_subset_of_an_impossible_size_is_refused_with_the_number_there_is(size):
    with pytest.raises(ValueError, match="there are 120"):
        datasets.subset(uneven([80, 40]), size, seed=0)


def test_holding_out_every_image_is_refused():
    for size in (119, 120):
        with pytest.raises(ValueError, match="ask for 2 to 118, which leaves one of each class"):
            datasets.split(uneven([80, 40]), size, seed=0)


def test_a_rare_class_keeps_an_image_and_the_most_frequent_one_gives_it():
    labels = uneven([990, 8, 2])
    assert datasets.subset(labels, 20, seed=0).labels.bincount().tolist() == [18, 1, 1]
    assert datasets.subset(labels, 3, seed=0).labels.bincount().tolist() == [1, 1, 1]
    train, validation = datasets.split(labels, 100, seed=0)
    assert validation.labels.bincount().tolist() == [98, 1, 1]
    assert train.labels.bincount().tolist() == [892, 7, 1]
    train, validation = datasets.split(labels, 997, seed=0)
    assert train.labels.bincount().tolist() == [1, 1, 1]


@pytest.mark.parametrize("size", range(3, 18))
def test_of_every_class_some_are_held_out_and_some_are_not(size):
    train, validation = datasets.split(uneven([14, 2, 4]), size, seed=size)
    assert len(validation) == size and len(train) == 20 - size
    assert len(train.labels.unique()) == len(validation.labels.unique()) == 3


def test_less_images_than_classes_are_refused_with_the_number_it_takes():
    with pytest.raises(ValueError, match="2 images asked for.* in 3 classes: ask for 3 to 15"):
        datasets.subset(uneven([5, 5, 5]), 2, seed=0)
    with pytest.raises(ValueError, match="2 images asked for.* in 3 classes: ask for 3 to 12"):
        datasets.split(uneven([5, 5, 5]), 2, seed=0)


def test_a_class_of_one_image_cannot_be_on_both_sides():
    with pytest.raises(ValueError, match="class 1 has a single image; it takes two"):
        datasets.split(uneven([5, 1, 5]), 4, seed=0)
    aside = Dataset("own", "own", uneven([1] * 6), uneven([1] * 6), tuple("abcdef"))
    with pytest.raises(ValueError, match="class 0 has a single image"):
        aside.set_aside(3)


def filmed(tracks, frames):
    """So many tracks of each class, so many frames each; the only pixel is the track's number."""
    numbers = torch.arange(sum(tracks)).repeat_interleave(frames)
    labels = torch.arange(len(tracks)).repeat_interleave(torch.tensor(tracks) * frames)
    return Images(numbers.to(torch.uint8).view(-1, 1, 1, 1), labels), frames


def seen(images):
    return set(images.pixels.flatten().tolist())


@pytest.mark.parametrize("seed", range(5))
def test_whole_tracks_are_held_out_and_classes_keep_their_shares(seed):
    images = in_tracks(*filmed([20, 10, 2], 15))
    train, held_out = datasets.split(images, 48 * 2, seed)
    assert not seen(train) & seen(held_out) and len(seen(train) | seen(held_out)) == 32
    assert (held_out.labels.bincount() / 15).tolist() in ([4, 1, 1], [3, 2, 1])
    assert len(train) + len(held_out) == len(images)


def test_tracks_stay_together_after_a_part_was_drawn_and_when_classes_are_mixed():
    images = in_tracks(*filmed([20, 10, 4], 15))
    mixed = images[torch.randperm(len(images), generator=torch.Generator().manual_seed(3))]
    train, held_out = datasets.split(datasets.subset(mixed, 200, seed=1), 60, seed=2)
    assert not seen(train) & seen(held_out) and len(train) + len(held_out) == 200
    assert len(train.labels.unique()) == len(held_out.labels.unique()) == 3


def test_frames_are_told_class_by_class_where_classes_alternate():
    pixels = torch.zeros(12, 1, 1, 1, dtype=torch.uint8)
    tracks = in_tracks(Images(pixels, torch.arange(12) % 2), 3).tracks
    assert len(tracks.unique()) == 4
    assert tracks[0] == tracks[2] == tracks[4] != tracks[6] == tracks[10]
    assert tracks[1] == tracks[3] == tracks[5] != tracks[7]


def test_a_class_of_one_track_cannot_be_on_both_sides():
    with pytest.raises(ValueError, match="class 1 has a single track; it takes two"):
        datasets.split(in_tracks(*filmed([4, 1], 5)), 5, seed=0)


def test_what_is_set_aside_of_tracks_is_counted_as_it_is():
    images = in_tracks(*filmed([6, 6], 10))
    data = Dataset("film", "film", images, images[:5], ("a", "b")).set_aside(33)
    assert data.validation == len(data.test) == 30 and len(data.train) == 90


@pytest.mark.parametrize(
    "change, told",
    [
        ({"classes": ("all",)}, "it takes two classes"),
        ({"classes": ("a", "b")}, "labels to train are 0 to 2, the classes 0 to 1"),
        (
            {"train": Images(torch.zeros(1, 1, 1, 1).byte(), torch.tensor([-100]))},
            "labels to train are -100 to -100",
        ),
        ({"test": uneven([0, 0, 1])[:0]}, "no image to test"),
        ({"train": uneven([0, 0, 1])[:0]}, "no image to train"),
    ],
)
def test_what_cannot_be_trained_on_and_tested_is_no_data_set(change, told):
    images = uneven([2, 2, 2])
    right = {"name": "own", "title": "", "train": images, "test": images, "classes": tuple("abc")}
    Dataset(**right)
    with pytest.raises(DatasetError, match=told):
        Dataset(**right | change)


def test_fashion_has_600_clothes_of_each_class_to_train_and_100_to_test():
    clothes = datasets.load("fashion")
    assert clothes.train.labels.bincount().tolist() == [600] * 10
    assert clothes.test.labels.bincount().tolist() == [100] * 10
    assert clothes.train.pixels.shape == (6000, 1, 32, 32)
    assert clothes.augmentation == ("crop", "flip") and len(clothes.classes) == 10


def test_each_garment_is_its_tile_of_the_mosaic_in_a_black_margin():
    clothes = datasets.load("fashion").test.pixels
    mosaic = Image.open(DATA / "images" / "fashion-test.png")
    for position in (0, 99, 100, 537, 999):
        y, x = 28 * (position // 100), 28 * (position % 100)
        framed = Image.new("L", (32, 32))
        framed.paste(mosaic.crop((x, y, x + 28, y + 28)), (2, 2))
        assert np.array_equal(np.asarray(framed), clothes[position, 0])


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_the_embedded_clothes_are_the_first_of_each_class_in_the_release():
    data = gzip.decompress((DEBIAN / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((DEBIAN / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    test = datasets.load("fashion").test
    for label in range(10):
        places = [i for i, found in enumerate(labels) if found == label][:100]
        released = b"".join(data[784 * i : 784 * (i + 1)] for i in places)
        ours = test[test.labels == label].pixels[:, :, 2:-2, 2:-2]
        assert ours.numpy().tobytes() == released


def test_a_train_size_takes_a_balanced_fixed_part():
    part = datasets.load("fashion", train_size=50)
    assert part.train.labels.bincount().tolist() == [5] * 10 and len(part.test) == 1000
    again = datasets.load("fashion", train_size=50)
    assert torch.equal(part.train.pixels, again.train.pixels)
    other = datasets.load("fashion", train_size=50, seed=1)
    assert not torch.equal(part.train.pixels, other.train.pixels)


def test_a_train_size_beyond_the_data_is_refused_with_the_number_there_is():
    with pytest.raises(ValueError, match="there are 6000"):
        datasets.load("fashion", train_size=6001)


def test_an_unknown_name_is_answered_with_the_known_ones_and_the_folder_layout():
    with pytest.raises(MissingDataset, match=r"fashion, glyphs, cifar10.*\{train,test\}/\{class\}"):
        datasets.load("fashoin")


def test_the_known_names_begin_with_what_ships():
    assert datasets.names()[:3] == ("fashion", "glyphs", "cifar10")


def test_an_image_size_is_refused_where_the_size_is_fixed():
    with pytest.raises(DatasetError, match="folders and archives"):
        datasets.load("fashion", image_size=16)


@pytest.mark.parametrize("size", [0, -3])
def test_an_image_size_that_is_none_is_said_to_be_the_reason(tmp_path, size):
    with pytest.raises(DatasetError, match="image_size is a number of pixels from 1 on"):
        datasets.load(tmp_path, image_size=size)


def test_another_process_draws_the_same_glyphs():
    from anytime.datasets.glyphs import render

    code = (
        "import sys; from anytime.datasets.glyphs import render;"
        "sys.stdout.buffer.write(render(10, 0.5, 250, seed=4).pixels.numpy().tobytes())"
    )
    theirs = subprocess.check_output([sys.executable, "-c", code])
    assert theirs == render(10, 0.5, 250, seed=4).pixels.numpy().tobytes()


@pytest.fixture(scope="module")
def rendered():
    from anytime.datasets.glyphs import render

    return lambda classes, clutter: render(classes, clutter, 1000, seed=9)


def test_glyphs_come_in_equal_numbers_in_colour(rendered):
    glyphs = rendered(20, 0.3)
    assert glyphs.pixels.shape == (1000, 3, 32, 32)
    assert glyphs.labels.bincount().tolist() == [50] * 20
    assert (glyphs.pixels[:, 0] != glyphs.pixels[:, 1]).float().mean() > 0.9


def test_more_glyphs_begin_with_the_same_ones():
    from anytime.datasets.glyphs import render

    few, many = render(10, 0.5, 40, seed=1), render(10, 0.5, 500, seed=1)
    assert torch.equal(few.pixels, many[:40].pixels)
    assert len(many.pixels.flatten(1).unique(dim=0)) == 500


def errors_of_nearest_neighbour(glyphs):
    """The share of the last 300 images whose closest one of the first 700 is another letter."""
    edges = glyphs.pixels.float().mean(1)
    edges = torch.nn.functional.avg_pool2d(edges.diff(dim=1)[:, :, :-1].abs(), 3).flatten(1)
    edges = edges / edges.norm(dim=1, keepdim=True)
    nearest = (edges[700:] @ edges[:700].T).argmax(1)
    return (glyphs.labels[nearest] != glyphs.labels[700:]).float().mean().item()


def test_more_clutter_and_more_classes_are_harder_for_a_nearest_neighbour(rendered):
    clean, medium, full = (errors_of_nearest_neighbour(rendered(10, c)) for c in (0, 0.5, 1))
    many = errors_of_nearest_neighbour(rendered(50, 0))
    assert clean + 0.1 < medium and medium + 0.05 < full and clean + 0.2 < many


def test_the_name_tells_classes_and_clutter_and_a_second_load_reads_the_cache(tmp_path):
    glyphs = datasets.load("glyphs-4-0.25", train_size=80)
    assert glyphs.classes == ("A", "B", "C", "D") and glyphs.augmentation == ("crop",)
    assert glyphs.title == "glyphs (4 classes, clutter 0.25)"
    assert glyphs.name == datasets.load("glyphs-4-.250", train_size=80).name == "glyphs-4-0.25"
    assert glyphs.train.labels.bincount().tolist() == [20] * 4 and len(glyphs.test) == 1000
    (stored,) = (tmp_path / "cache").iterdir()
    before = stored.stat().st_mtime_ns
    again = datasets.load("glyphs-4-0.25", train_size=80)
    assert torch.equal(again.train.pixels, glyphs.train.pixels)
    assert stored.stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["glyphs-1", "glyphs-101", "glyphs-10-1.5", "glyphs-x", "glyphs-"])
def test_glyphs_beyond_their_limits_are_refused_with_an_example(name):
    with pytest.raises(MissingDataset, match="glyphs-20-0.8"):
        datasets.load(name)


def test_importing_the_data_sets_imports_no_plotting_and_no_torchvision():
    code = (
        "import sys, anytime.datasets;"
        "print({'matplotlib.pyplot', 'torchvision'} & set(sys.modules) or 'neither')"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "neither"
