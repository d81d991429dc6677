# %% [markdown]
# # 11 · The reproduction at full scale
#
# **What would it take to repeat the paper's comparison as it was made, and what do the runs recorded so
# far say about its claims?**
#
# **You will**
#
# - count the paper's runs and what they cost, and estimate how long they would take on your machine;
# - start, interrupt and resume a list of runs, in small, in the same way as the large one;
# - read the ledger of claims, and find out how far its verdicts can be trusted.
#
# **Before:** notebook 05 (the weightings compared). **Time:** 40 minutes. **Paper:** section 4, all of
# its experiments.

# %%
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy import stats

from anytime import networks, paper, plots, runs
from anytime.course import checks
from anytime.experiments import estimates, ledger, lists, settings, statistics, workers
from anytime.training import CIFAR_PAPER

plots.theme()
torch.set_num_threads(1)  # small networks gain nothing from more, and results repeat better

# %% [markdown]
# ## What was run, and what was not
#
# This kit has three profiles. A profile says which networks, data and recipe each comparison takes.
#
# | profile | what for | made on |
# |---|---|---|
# | `quick` | to see every part work, in seconds | any computer |
# | `laptop` | the recorded runs of this course: small networks, short training | two processor cores |
# | `paper` | the paper's networks, data and recipe | **never run** |
#
# Nothing in this course claims a result of the `paper` profile. It is here for those who have the
# hardware. This notebook shows what it asks for.
#
# The comparison of weightings is the largest one. A **job** is one training run: data, network,
# weighting, recipe, seed. The package lists them.
#
# **What do you expect?** Twelve networks, three data sets, three seeds, six ways to weight and OPT. How
# many trainings is that?

# %%
jobs = lists.jobs("schemes", "paper")
print(f"{len(jobs)} jobs; the first:")
print(jobs[0].dataset, jobs[0].network, jobs[0].weighting, jobs[0].seed)

# %%
listed = pd.DataFrame([(job.dataset, plots.scheme_name(job.weighting)) for job in jobs])
pd.crosstab(listed[1].rename("weighting"), listed[0].rename("data"))

# %% [markdown]
# **What you should see.** Per data set, 12 networks times 3 seeds for the main weightings, and one seed
# for the two others. OPT has more, as it is a network of its own for each exit. Here it is trained
# at the quarters of the cost only. That saves trainings: an OPT for every exit of every network would be
# almost four hundred per data set and seed.
#
# ## What it costs
#
# We count multiply-adds, as everywhere in this course. A training step goes forward once and backward
# once, and backward costs about twice as much as forward: it needs the gradients of the features and
# those of the weights. So
#
# $$\text{cost} \approx 3 \cdot \text{multiply-adds of the network} \cdot \text{images} \cdot
# \text{epochs}.$$
#
# Let's do it for one run by hand.

# %%
job = next(j for j in jobs if (j.dataset, j.network) == ("cifar10", "resann-9-32"))
forward = estimates.multiply_adds(job.network)[-1]
by_hand = 3 * forward * 50_000 * job.recipe.epochs
print(f"{forward / 1e6:.0f} million multiply-adds for one image")
print(f"{by_hand:.1e} for a training of {job.recipe.epochs} epochs")
print("as the package:", np.isclose(by_hand, 3 * estimates.epoch_work(job) * job.recipe.epochs))

# %% [markdown]
# And for all. A peta is $10^{15}$.

# %%
work = pd.DataFrame(
    [(j.dataset, j.network, 3 * estimates.epoch_work(j) * j.recipe.epochs / 1e15) for j in jobs],
    columns=["data", "network", "peta"],
)
work["network"] = work["network"].str.replace(r"-to\d+$", "", regex=True)
total = work["peta"].sum()
work.groupby("data")["peta"].sum().round(0)

# %% alt="A dot for each network on a logarithmic axis: the cost of all runs of each of the paper's twelve networks, from a few hundred peta for the smallest to thirty-four thousand for the largest, ResANN(9, 128)."
by_network = work.groupby("network")["peta"].sum().sort_values()
plt.figure(figsize=(7.5, 4))
plt.plot(by_network, by_network.index, "o")
plt.xscale("log")
plt.xlabel("multiply-adds of all runs (peta)")
plt.title("The comparison of weightings, by network")
plt.show()

# %% [markdown]
# **What you should see.** One network, ResANN(9, 128), takes more than half of everything. Without it and
# the next one, a third is left.
#
# The recorded runs of the first edition of this course, for comparison:

# %%
recorded = runs.find(runs.RUNS / "first-edition")
done = sum(3e-15 * r.cost[-1] * r.config["train_images"] * len(r.history) for r in recorded)
hours = sum(run.cpu_seconds for run in recorded) / 3600
print(f"{len(recorded)} runs: {done:.2f} peta in {hours:.1f} core-hours")
print(f"the paper's comparison of weightings is {total / done:,.0f} times as much")

# %% [markdown]
# ### How long on your machine?
#
# That depends on how many multiply-adds a second it does in training. Nobody should guess it: libraries
# differ, and small networks never use all of a large GPU. So we measure: some training steps of one of
# the paper's networks, on noise, on the device that you have.


# %%
def training_speed(name, images, device, steps=3):
    """Multiply-adds per second in training, from a few steps on random images."""
    network = networks.build(name).to(device).train()
    pixels = torch.randint(256, (images, 3, 32, 32), dtype=torch.uint8, device=device)
    times = []
    for _ in range(steps + 1):
        start = time.perf_counter()
        network(pixels).logsumexp(-1).sum().backward()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 3 * estimates.multiply_adds(name)[-1] * images / min(times[1:])


# %% tags=["live"]
device = "cuda" if torch.cuda.is_available() else "cpu"
speed = training_speed("resann-9-32", 64 if device == "cuda" else 4, device)
print(f"{device}: {speed:.1e} multiply-adds per second")
print(f"for the whole comparison: {total * 1e15 / speed / 86_400:,.0f} days")
print(f"for one run of resann-9-32: {by_hand / speed / 3600:.1f} hours")

# %% alt="Lines that fall evenly on two logarithmic axes: days of computing over the multiply-adds per second of the machine, for all runs, for all but the largest network, and for one run of ResANN(9, 32)."
speeds = np.geomspace(1e10, 1e14, 50)
amounts = {
    "all runs": total,
    "without ResANN(9, 128)": total - by_network["resann-9-128"],
    "one run of ResANN(9, 32)": by_hand / 1e15,
}
for (label, peta), dash in zip(amounts.items(), plots.LINES, strict=False):
    plt.plot(speeds, peta * 1e15 / speeds / 86_400, dash, label=label)
for days, word in ((1, "a day"), (30, "a month"), (365, "a year")):
    plt.axhline(days, color="0.7", linewidth=1)
    plt.text(speeds[-1], days, f" {word}", va="center")
plt.xscale("log")
plt.yscale("log")
plt.xlabel("multiply-adds per second in training")
plt.ylabel("days of computing")
plt.legend()
plt.show()

# %% [markdown]
# **What you should see.** Find your machine's number on the horizontal axis. A single processor core
# does some $10^{10}$: at $10^{10}$ it would be busy for about 200 years, at $5 \cdot 10^{10}$ for about
# 40. One run of a middle-sized network, though, is within reach of many machines, and runs are
# independent: ten machines need a tenth of the time.
#
# The command line says the same for any list, from records and from measured steps:
#
# `python -m anytime run schemes --profile paper --dry-run`
#
# ## The recipe
#
# The laptop runs differ from the paper's in more than size. The clearest difference is the learning
# rate. The paper holds it for half of the training and then drops it three times. Ours rises and falls
# once: short trainings end better so. Here is the paper's, from its milestones.


# %%
def rate_by_hand(epoch, start=0.1, milestones=((140, 0.01), (210, 0.001), (250, 0.0002))):
    """The learning rate in an epoch: each milestone's value holds from its epoch on."""
    rate = start
    for first, value in milestones:
        if epoch >= first:
            rate = value
    return rate


epochs = np.arange(300)
np.allclose([rate_by_hand(e) for e in epochs], [CIFAR_PAPER.learning_rate(e) for e in epochs])

# %% alt="Two panels of learning rate on a logarithmic axis. The paper's is a staircase over 300 epochs with drops at 140, 210 and 250. The laptop's rises for 5 epochs to 0.1 and falls to 0 by epoch 20."
figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
recipes = {"paper": CIFAR_PAPER, "laptop": settings.LAPTOP}
for ax, (profile, recipe) in zip(axes, recipes.items(), strict=True):
    fine = np.linspace(0, recipe.epochs, 1000, endpoint=False)
    ax.plot(fine, [max(recipe.learning_rate(e), 1e-5) for e in fine])
    ax.set(title=f"profile {profile}", xlabel="epoch", yscale="log")
axes[0].set_ylabel("learning rate")
plt.show()

# %%
rows = {profile: recipe.to_dict() for profile, recipe in recipes.items()}
pd.DataFrame(rows).loc[["epochs", "batch_size", "lr", "momentum", "weight_decay", "augmentation"]]

# %% [markdown]
# `None` means: the data set's own augmentation, which is crops and flips on CIFAR.
#
# ## How a list is carried out
#
# Three ways lead from the list to the records. All of them run only what is missing.
#
# | you have | command |
# |---|---|
# | one computer | `python -m anytime run schemes --profile paper --jobs 2` |
# | several GPUs for *one* run | `torchrun --nproc-per-node 4 -m anytime train --data cifar10 --network resann-9-128 …` |
# | a SLURM cluster | `python -m anytime run schemes --profile paper --cluster slurm --cluster-options slurm_partition=gpu` |
#
# Trainings of days get interrupted. So the most important property is that nothing is lost;
# `docs/promises.md` says what is kept through which fault. We try it on a small job: it is interrupted
# after its first epoch, as if somebody had pressed Ctrl-C.

# %%
import signal

folder = Path(tempfile.mkdtemp())
(small,) = lists.jobs("final-weights", "quick")
print(small.dataset, small.network, small.weighting, small.recipe.epochs, "epochs")


def press_ctrl_c(run):
    """Called after each epoch with the record so far."""
    if len(run.history) == 1:
        signal.raise_signal(signal.SIGINT)


# %%
try:
    small.carry_out(folder, device="cpu", progress=False, after_epoch=press_ctrl_c)
except KeyboardInterrupt:
    print("interrupted")
print("in the folder:", sorted({path.suffix for path in folder.iterdir()}))
print("still missing:", len(workers.missing([small], folder)))

# %% [markdown]
# There is a record of what was done, and a checkpoint with everything needed to go on: the network, the
# optimizer, the state of AdaLoss, the place in the epoch. The same call goes on from it.
#
# **What do you expect?** Is the result that of a training that was never interrupted? Nearly, or to the
# last digit?

# %%
resumed = small.carry_out(folder, device="cpu", progress=False)
straight = small.carry_out(Path(tempfile.mkdtemp()), device="cpu", progress=False)
print("sittings:", len(resumed.sittings), "and", len(straight.sittings))
print("the same to the last digit:", resumed.history == straight.history)
print("still missing:", len(workers.missing([small], folder)))

# %% [markdown]
# To the last digit: the order of the images, the crops and the weights come from generators whose state
# is known at every step. (On a GPU, where sums are taken in any order, "nearly" is all one gets.)
#
# ## What a record says
#
# Whoever reads a result later must be able to ask where it comes from. A record answers.

# %%
(run, *_) = runs.find(
    dataset="cifar10", network="resann-4-16-stride2", weighting="adaloss", train_images=50_000
)
said = run.environment
print("data   ", run.title)
for key in ("device", "torch", "python"):
    print(f"{key:7} {said[key]}")
print("commit ", said["commit"][:8])
print(f"{run.seconds / 60:.0f} minutes, {run.cpu_seconds / 60:.0f} of them on the processor")
print("seed   ", run.config["seed"], "  finished:", run.finished)

# %% [markdown]
# ## The ledger
#
# The ledger holds nine claims, the test of each, and what came of it. They were written down before the
# runs, in `data/plan.md`. It is computed from the records each time, by `python -m anytime report`; no
# number in it was written by hand. It stands in `data/LEDGER.md` and in `data/ledger.csv`. These are the
# claims and their verdicts:

# %%
pd.options.display.max_colwidth = 100
claims = ledger.ledger()
claims[claims["verdict"] != ""][["number", "claim", "verdict"]].set_index("number")

# %% [markdown]
# **How to read it.** "Not run" says that no records speak of a claim. "Undecided" is no result against
# it: the seeds decide nothing. Beside these nine the ledger holds the same comparisons on other data, at
# other lengths and of the first edition's runs. They decide nothing either.
#
# The paper's figures carry a mark for how they are known here. Few of them are confirmed:

# %%
paper.relative_increase_table()[["weighting", "share", "shown"]]

# %% [markdown]
# ### How far can a verdict be trusted?
#
# A test compares two ways of training, some seeds of each. A common rule of thumb asks for a difference
# of more than **two standard errors**. We test that rule where the truth is known: two ways that are
# *equally good*, so that every difference is luck.
#
# **What do you expect?** With three seeds each: in how many of 100 such comparisons does the rule of thumb
# find a difference that isn't there?


# %%
def in_errors(draws):
    """Of draws (N, 2, S), how many standard errors the first mean is above the second: (N,)."""
    apart = draws[:, 0].mean(1) - draws[:, 1].mean(1)
    scatter = np.sqrt(draws.var(2, ddof=1).mean(1))
    return apart / (scatter * np.sqrt(2 / draws.shape[2]))


luck = np.random.default_rng(0).standard_normal((100_000, 2, 3))
away = np.abs(in_errors(luck))
print(f"more than 2 standard errors: {(away > 2).mean():.1%}")
print(f"in theory: {2 * stats.t.sf(2, df=4):.1%}")

# %% [markdown]
# More than one in ten. With many seeds it would be one in twenty. With three of each, the standard error
# itself is a guess from six numbers, and it is often too small. Student's $t$ knows that. Its interval
# reaches so many standard errors to both sides:

# %%
limits = {n: float(stats.t.ppf(0.975, 2 * n - 2)) for n in (3, 4, 5, 10, 30)}
print({n: round(limit, 2) for n, limit in limits.items()})
print(f"found with it: {(away > limits[3]).mean():.1%}")
p = [statistics.difference({"one": a, "other": b}, "one", "other").p for a, b in luck[:2000]]
print(f"by the package's test: {np.mean(np.array(p) < 0.05):.1%}")

# %% [markdown]
# So of twenty such comparisons about things that make no difference, one comes out all the same. That is
# why the ledger's p is corrected for the number of its claims. The other side of it: how large must a true
# difference be to be found? We measure it in standard deviations over seeds.


# %%
def share_shown(true_difference, seeds, trials=4000):
    """How often a true difference, in standard deviations, is found to be above 0."""
    draws = np.random.default_rng(1).standard_normal((trials, 2, seeds))
    draws[:, 0] += true_difference
    return np.mean(in_errors(draws) > limits[seeds])


# %% alt="Rising curves of the share of comparisons that are decided over the true difference in standard deviations: for three seeds they reach one half at about 2.2, for five at about 1.4, for ten at about 0.9."
differences = np.linspace(0, 6, 49)
for seeds, dash in zip((3, 5, 10), plots.LINES, strict=False):
    plt.plot(
        differences, [share_shown(d, seeds) for d in differences], dash, label=f"{seeds} seeds"
    )
plt.xlabel("true difference (standard deviations over seeds)")
plt.ylabel("share found")
plt.legend()
plt.show()

# %% [markdown]
# **What you should see.** With three seeds only a difference of more than two standard deviations is found
# more often than not. Smaller ones stay undecided, most of the time, although they are there. Five seeds
# find a difference about two thirds as large. Whether that is worth two more trainings of each weighting
# is for you to say.
#
# ## Your runs in the ledger
#
# Records are files. Put yours into any folder, and the ledger is made of them. Our small run alone
# decides nothing:

# %%
ledger.ledger(folder)["verdict"].value_counts()

# %% [markdown]
# What you can add, from cheap to expensive:
#
# 1. **More seeds**: the lists have three of the main weightings, and `python -m anytime run schemes`
#    carries out what has no record yet. It downloads the data that it needs.
# 2. **Another data set** with a laptop's recipe: `python -m anytime run schemes --dataset cifar100`.
# 3. **One network of the paper** with the paper's recipe, on a GPU: the job lists above, cut to it.
# 4. **All of it**, on a cluster.
#
# Then `python -m anytime report --runs my-runs --out my-ledger.csv` writes your ledger, and
# `explore.anytime_curves("my-runs")` draws your runs beside ours.
#
# ## Summary
#
# - The paper's comparison of weightings is 936 trainings and $6.4 \cdot 10^{19}$ multiply-adds in this
#   kit's lists. It was not run here. One network takes half of it.
# - What it takes on a machine is measured, not guessed: a list's `--dry-run` says so.
# - A list runs only what is missing. What was interrupted goes on, on a processor to the last digit.
# - A result is a record: configuration, seed, commit, versions, hardware, time. The ledger is computed
#   from records.
# - With three seeds each "two standard errors" is wrong more than every tenth time. Student's $t$ is wrong
#   every twentieth time, and leaves much undecided.
#
# ## Exercises
#
# **Exercise 11.1.** How many days does a training take? A step costs three times the multiply-adds of
# the network, for each image of each epoch.


# %%
def training_days(macs, images, epochs, per_second):
    """Multiply-adds of the network, images, epochs, multiply-adds per second -> days."""
    ### BEGIN SOLUTION 11.1
    return 3 * macs * images * epochs / per_second / 86_400
    ### END SOLUTION


# %%
checks.training_days(training_days)

# %% [markdown]
# **Exercise 11.2.** The rate in an epoch for any milestones. They are pairs (epoch, rate), in any order.
# Each holds from its epoch on, until a later one takes over.


# %%
def milestone_rate(epoch, start, milestones):
    """An epoch, the first rate, pairs (epoch, rate) -> the learning rate in that epoch."""
    ### BEGIN SOLUTION 11.2
    passed = [pair for pair in milestones if pair[0] <= epoch]
    return max(passed)[1] if passed else start
    ### END SOLUTION


# %%
checks.milestone_rate(milestone_rate)

# %% [markdown]
# **Exercise 11.3.** A verdict of your own. Differences, one per seed, and the limit: by how many standard
# errors the mean must differ from 0. Say "shown" where it is so far above 0, "reversed" where it is so
# far below, and "undecided" otherwise.


# %%
def own_verdict(differences, limit):
    """(S,) differences, S > 2, a limit in standard errors -> shown, reversed or undecided."""
    ### BEGIN SOLUTION 11.3
    differences = np.asarray(differences, dtype=float)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    if abs(differences.mean()) <= limit * error:
        return "undecided"
    return "shown" if differences.mean() > 0 else "reversed"
    ### END SOLUTION


# %%
checks.own_verdict(own_verdict)

# %% [markdown]
# **Think.** You have a GPU for two weeks. Should you train one network of the paper's size with three
# seeds for each weighting, or three networks with one seed each?
#
# <details><summary>An answer</summary>
#
# It depends on the question. "Does AdaLoss beat CONST on this network?" needs the seeds: one run of each
# says nothing about luck. "Does it beat CONST in general?" needs networks, as the paper takes its means
# over networks and data sets. Three networks with one seed each give three differences, too, and the
# same test can be made on them. Then the spread contains both the luck of the seeds and the difference
# between networks. That is the more honest number for a general claim, and the more demanding one.
#
# </details>
#
# **Think.** A claim is "undecided" with three seeds. You train two more, and it is "shown". Is the
# verdict as good as if you had planned five seeds from the start?
#
# <details><summary>An answer</summary>
#
# No. Whoever adds seeds until the verdict is the wished one gets it sooner or later, by luck. Decide on
# the number of seeds before, or say that you looked in between. The lists of this kit fix three seeds
# for that reason.
#
# </details>
#
# **Think.** The paper's figures are means over its networks and data sets. Ours are single rows. May the
# two be compared at all?
#
# <details><summary>An answer</summary>
#
# In sign and order, with care; in size, no. A mean over twelve networks and three data sets can be 3 %
# while single rows lie anywhere around it. That is why the ledger gives our rows one by one, each with
# its setting.
#
# </details>
#
# ## What next
#
# This is the end of the course. What you add to it is next: a seed, a data set, a weighting of your own.
# Notebook 04 shows how to write one.
