"""Jobs: named by what they train, carried out once, clear about what they don't know."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from anytime import networks, runs, weighting
from anytime.experiments import Job, workers
from anytime.runs import Run
from anytime.training import Recipe, locks, train

RECIPE = Recipe(epochs=2, batch_size=20, lr=0.05, augmentation=())
JOB = Job("fashion", "resann-1-4-stride4", "adaloss:every=1", RECIPE, train_images=40)


def carry_out(job: Job, folder, **options) -> Run:
    return job.carry_out(folder, device="cpu", progress=False, **options)


def test_a_jobs_name_is_the_same_in_every_process_and_version():
    # Recorded once: were it to change, finished runs would be trained again.
    assert JOB.name == "fashion_resann-1-4-stride4_adaloss-every-1_seed0_6675a070"
    assert Job("fashion", "resann-1-4", "const").name == "fashion_resann-1-4_const_seed0_8f849a19"


@pytest.mark.parametrize(
    "path",
    ["cifar10", "data/cifar10.tar.gz", "/elsewhere/cifar10.tgz", "~/cifar10.zip", "../cifar10"],
)
def test_a_jobs_name_does_not_depend_on_where_its_data_lie(path):
    job = Job(path, "resann-1-4", "const")
    assert job.dataset_name == "cifar10"
    assert job.name == Job("cifar10", "resann-1-4", "const").name


def test_a_dot_within_a_data_sets_name_is_kept():
    assert Job("glyphs-10-0.5", "resann-1-4", "const").dataset_name == "glyphs-10-0.5"


def test_jobs_that_differ_in_anything_have_different_names():
    others = [
        replace(JOB, dataset="glyphs"),
        replace(JOB, network="resann-1-8-stride4"),
        replace(JOB, weighting="adaloss:every=2"),
        replace(JOB, seed=1),
        replace(JOB, train_images=None),
        replace(JOB, train_images=60),
        replace(JOB, validation=10),
    ]
    assert len({job.name for job in [JOB, *others]}) == 8


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 3},
        {"batch_size": 10},
        {"lr": 0.1},
        {"schedule": "milestones"},
        {"schedule": "milestones", "milestones": ((1, 0.01),)},
        {"momentum": 0.8},
        {"weight_decay": 0.0},
        {"augmentation": ("crop",)},
        {"augmentation": None},
        {"autocast": "bfloat16"},
        {"channels_last": False},
        {"compile": True},
    ],
    ids=lambda options: " ".join(options),
)
def test_differing_recipes_get_different_names(options):
    assert replace(JOB, recipe=replace(RECIPE, **options)).name != JOB.name


def test_a_name_holds_nothing_that_a_file_name_may_not():
    job = Job("~/My data/signs (small).zip", "resann-1-4", "adaloss:gamma=0.1,extra=1")
    assert re.fullmatch(r"[\w.-]+", job.name)


def test_a_job_comes_back_from_its_text_as_it_was():
    recipe = replace(RECIPE, schedule="milestones", milestones=((1, 0.01),), augmentation=("flip",))
    job = replace(JOB, recipe=recipe)
    assert Job.from_json(job.to_json()) == job


def test_a_job_carried_out_leaves_its_record_and_no_checkpoint(tmp_path):
    run = carry_out(JOB, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [f"{JOB.name}.json"]
    record = Run.load(JOB.record_path(tmp_path))
    assert record == run and record.finished
    assert record.config["train_images"] == 40 and record.config["weighting"] == "adaloss:every=1"
    assert Recipe.from_dict(record.config["recipe"]) == RECIPE


def test_a_finished_job_is_not_repeated(tmp_path):
    path = JOB.record_path(tmp_path)
    run = carry_out(JOB, tmp_path)
    run.seconds = 7.0  # no training could give it: it has to come back untouched
    run.save(path)
    before = path.read_bytes()
    assert carry_out(JOB, tmp_path).seconds == 7.0
    assert path.read_bytes() == before


def test_a_job_that_was_cut_off_is_not_taken_for_finished(tmp_path):
    run = carry_out(JOB, tmp_path)
    run.finished, run.history = False, []
    run.save(JOB.record_path(tmp_path))
    again = carry_out(JOB, tmp_path)
    assert len(again.history) == 2 and again.finished


def test_a_job_keeps_its_network_and_says_so_in_the_record(tmp_path):
    kept = tmp_path / "networks" / "small.pt"
    carry_out(JOB, tmp_path, keep_network=kept)
    trained = Run.load(JOB.record_path(tmp_path)).trained
    assert trained["file"] == "small.pt" and trained["bytes"] == kept.stat().st_size
    network = networks.load(kept, trained["sha256"])
    assert network(torch.zeros(1, 1, 32, 32)).shape == (3, 1, 10)


def fail(*arguments):
    raise OSError("No space left on device")


def test_a_place_for_the_network_that_cannot_be_written_to_is_found_out_before_training(tmp_path):
    (tmp_path / "file").touch()
    for place in (tmp_path / "file" / "small.pt", tmp_path):
        with pytest.raises(OSError):
            carry_out(JOB, tmp_path / "runs", keep_network=place)
    assert not [*tmp_path.glob("runs/*")]


def test_a_network_that_could_not_be_stored_is_not_lost(tmp_path, monkeypatch):
    kept = tmp_path / "small.pt"
    with monkeypatch.context() as full_disk, pytest.raises(OSError):
        full_disk.setattr("anytime.training.session.save_network", fail)
        carry_out(JOB, tmp_path / "runs", keep_network=kept)
    assert Run.load(JOB.record_path(tmp_path / "runs")).finished
    run = carry_out(JOB, tmp_path / "runs", keep_network=kept)
    # Taken from the checkpoint: no epoch was trained again.
    assert len(run.sittings) == 2
    assert run.history == carry_out(JOB, tmp_path / "straight").history
    assert networks.load(kept, run.trained["sha256"]).num_exits == 3
    assert not JOB.record_path(tmp_path / "runs").with_suffix(".ckpt").exists()


def test_a_job_can_resize_the_images_of_a_folder_and_says_so(tmp_path):
    for split in ("train", "test"):
        for label, side in (("a", 20), ("b", 24)):
            folder = tmp_path / "pets" / split / label
            folder.mkdir(parents=True)
            Image.new("RGB", (side, side), label == "a" and "red" or "blue").save(folder / "0.png")
    job = Job(str(tmp_path / "pets"), "resann-1-4-stride2", "const", RECIPE)
    with pytest.raises(ValueError, match="--image-size"):
        carry_out(job, tmp_path / "runs")
    small = replace(job, image_size=16)
    assert carry_out(small, tmp_path / "runs").config["image_size"] == 16
    assert small.name != job.name


def test_a_job_with_validation_trains_on_the_rest_and_never_sees_the_test_set(tmp_path):
    run = carry_out(replace(JOB, validation=10), tmp_path)
    assert (run.config["train_images"], run.config["validation_images"]) == (30, 10)
    tenths = 10 * run.final("test_error")  # so many of ten images are wrong
    assert tenths == pytest.approx(tenths.round(), abs=1e-4)
    assert "validation_images" not in carry_out(JOB, tmp_path).config


def test_a_link_names_the_data_set_that_an_archive_holds(tmp_path):
    (tmp_path / "gtsrb.tar.gz").touch()
    (tmp_path / "gtsrb-half.tar.gz").symlink_to(tmp_path / "gtsrb.tar.gz")
    assert Job(f"{tmp_path}/gtsrb-half.tar.gz", "resann-1-4", "const").dataset_name == "gtsrb-half"


def test_a_network_that_was_not_kept_is_missed_with_what_to_do(tmp_path):
    carry_out(JOB, tmp_path)
    with pytest.raises(ValueError, match=r"\.json is finished and its network .* remove it"):
        carry_out(JOB, tmp_path, keep_network=tmp_path / "small.pt")


def test_carrying_out_a_job_twice_anew_gives_the_same_history(tmp_path):
    one, other = (carry_out(JOB, tmp_path / name) for name in ("one", "other"))
    assert one.history == other.history
    assert carry_out(replace(JOB, seed=1), tmp_path).history != one.history


@pytest.mark.parametrize(
    "change, message",
    [
        ({"dataset": "fashoin"}, "unknown data set 'fashoin'; there are fashion, glyphs"),
        ({"dataset": "gone.tar.gz"}, "gone.tar.gz"),
        ({"network": "resnet-18"}, "unknown network 'resnet-18'; a ResANN is named resann-N-C"),
        ({"network": "resann-1-4-to9"}, "exit must be between 1 and 3, not 9"),
        ({"weighting": "adalos"}, "unknown weighting 'adalos'; there are const"),
        ({"weighting": "adaloss:gama=0.1"}, "'adaloss:gama=0.1'.*gama"),
        ({"train_images": 10**6}, "1000000 images asked for; there are 6000"),
    ],
)
def test_what_a_job_does_not_know_is_named_and_nothing_is_written(tmp_path, change, message):
    with pytest.raises((ValueError, OSError), match=message):
        carry_out(replace(JOB, **change), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("network", "weighting"),
    [
        ("resann-1-4-stride2", "adaloss:gamma=0.07"),
        ("resann-1.1.1-4-stride2", "adaloss:every=100,gamma=7e-2"),
        ("resann-01-4-stride2-cifar", "adaloss:"),
    ],
)
def test_every_spelling_of_a_job_is_one_job(network, weighting):
    plain = Job("fashion", "resann-1-4-stride2", "adaloss")
    assert Job("fashion", network, weighting).name == plain.name


def test_opt_of_the_last_exit_is_opt_however_it_is_spelled():
    plain = Job("fashion", "resann-1-4-to2", "opt")
    assert Job("fashion", "resann-1-4-to2", "opt:exit=2").name == plain.name
    assert Job("fashion", "resann-1-4-to2", "opt:exit=1").name != plain.name


def test_the_data_sets_own_augmentation_is_the_same_spelled_out():
    plain = Job("fashion", "resann-1-4", "const")
    spelled = replace(plain, recipe=Recipe(augmentation=("crop", "flip")))
    assert spelled.name == plain.name
    assert replace(plain, recipe=Recipe(augmentation=("crop",))).name != plain.name


def test_glyphs_have_one_name():
    names = {Job(data, "resann-1-4", "const").name for data in ("glyphs", "glyphs-10-0.50")}
    assert names == {Job("glyphs-10-0.5", "resann-1-4", "const").name}


def square(folder, value: int) -> str:
    """A folder of two classes, the second of which has this grey."""
    for split in ("train", "test"):
        for label, grey in (("a", 0), ("b", value)):
            for number in range(4):
                file = folder / split / label / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.full((8, 8, 3), grey + number, np.uint8)).save(file)
    return str(folder)


def on(folder) -> Job:
    return Job(str(folder), "resann-1-4-stride2", "const", Recipe(epochs=1, batch_size=4))


def test_other_data_under_one_name_get_a_record_of_their_own(tmp_path, capsys):
    one = on(square(tmp_path / "one" / "pets", 100))
    two = on(square(tmp_path / "two" / "pets", 200))
    assert one.name == two.name
    first = carry_out(one, tmp_path / "runs")
    second = carry_out(two, tmp_path / "runs")
    assert first.config["fingerprint"] != second.config["fingerprint"]
    assert first.path.name == f"{one.name}.json"
    assert second.path.name == f"{one.name}_{second.config['fingerprint'][:8]}.json"
    assert {run.path for run in runs.find(tmp_path / "runs")} == {first.path, second.path}

    # Each is known again, and said to be.
    assert "not trained again" not in capsys.readouterr().out
    for job, run in ((one, first), (two, second)):
        assert carry_out(job, tmp_path / "runs").path == run.path
        assert f"already finished on the same images, not trained again: {run.path}" in (
            capsys.readouterr().out
        )
    assert workers.missing([one], tmp_path / "runs") == []
    assert workers.missing([two], tmp_path / "runs") == []


def test_data_that_changed_since_the_last_look_are_missing(tmp_path):
    folder = tmp_path / "pets"
    job = on(square(folder, 100))
    carry_out(job, tmp_path / "runs")
    assert workers.missing([job], tmp_path / "runs") == []
    square(folder, 200)
    assert workers.missing([job], tmp_path / "runs") == [job]


def test_labels_that_were_swapped_are_other_data(tmp_path):
    folder = tmp_path / "pets"
    first = carry_out(on(square(folder, 200)), tmp_path / "runs")
    for split in ("train", "test"):
        (folder / split / "a").rename(folder / split / "c")
        (folder / split / "b").rename(folder / split / "a")
        (folder / split / "c").rename(folder / split / "b")
    assert carry_out(on(folder), tmp_path / "runs").path != first.path


def test_a_run_that_was_cut_off_does_not_go_on_with_other_data(tmp_path):
    folder = tmp_path / "pets"
    job = replace(on(square(folder, 100)), recipe=Recipe(epochs=3, batch_size=4))
    with pytest.raises(OSError):
        carry_out(job, tmp_path / "runs", after_epoch=lambda run: run.epochs < 2 or fail())
    assert (tmp_path / "runs" / f"{job.name}.ckpt").exists()

    square(folder, 200)
    other = carry_out(job, tmp_path / "runs")
    assert other.path.name != f"{job.name}.json" and len(other.sittings) == 1
    # What was begun on the first images can still be ended on them.
    square(folder, 100)
    ended = carry_out(job, tmp_path / "runs")
    assert ended.path.name == f"{job.name}.json" and len(ended.sittings) == 2


def test_a_record_under_another_job_s_name_is_not_taken_for_it(tmp_path):
    run = carry_out(JOB, tmp_path)
    run.save(replace(JOB, seed=9).record_path(tmp_path))
    with pytest.raises(ValueError, match="the record of another run .seed: 0, not 9.; move it"):
        carry_out(replace(JOB, seed=9), tmp_path)


def test_a_file_that_is_another_network_is_not_taken_for_the_kept_one(tmp_path):
    kept = tmp_path / "small.pt"
    carry_out(JOB, tmp_path, keep_network=kept)
    carry_out(JOB, tmp_path, keep_network=kept)  # is there
    kept.write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"small\.pt is not the network of"):
        carry_out(JOB, tmp_path, keep_network=kept)


def test_a_finished_record_stays_until_there_is_another_finished_one(tmp_path):
    path = JOB.record_path(tmp_path)
    carry_out(JOB, tmp_path)
    before = path.read_bytes()
    data, seen = JOB.load(), []
    network = networks.build(JOB.network, 10, 1, seed=0)
    train(
        network,
        weighting.build(JOB.weighting, 3),
        data,
        replace(RECIPE, epochs=3),
        record=path,
        progress=False,
        after_epoch=lambda run: seen.append(path.read_bytes() == before),
    )
    assert seen == [True, True, False]
    assert len(Run.load(path).history) == 3


def test_what_another_process_has_finished_in_between_is_not_trained_again(tmp_path, monkeypatch):
    def late(*files):
        monkeypatch.undo()  # the other process is done when this one gets the lock
        carry_out(JOB, tmp_path)
        written.append(JOB.record_path(tmp_path).read_bytes())
        return locks.held(*files)

    written = []
    monkeypatch.setattr(locks, "held", late)
    run = carry_out(JOB, tmp_path)
    assert run.finished and run.path == JOB.record_path(tmp_path)
    assert [run.path.read_bytes()] == written
