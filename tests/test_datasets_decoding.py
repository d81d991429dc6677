"""What pixels become, against Pillow's own arithmetic and closed forms."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from anytime import datasets
from anytime.datasets import DatasetError
from anytime.datasets.decoding import rgb

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))
SEEDS = st.integers(0, 2**32 - 1)
drawn = settings(derandomize=True, deadline=None, max_examples=50)


def noise(seed, *shape, dtype=np.uint8):
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, shape, dtype=dtype, endpoint=True)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return io.BytesIO(file.getvalue())


def pixels(file):
    image = rgb(file)
    assert image.mode == "RGB"
    return np.asarray(image).astype(int)


def picture(mode, seed, size):
    """Random pixels in a mode of 8 bits or one; a palette has 256 random colours."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    data = noise(seed, size[1], size[0], channels)
    if mode == "1":
        return Image.fromarray(data[..., 0] > 127)
    image = Image.frombytes(mode, size, data.tobytes())
    if mode.startswith("P"):
        image.putpalette(noise(seed + 1, 768).tobytes())
    return image


OPAQUE = [("1", "PNG"), ("1", "TIFF"), ("1", "PPM"), ("L", "PNG"), ("L", "PPM"), ("L", "BMP")]
OPAQUE += [("P", "PNG"), ("P", "TIFF"), ("P", "GIF"), ("RGB", "PNG"), ("RGB", "PPM")]
OPAQUE += [("RGB", "JPEG"), ("RGB", "WEBP"), ("CMYK", "JPEG"), ("CMYK", "TIFF"), ("YCbCr", "JPEG")]


@drawn
@given(st.sampled_from(OPAQUE), SEEDS, SIZES)
def test_opaque_images_are_what_pillow_converts_to_rgb(kind, seed, size):
    file = saved(picture(kind[0], seed, size), kind[1])
    assert np.array_equal(pixels(file), np.asarray(Image.open(file).convert("RGB")))


def on_white(clear):
    """The float that each pixel of (H, W, RGBA) has on white."""
    alpha = clear[..., 3:] / 255
    return clear[..., :3] * alpha + 255 * (1 - alpha)


def with_one_clear_colour(mode, seed, size):
    """An image as a file in which the first pixel's colour is said to be transparent."""
    image = picture(mode, seed, size)
    return saved(image, "GIF" if mode == "P" else "PNG", transparency=image.getpixel((0, 0)))


CLEAR = {
    "RGBA": lambda *drawn: saved(picture("RGBA", *drawn), "PNG"),
    "RGBA, TIFF": lambda *drawn: saved(picture("RGBA", *drawn), "TIFF"),
    "RGBA, WEBP": lambda *drawn: saved(picture("RGBA", *drawn), "WEBP", lossless=True, exact=True),
    "LA": lambda *drawn: saved(picture("LA", *drawn), "PNG"),
    "LA, TIFF": lambda *drawn: saved(picture("LA", *drawn), "TIFF"),
    "PA": lambda *drawn: saved(picture("PA", *drawn), "TIFF"),
    "an alpha for each colour of a palette": lambda seed, size: saved(
        picture("P", seed, size), "PNG", transparency=noise(seed + 2, 256).tobytes()
    ),
    "a clear colour of a palette": lambda *drawn: with_one_clear_colour("P", *drawn),
    "a clear grey": lambda *drawn: with_one_clear_colour("L", *drawn),
    "a clear colour": lambda *drawn: with_one_clear_colour("RGB", *drawn),
}


@drawn
@given(st.sampled_from(sorted(CLEAR)), SEEDS, SIZES)
def test_what_is_transparent_lies_on_white(kind, seed, size):
    file = CLEAR[kind](seed, size)
    clear = np.asarray(Image.open(file).convert("RGBA"))
    assert abs(pixels(file) - on_white(clear)).max() <= 1
    assert (pixels(file)[clear[..., 3] == 0] == 255).all()
    shown = clear[..., 3] == 255
    assert np.array_equal(pixels(file)[shown], clear[shown][:, :3])


@pytest.mark.parametrize("kind", sorted(CLEAR))
def test_every_kind_of_transparency_is_looked_at(kind):
    alpha = np.asarray(Image.open(CLEAR[kind](1, (9, 9))).convert("RGBA"))[..., 3]
    assert alpha.min() < 128


@drawn
@given(st.sampled_from(["PNG", "TIFF", "PPM"]), SEEDS, SIZES)
def test_grey_of_16_bits_is_divided_by_257_and_rounded(kind, seed, size):
    grey = noise(seed, size[1], size[0], dtype=np.uint16)
    expected = [[(2 * int(value) + 257) // (2 * 257) for value in row] for row in grey]
    ours = pixels(saved(Image.fromarray(grey), kind))
    assert all(ours[..., channel].tolist() == expected for channel in range(3))


def test_a_ramp_of_16_bits_is_a_ramp():
    ramp = Image.fromarray(np.linspace(0, 65535, 64).reshape(8, 8).astype("u2"))
    assert (abs(pixels(saved(ramp, "PNG"))[..., 0].ravel() - np.linspace(0, 255, 64)) < 1).all()


def test_a_clear_grey_of_16_bits_lies_on_white():
    grey = Image.fromarray(np.array([[5000, 30000]], np.uint16))
    assert pixels(saved(grey, "PNG", transparency=5000))[0, :, 0].tolist() == [255, 117]
    assert pixels(saved(grey, "PNG"))[0, :, 0].tolist() == [19, 117]


def tiff(bits, width, data):
    """A grey TIFF of one row, with so many bits a pixel."""
    tags = {256: width, 257: 1, 258: bits, 259: 1, 262: 1, 273: 122, 277: 1, 278: 1, 279: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return io.BytesIO(struct.pack("<2sHIH", b"II", 42, 8, 9) + entries + bytes(4) + data)


def test_grey_of_12_bits_is_scaled_to_its_white():
    assert pixels(tiff(12, 2, b"\xff\xf8\x01"))[0, :, 0].tolist() == [255, 128]


@pytest.mark.parametrize("bits", [np.int32, np.float32])
@pytest.mark.parametrize("peak", [1, 255, 65535])
def test_numbers_without_a_white_are_refused_whatever_they_are(bits, peak):
    with pytest.raises(ValueError, match="signed, of 32 bits or floats: store 8 bits"):
        rgb(saved(Image.fromarray(np.full((2, 3), peak, bits)), "TIFF"))


TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@drawn
@given(
    st.sampled_from(sorted(TURNED)),
    st.sampled_from(["RGB", "L", "RGBA", "16 bits"]),
    st.sampled_from(["PNG", "TIFF"]),
    SEEDS,
    SIZES,
)
def test_images_stand_as_their_exif_orientation_says(orientation, mode, kind, seed, size):
    deep = Image.fromarray(noise(seed, size[1], size[0], dtype=np.uint16))
    image = deep if mode == "16 bits" else picture(mode, seed, size)
    exif = Image.Exif()
    exif[0x112] = orientation
    plain = pixels(saved(image, kind))
    assert np.array_equal(pixels(saved(image, kind, exif=exif)), TURNED[orientation](plain))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (np.zeros((4, 4), np.float32), "its numbers are signed, of 32 bits or floats"),
        (np.zeros((4, 4), np.int32), "its numbers are signed, of 32 bits or floats"),
        (b"", "cannot identify image file"),
        (b"no image", "cannot identify image file"),
    ],
)
def test_an_image_that_cannot_be_read_is_called_by_its_file_alone(
    tmp_path, monkeypatch, data, told
):
    monkeypatch.setenv("ANYTIME_CACHE", str(tmp_path / "cache"))
    for place in ("train/a", "train/b", "test/a", "test/b"):
        (tmp_path / "own" / place).mkdir(parents=True)
        picture("RGB", 1, (4, 4)).save(tmp_path / "own" / place / "0.tif")
    file = tmp_path / "own/train/b/0.tif"
    file.write_bytes(data) if isinstance(data, bytes) else Image.fromarray(data).save(file)
    with pytest.raises(DatasetError, match=f"train/b/0.tif is no readable image .{told}") as error:
        datasets.load(tmp_path / "own")
    assert "<" not in str(error.value)
