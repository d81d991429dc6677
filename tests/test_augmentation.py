import pytest
import torch

from anytime.datasets import augment, pixel_mean


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(7)
    return torch.randint(1, 256, (200, 3, 12, 12), dtype=torch.uint8, generator=generator)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def shifted(image, down, right):
    """The image moved over a black ground, pixel by pixel."""
    result = torch.zeros_like(image)
    channels, height, width = image.shape
    for y in range(height):
        for x in range(width):
            if 0 <= y + down < height and 0 <= x + right < width:
                result[:, y, x] = image[:, y + down, x + right]
    return result


def found_shift(image, cropped):
    """The only shift of at most 4 pixels that explains a crop."""
    black = (cropped == 0).all(0)
    rows, columns = black.all(1).nonzero().flatten(), black.all(0).nonzero().flatten()
    down = len(rows) if len(rows) and rows[-1] == len(black) - 1 else -len(rows)
    right = len(columns) if len(columns) and columns[-1] == len(black) - 1 else -len(columns)
    assert torch.equal(shifted(image, down, right), cropped)
    return down, right


def test_every_crop_is_its_image_moved_over_a_black_ground(batch):
    cropped = augment(batch, ("crop",), seeded())
    shifts = [found_shift(image, crop) for image, crop in zip(batch, cropped, strict=True)]
    assert all(-4 <= down <= 4 and -4 <= right <= 4 for down, right in shifts)


def test_crops_fall_evenly_on_all_81_places():
    corner = torch.zeros(40_500, 1, 9, 9, dtype=torch.uint8)
    corner[:, :, 4, 4] = 255  # its place in the result tells the shift
    places = augment(corner, ("crop",), seeded()).flatten(1).argmax(1)
    counts = places.bincount(minlength=81).double()
    chi_square = ((counts - 500) ** 2 / 500).sum()
    assert chi_square < 133.3  # exceeded by an even draw once in 10,000 seeds (80 degrees)


def test_a_flip_mirrors_left_and_right_for_about_half_of_the_images(batch):
    flipped = augment(batch, ("flip",), seeded())
    mirrored = 0
    for image, result in zip(batch, flipped, strict=True):
        mirror = torch.stack([image[:, :, x] for x in range(11, -1, -1)], dim=2)
        assert torch.equal(result, image) or torch.equal(result, mirror)
        mirrored += torch.equal(result, mirror)
    assert 72 <= mirrored <= 128  # four standard deviations about 100


def test_colour_keeps_the_shape_of_brightness_and_only_scales_and_moves_it(batch):
    middle = (batch // 4) + 96  # far from 0 and 255, where nothing is cut off
    for image, result in zip(middle[:20], augment(middle, ("colour",), seeded()), strict=False):
        for channel in range(3):
            old, new = image[channel].flatten().double(), result[channel].flatten().double()
            slope = ((old - old.mean()) * (new - new.mean())).mean() / old.var(correction=0)
            assert 0.78 < slope < 1.22
            assert abs(new.mean() - old.mean()) < 10.5
            assert (new - (new.mean() + slope * (old - old.mean()))).abs().max() < 1


def test_a_deformed_ramp_moves_by_at_most_3_of_40_pixels():
    ramp = (torch.arange(40) * 6).to(torch.uint8).expand(50, 1, 40, 40).contiguous()
    moved = (augment(ramp, ("deform",), seeded()).float() - ramp.float()) / 6
    assert moved[..., 4:-4].abs().max() <= 3.1
    assert moved[..., 4:-4].abs().amax((1, 2, 3)).min() > 0.1  # and no image stays as it was


def test_deforming_an_even_image_changes_nothing():
    grey = torch.full((4, 3, 32, 32), 77, dtype=torch.uint8)
    assert torch.equal(augment(grey, ("deform",), seeded()), grey)


@pytest.mark.parametrize("step", ["crop", "flip", "colour", "deform"])
def test_the_same_generator_gives_the_same_batch_and_another_one_another(batch, step):
    again = augment(batch, (step,), seeded())
    assert torch.equal(augment(batch, (step,), seeded()), again)
    assert not torch.equal(augment(batch, (step,), seeded(1)), again)


@pytest.mark.parametrize("step", ["crop", "flip", "colour", "deform"])
def test_images_change_each_in_its_own_way_and_the_input_stays(batch, step):
    same = batch[:1].repeat(50, 1, 1, 1)
    before = same.clone()
    result = augment(same, (step,), seeded())
    assert len(result.flatten(1).unique(dim=0)) > 1
    assert torch.equal(same, before)
    assert result.dtype == torch.uint8 and result.shape == same.shape


def test_no_steps_leave_the_batch_as_it_is(batch):
    assert torch.equal(augment(batch, (), seeded()), batch)


def test_an_unknown_step_is_named_beside_the_known_ones(batch):
    with pytest.raises(ValueError, match="unknown augmentation 'mirror'.*crop, flip"):
        augment(batch, ("crop", "mirror"), seeded())


def test_one_step_as_a_bare_word_is_told_to_be_a_tuple(batch):
    with pytest.raises(ValueError, match=r"\('crop',\)"):
        augment(batch, "crop", seeded())


def test_the_mean_image_agrees_with_exact_integer_sums():
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (2503, 2, 5, 4), dtype=torch.uint8, generator=generator)
    exact = pixels.numpy().astype(int).sum(0) / 2503
    assert abs(pixel_mean(pixels).numpy() - exact).max() < 1e-4
