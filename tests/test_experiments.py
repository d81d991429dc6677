"""The lists of jobs against the paper's facts, and what they are said to cost."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from anytime import datasets, metrics, networks, runs
from anytime.datasets import catalogue
from anytime.experiments import Job, estimates, settings
from anytime.experiments import lists as experiments
from anytime.experiments.estimates import estimate
from anytime.experiments.lists import EXPERIMENTS, PROFILES, jobs
from anytime.experiments.skeletons import skeleton
from anytime.names import IDENTITY
from anytime.networks import cost
from anytime.paths import DATA
from anytime.processes import best_device
from anytime.runs import Run
from anytime.training import Recipe
from anytime.training.provenance import environment

QUICK = "resann-1-4-stride2"
NET = "resann-4-16-stride2"
GRID = {f"resann-{n}-{c}" for n in (7, 9, 13, 17) for c in (16, 32)}
GRID |= {"resann-25-16-s3", "resann-25-32-s3", "resann-9-64", "resann-9-128"}


LAPTOP = [*EXPERIMENTS][:7]  # those of the plan, in its order
TOTALS = {1: "", 3: ":total=3", 12: ":total=12"}
FOUR = {"const", "adaloss", "linear", "opt"}


@pytest.fixture(autouse=True)
def sizes(monkeypatch):
    """What the lists ask of data that are not there: how many images there are."""
    known = {"cifar10-59904": 49_925, "imagenette-64": 9_469}
    count = estimates.training_images
    monkeypatch.setattr(
        settings, "training_images", lambda name, size=None: known.get(name) or count(name, size)
    )


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_no_two_jobs_of_a_list_share_a_record(experiment, profile):
    listed = jobs(experiment, profile)
    assert len({job.name for job in listed}) == len(listed) > 0


def test_data_sets_that_differ_after_a_point_do_not_share_a_record():
    names = {Job(f"glyphs-10-{clutter}", QUICK, "const").name for clutter in ("0", "0.5", "0.25")}
    assert len(names) == 3


@pytest.mark.parametrize("path", ["/a/cifar10.tar.gz", "b/cifar10.zip", "cifar10", "c/cifar10/"])
def test_a_path_and_a_name_of_the_same_data_share_a_record(path):
    assert Job(path, QUICK, "const").name == Job("cifar10", QUICK, "const").name


def test_a_job_survives_the_way_through_text():
    job = Job("x.tar", QUICK, "opt:exit=2", Recipe(3, augmentation=("flip",)), 5, 70)
    assert Job.from_json(job.to_json()) == job


@pytest.mark.parametrize("classes, channels", [(10, 1), (43, 3), (100, 3)])
@pytest.mark.parametrize("profile", ["quick", "laptop"])
def test_opt_is_trained_for_the_exits_that_the_measure_asks_for(profile, classes, channels):
    listed = jobs("schemes", profile, ["anything"])
    name = next(job.network for job in listed if job.weighting == "const")
    macs = cost.multiply_adds(networks.build(name, classes, channels), (channels, 32, 32))
    exits = {metrics.exit_nearest(macs, share) + 1 for share in (0.25, 0.5, 0.75, 1)}
    wanted = {name if k == len(macs) else f"{name}-to{k}" for k in exits}
    assert {job.network for job in listed if job.weighting == "opt"} == wanted


def test_the_paper_compares_its_networks_on_its_data_with_three_seeds():
    listed = jobs("schemes", "paper")
    for scheme in ("const", "linear", "adaloss"):
        done = {(j.dataset, j.network, j.seed) for j in listed if j.weighting == scheme}
        datasets, seeds = ("svhn", "cifar10", "cifar100"), (0, 1, 2)
        assert done == {(d, n, s) for d in datasets for n in GRID for s in seeds}
    assert all(job.train_images is None for job in listed)


def test_the_paper_has_an_opt_network_near_every_quarter_of_the_cost():
    listed = jobs("schemes", "paper", ["cifar10"])
    opt = {job.network for job in listed if job.weighting == "opt"}
    for name in sorted(GRID - {"resann-9-64", "resann-9-128"}):
        # All units cost nearly the same, so exit k of K costs about k / K.
        exits = int(name.split("-")[1]) * 3 // (3 if name.endswith("s3") else 1)
        cuts = [int(n.removeprefix(f"{name}-to")) for n in opt if n.startswith(f"{name}-to")]
        assert [round(4 * k / exits, 1) for k in sorted(cuts)] == pytest.approx([1, 2, 3], abs=0.2)
        assert name in opt


@pytest.mark.parametrize(
    "dataset, epochs, rates",
    [
        ("cifar10", 300, {0: 0.1, 139: 0.1, 140: 0.01, 210: 0.001, 250: 0.0002, 299: 0.0002}),
        ("cifar100", 300, {0: 0.1, 139: 0.1, 140: 0.01, 210: 0.001, 250: 0.0002, 299: 0.0002}),
        ("svhn", 60, {0: 0.1, 14: 0.1, 15: 0.01, 30: 0.001, 45: 0.0002, 59: 0.0002}),
    ],
)
@pytest.mark.parametrize("experiment", ["small-beats-large", "final-weights"])
def test_the_paper_s_recipe_is_the_authors(experiment, dataset, epochs, rates):
    for job in jobs(experiment, "paper", [dataset]):
        recipe = job.recipe
        assert (recipe.epochs, recipe.batch_size, recipe.momentum) == (epochs, 64, 0.9)
        assert recipe.weight_decay == 2e-4
        assert recipe.augmentation is None  # the data set's own
        assert {epoch: recipe.learning_rate(epoch) for epoch in rates} == rates


def kinds(listed, *fields):
    """What the jobs differ in, but for their seeds, and the seeds of each kind."""
    found = {}
    for job in listed:
        values = {"epochs": job.recipe.epochs, "batch": job.recipe.batch_size} | vars(job)
        found.setdefault(tuple(values[field] for field in fields), []).append(job.seed)
    return found


def test_final_weights_are_compared_on_equally_many_images_as_they_are():
    few = [job for job in jobs("final-weights") if job.train_images]
    assert len({(job.network, job.recipe, job.train_images) for job in few}) == 1
    assert few[0].train_images == 5_000 and few[0].recipe.augmentation == ("crop",)
    found = kinds(few, "dataset", "weighting")
    both = ("svhn-10k", "cifar10-59904", "cifar100", "cifar100-10a", "cifar100-10b")
    wanted = {(name, w): [0, 1, 2, 3, 4] for name in both for w in ("adaloss", "adaloss:gamma=0")}
    others = ("gtsrb-half", "glyphs-10-0", "glyphs-10-0.5", "glyphs-10-1", "glyphs-40-0.5")
    assert found == wanted | {(name, "adaloss"): [0, 1, 2] for name in others}


def test_the_paper_s_three_data_sets_are_also_trained_on_whole():
    whole = [job for job in jobs("final-weights") if not job.train_images]
    assert kinds(whole, "dataset", "epochs") == {
        ("svhn-10k", 20): [0],
        ("cifar10-59904", 20): [0],
        ("cifar100", 20): [0],
    }
    # one and the same run as in the comparison of weightings
    assert {job for job in whole if job.dataset == "cifar100"} < {*jobs("schemes")}


def test_totals_are_chosen_on_images_set_aside():
    listed = jobs("totals")
    share = {"cifar100": 5_000, "cifar10-59904": 4_992, "gtsrb-half": 1_960}
    assert {(job.dataset, job.validation) for job in listed} == {*share.items()}
    for dataset in share:
        opt = {(j.network, j.weighting) for j in listed if j.dataset == dataset and "opt" in j.name}
        cuts = {f"resann-4-16-stride2{cut}" for cut in ("", "-to3", "-to6", "-to9")}
        assert opt == {(n, w) for n in cuts for w in ("opt", "opt:total=3", "opt:total=12")}
    others = {(job.dataset, job.weighting) for job in listed if "opt" not in job.weighting}
    schemes = {s + total for s in FOUR - {"opt"} for total in ("", ":total=2")}
    assert others == {("cifar100", scheme) for scheme in schemes}


def test_weightings_are_compared_on_cifar100_at_two_lengths_and_with_what_is_confounded():
    listed = jobs("schemes", "laptop", ["cifar100"])
    assert {job.network for job in listed if "opt" not in job.weighting} == {NET}
    found = kinds([job for job in listed if job.network == NET], "epochs", "batch", "weighting")
    wanted = {(epochs, 64, scheme) for epochs in (60, 20) for scheme in FOUR}
    wanted |= {(20, 64, f"{scheme}:total=10") for scheme in ("const", "linear")}
    # the authors': larger batches, and a sum of log2 12
    wanted |= {(20, 128, "const"), (20, 128, "opt"), (20, 64, "linear:total=3.585")}
    assert found == {kind: [0, 1, 2, 3, 4] for kind in wanted}
    cuts = kinds([job for job in listed if job.network != NET], "network", "epochs", "weighting")
    assert cuts == {(f"{NET}-to{cut}", 60, "opt"): [0, 1, 2] for cut in (3, 6, 9)}


@pytest.mark.parametrize("dataset", ["cifar10-59904", "gtsrb-half", "/some/folder"])
def test_weightings_are_compared_with_three_seeds_elsewhere(dataset):
    found = kinds(jobs("schemes", "laptop", [dataset]), "network", "epochs", "weighting")
    cuts = {(f"{NET}-to{cut}", 20, "opt"): [0] for cut in (3, 6, 9)}
    assert found == {(NET, 20, scheme): [0, 1, 2] for scheme in FOUR} | cuts


def test_opt_s_chosen_total_is_that_of_a_data_set_and_a_network(monkeypatch):
    monkeypatch.setattr(experiments, "OPT_TOTALS", {("cifar100", f"{NET}-to3"): 12})
    opt = {j for j in jobs("schemes") if j.weighting.startswith("opt") and j.network.endswith("3")}
    found = {(job.dataset, job.weighting) for job in opt}
    assert found == {
        ("cifar100", "opt:total=12"),
        ("cifar10-59904", "opt"),
        ("gtsrb-half", "opt"),
    }


def test_what_a_comparison_needs_of_another_is_the_same_job():
    main, small = {*jobs("schemes")}, jobs("small-beats-large")
    shared = {job for job in small if job.network == NET}
    assert shared < main and {job.seed for job in shared} == {0, 1, 2}
    assert {job.network for job in small} == {f"resann-{n}-16-stride2" for n in (1, 2, 4, 8)}


def test_depth_and_length_are_the_four_on_cifar100():
    pair = "resann-9-8-stride2", "resann-9-8-stride2-s3"
    found = kinds(jobs("depth"), "network", "weighting")
    assert found == {(network, scheme): [0, 1, 2] for network in pair for scheme in FOUR}
    assert [skeleton(network).num_exits for network in pair] == [27, 9]
    long = {(180, scheme): [0] for scheme in FOUR}
    middle = {(60, scheme): [0, 1, 2] for scheme in ("adaloss:extra=1", "half-end")}
    assert kinds(jobs("length"), "epochs", "weighting") == long | middle


def test_the_chain_of_bottleneck_networks_has_its_controls():
    listed = jobs("chain")
    assert {(job.dataset, job.image_size, job.seed) for job in listed} == {("imagenette-64", 64, 0)}
    small, large = (cost.multiply_adds(skeleton(n), (3, 64, 64))[-1] for n in settings.BOTTLENECKS)
    assert large > 3 * small
    schemes = ("adaloss", "const", "opt")
    pairs = {(network, scheme) for network in settings.BOTTLENECKS for scheme in schemes}
    assert {(job.network, job.weighting) for job in listed} == pairs


@pytest.mark.parametrize("experiment", LAPTOP)
def test_the_plan_s_runs_are_compiled_at_batch_64_but_for_the_authors(experiment):
    assert {job.recipe.compile for job in jobs(experiment)} == {True}
    batches = {job.recipe.batch_size for job in jobs(experiment)}
    assert batches == ({64, 128} if experiment == "schemes" else {64})


def test_signs_characters_and_unknown_data_are_never_mirrored_on_the_laptop():
    data = ["gtsrb-half", "glyphs-10-0.5", "/some/folder"]
    for experiment in EXPERIMENTS:
        for job in jobs(experiment, "laptop", data, train_images=100):
            assert set(job.recipe.augmentation) <= {"crop"}


def test_totals_look_at_images_set_aside_and_no_results_do():
    for experiment in EXPERIMENTS:
        for job in jobs(experiment, "laptop", ["gtsrb-half"]):
            aside = {"totals": 1_960, "networks": 1_000}
            assert job.validation == aside.get(experiment, 0)


def test_a_list_goes_seed_by_seed():
    seeds = [job.seed for job in jobs("small-beats-large", "laptop")]
    assert seeds == sorted(seeds) and set(seeds) == {0, 1, 2}


def test_a_known_data_set_keeps_its_recipe_when_it_is_given_as_a_path():
    by_name, by_path = (jobs("schemes", "laptop", [d]) for d in ("cifar10", "/x/cifar10.tar.gz"))
    assert [job.name for job in by_name] == [job.name for job in by_path]
    assert by_path[0].dataset == "/x/cifar10.tar.gz"


def test_archives_in_the_data_folder_are_used_where_there_are_any(tmp_path):
    (tmp_path / "gtsrb.tar.gz").touch()
    listed = jobs("final-weights", "laptop", ["gtsrb", "cifar10"], tmp_path)
    assert {job.dataset for job in listed} == {str(tmp_path / "gtsrb.tar.gz"), "cifar10"}


def test_files_of_arrays_in_the_data_folder_are_used_where_there_is_no_archive(tmp_path):
    for name in ("gtsrb.npz", "cifar10.npz", "cifar10.tar.gz"):
        (tmp_path / name).touch()
    listed = jobs("final-weights", "laptop", ["gtsrb", "cifar10", "svhn-10k"], tmp_path)
    files = {str(tmp_path / "gtsrb.npz"), str(tmp_path / "cifar10.tar.gz")}
    assert {job.dataset for job in listed} == files | {"svhn-10k"}


def test_the_number_of_training_images_can_be_given():
    assert {job.train_images for job in jobs("schemes", "quick", train_images=50)} == {50}


@pytest.mark.parametrize(
    "experiment, images, aside",
    [("totals", 3_000, 300), ("networks", 3_000, 500), ("totals", 5, 1), ("networks", 5, 1)],
)
def test_what_is_set_aside_is_a_part_of_the_given_training_images(experiment, images, aside):
    listed = jobs(experiment, train_images=images)
    assert {(job.train_images, job.validation) for job in listed} == {(images, aside)}


@pytest.mark.parametrize("experiment", LAPTOP)
def test_every_comparison_takes_the_given_number_of_training_images(experiment):
    assert {job.train_images for job in jobs(experiment, train_images=700)} == {700}


def test_an_unknown_experiment_or_profile_is_answered_with_the_choices():
    with pytest.raises(
        ValueError, match="final-weights, totals, schemes, small-beats-large, depth, chain, length"
    ):
        jobs("scheme")
    with pytest.raises(ValueError, match="quick, laptop, paper"):
        jobs("schemes", "fast")


JOB = Job("fashion", QUICK, "const", Recipe(80, 64), train_images=128)


def record(folder, name="run", seconds=3600.0, device=None, images=128, epochs=60) -> None:
    """A finished run of a network of 1,000 multiply-adds."""
    device = device or environment(torch.device(best_device()))["device"]
    config = {"dataset": "fashion", "network": "", "weighting": "const", "seed": 0, "recipe": {}}
    run = Run(config | {"train_images": images}, [300, 1000], finished=True)
    run.sittings, run.seconds, run.cpu_seconds = [{"device": device}], seconds, seconds
    tested = {"test_error": [0.5, 0.4]}
    run.history = [{"epoch": epoch, **tested} for epoch in range(1, epochs + 1)]
    run.save(folder / f"{name}.json")


def pictures(folder, train=5, size=8):
    """A folder of two classes with so many training images each, and one of another size."""
    for split, number in (("train", train), ("test", 1)):
        for label in "ab":
            (folder / split / label).mkdir(parents=True)
            for index in range(number):
                shape = (size + (index == 1),) * 2
                Image.new("RGB", shape).save(folder / split / label / f"{index}.png")
    return str(folder)


NAMES = [*(f"{QUICK}-to{cut}" for cut in (1, 2, 3)), f"{QUICK}+resann-2-4-stride2-to2"]
NAMES += ["resann-1-8-preact-s2", "resann-01-4-stride2-cifar-to2"]


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_weights_has_the_name_the_exits_and_the_cost_of_a_real_one(name):
    real, before = networks.build(name), torch.get_rng_state()
    bare = skeleton.__wrapped__(name)
    assert torch.equal(torch.get_rng_state(), before)  # no weights were drawn
    assert (bare.name, bare.num_exits) == (real.name, real.num_exits)
    assert estimates.multiply_adds(name).tolist() == cost.multiply_adds(real).tolist()


def test_a_job_takes_the_pace_of_finished_runs_times_its_work(tmp_path):
    record(tmp_path, "one", seconds=100.0)
    record(tmp_path, "other", seconds=500.0, images=384)
    table, amiss = estimate([JOB, replace(JOB, validation=28)], [tmp_path])
    each = 600 / (1000 * 60 * (128 + 384))  # seconds
    whole = cost.multiply_adds(networks.build(QUICK))[-1]
    assert table.minutes.tolist() == pytest.approx([each * whole * n * 80 / 60 for n in (128, 100)])
    assert amiss == []


def test_the_pace_of_another_device_does_not_count(tmp_path):
    record(tmp_path, device="an abacus", seconds=1e15)
    table, _ = estimate([JOB], [tmp_path])
    assert 0 < table.minutes[0] < 24 * 60


def test_without_a_record_the_pace_is_measured():
    once, twice = JOB, replace(JOB, recipe=replace(JOB.recipe, epochs=160))
    table, _ = estimate([once, twice], [])
    assert table.minutes[1] == pytest.approx(2 * table.minutes[0]) and table.minutes[0] > 0


def test_every_data_set_known_by_name_is_counted_without_reading_it():
    assert None not in {catalogue.find(name) for name in datasets.names()}
    for name in ("fashion", "glyphs"):
        assert estimates.training_images(name) == len(datasets.load(name).train)
    assert estimates.training_images("glyphs-20-0.8") == estimates.training_images("glyphs")


@pytest.mark.parametrize("path", ["./fashion", "/x/cifar10.tar.gz", "fashion/", "glyphs-mine"])
def test_a_path_s_images_are_not_known_by_its_name(path):
    assert catalogue.find(path) is None


def test_the_images_of_a_folder_are_counted_by_reading_them(tmp_path):
    folder = pictures(tmp_path / "cifar10")
    job = Job(folder, QUICK, "const", Recipe(2, 4), image_size=8)
    whole_cost = float(cost.multiply_adds(networks.build(QUICK))[-1])
    assert estimates.epoch_work(job) == 10 * whole_cost / 16  # counted for 32x32 pixels
    assert {job.validation for job in jobs("totals", datasets=[folder], image_size=8)} == {1}


def test_data_that_cannot_be_read_are_named_and_nothing_is_downloaded(tmp_path, monkeypatch):
    downloads = tmp_path / "downloads"
    monkeypatch.setenv("ANYTIME_DOWNLOADS", str(downloads))
    mixed = pictures(tmp_path / "mixed")
    listed = [replace(JOB, dataset=d) for d in ("gtsrb-half", "fashion", "nowhere.tar", mixed)]
    table, amiss = estimate([*listed, *listed], [tmp_path])
    assert table.dataset.tolist() == 2 * ["gtsrb-half", "fashion", "nowhere", "mixed"]
    assert table.minutes.isna().tolist() == 2 * [False, False, True, True]
    assert len(amiss) == 2 and "nowhere.tar" in amiss[0] and "--image-size" in amiss[1]
    assert not downloads.exists()


def test_an_image_size_is_that_of_every_job_and_no_named_set_takes_one(tmp_path):
    listed = jobs("chain", "quick", ["fashion"], image_size=16)
    assert {job.image_size for job in listed} == {16}
    _, amiss = estimate(listed, [])
    assert "fashion has its size" in amiss[0]


def test_every_profile_says_its_settings_and_networks_for_every_experiment():
    assert set(settings.SETTINGS) == set(settings.UNKNOWN) == set(settings.SEEDS) == set(PROFILES)
    assert set(experiments.NETWORKS) == set(experiments.LAPTOP_DATA) == set(EXPERIMENTS)
    assert {len(row) for row in experiments.NETWORKS.values()} == {len(PROFILES)}


def test_larger_images_cost_as_many_times_more_as_they_have_pixels():
    larger = replace(JOB, image_size=64)
    assert estimates.epoch_work(larger) == 4 * estimates.epoch_work(JOB)


def test_the_totals_that_are_trained_with_are_those_that_the_plan_s_rule_chooses():
    wanted = {(job.dataset_name, job.network, job.weighting) for job in jobs("totals")}
    found = runs.find(DATA / "totals")
    by = {tuple(run.config[key] for key in IDENTITY[:3]): run for run in found}
    if not wanted <= by.keys():
        pytest.skip("the list of totals has not been carried out as a whole")

    last = {key: float(run.final("test_error")[-1]) for key, run in by.items()}
    chosen = {}
    for dataset, network in {(job.dataset_name, job.network) for job in jobs("totals")}:
        three = {total: last[dataset, network, f"opt{text}"] for total, text in TOTALS.items()}
        best = min(three, key=three.__getitem__)
        if three[1] - three[best] >= 0.006:  # the smallest difference that matters
            chosen[dataset, network] = best
    assert chosen == experiments.OPT_TOTALS
    sums = by["cifar100", NET, "adaloss"].values("weights").sum(axis=1)
    assert round(float(sums.mean()), 1) == experiments.MEAN_TOTAL
