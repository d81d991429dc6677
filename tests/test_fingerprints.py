"""Fingerprints: two data sets of one fingerprint are one, and of two are two."""

import hashlib
import os
import re
from dataclasses import replace

import pytest
import torch

from anytime.datasets import Dataset, Images, load
from anytime.datasets.cache import cached, stamp


def images(seed: int = 0, number: int = 6) -> Images:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (number, 3, 4, 4), dtype=torch.uint8, generator=generator)
    return Images(pixels, torch.arange(number) % 2)


def test_a_fingerprint_is_of_pixels_labels_and_class_names_alone():
    one = Dataset("a", "A", images(), images(1), ("cat", "dog"))
    same = Dataset("b", "B", images(), images(1), ("cat", "dog"), ("flip",), 3, 4)
    assert re.fullmatch("[0-9a-f]{32}", one.fingerprint) and same.fingerprint == one.fingerprint
    # The layout in memory is none of it.
    pixels = images().pixels.contiguous(memory_format=torch.channels_last)
    assert replace(one, train=Images(pixels, images().labels)).fingerprint == one.fingerprint


@pytest.mark.parametrize("change", range(7))
def test_whatever_decides_a_result_changes_the_fingerprint(change):
    one = Dataset("a", "A", images(), images(1), ("cat", "dog"))
    first = images()
    others = [
        replace(one, train=Images(first.pixels, 1 - first.labels)),
        replace(one, train=first[torch.tensor([1, 0, 2, 3, 4, 5])]),
        replace(one, train=Images(first.pixels.reshape(6, 3, 2, 8), first.labels)),
        replace(one, train=one.test, test=one.train),
        replace(one, test=images(1)[:5]),
        replace(one, classes=("dog", "cat")),
        replace(
            one, train=Images(first.pixels ^ (torch.arange(48) == 47).view(3, 4, 4), first.labels)
        ),
    ]
    assert len({other.fingerprint for other in others}) == 7
    assert others[change].fingerprint != one.fingerprint


def test_a_digest_is_of_what_the_pixels_are_now():
    one = images()
    before = one.digest
    one.pixels[0, 0, 0, 0] ^= 1
    assert one.digest != before
    one.pixels[0, 0, 0, 0] ^= 1
    assert one.digest == before == hashlib_digest(one)


def hashlib_digest(one: Images) -> str:
    """By the definition, in one piece."""
    text = b"uint8 (6, 3, 4, 4)" + one.pixels.numpy().tobytes()
    text += b"int64 (6,)" + one.labels.numpy().tobytes()
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def test_the_draw_of_images_is_part_of_what_was_trained_on():
    whole = load("fashion")
    parts = [load("fashion", train_size=100, seed=seed) for seed in (0, 0, 1)]
    prints = [part.fingerprint for part in parts]
    assert prints[0] == prints[1] != prints[2] != whole.fingerprint
    aside = [whole.set_aside(20, seed).fingerprint for seed in (0, 0, 1)]
    assert aside[0] == aside[1] != aside[2]


def test_two_flipped_bytes_in_the_cache_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path))
    decoded = images(), images(1), ("cat", "dog")
    cached("toy", decode=lambda: decoded)
    (stored,) = tmp_path.iterdir()
    content = bytearray(stored.read_bytes())
    place = content.index(images().pixels.numpy().tobytes())
    content[place] ^= 1
    content[place + 7] ^= 1
    stored.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged and is decoded anew"):
        train, _, _ = cached("toy", decode=lambda: decoded)
    assert torch.equal(train.pixels, images().pixels)
    assert cached("toy", decode=pytest.fail)[0].digest == images().digest


def test_a_file_of_the_same_size_and_time_is_read_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "one"
    file.write_bytes(b"a")
    before, times = stamp(file), file.stat()
    file.write_bytes(b"b")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert stamp(file) != before


def test_a_name_of_any_length_can_be_cached(tmp_path, monkeypatch):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path))
    decoded = images(), images(1), ("cat", "dog")
    cached("x" * 245, decode=lambda: decoded)
    assert cached("x" * 245, decode=pytest.fail)[2] == ("cat", "dog")
