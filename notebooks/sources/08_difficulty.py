# %% [markdown]
# # 08 · Data-set difficulty and the final weights
#
# **What do the weights that AdaLoss ends with say about a data set?**
#
# **You will**
#
# - read the final weights of one network that was trained alike on easy and on hard data;
# - compare data sets in three ways: at the end, over the training time, and at the same fit;
# - predict the weights from the training losses alone, and so find out what they measure.
#
# **Before:** notebook 03 (AdaLoss, and its last section). **Time:** 40 minutes.
# **Paper:** section 4, figure 5c.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from anytime import explore, metrics, paper, plots, runs, theory
from anytime.course import checks
from anytime.datasets import catalogue
from anytime.experiments import ledger, statistics

plots.theme()
pd.set_option("display.max_colwidth", None)  # no table cuts its words

# %% [markdown]
# ## The claim
#
# AdaLoss chooses its weights by itself. So after training one can look at them, and ask what they
# tell. The paper does that for one network on three data sets:

# %%
print(paper.FACTS["difficulty"])

# %% [markdown]
# The paper's reading: on easy data the early predictions can be good, so effort goes there. On hard
# data only the late layers can do the work, so the weight is there. If that holds, the final weights
# tell how deep a network the data need. One training run would help to design the next network.
#
# That is worth checking. This notebook does it with one small network, on other data.
#
# ## See for yourself
#
# A small picture for each data set, the easiest first. The bars are the weights of the exits less the
# floor $\gamma$, which AdaLoss gives every exit; the triangle is their mean position. Choose data sets,
# move the epoch, or compare *at equal fit*: each set at the epoch at which its training loss had come
# to the same value. Its picture at the start:

# %% alt="Small bar charts of AdaLoss's weights above the floor over twelve exits, one for each data set, on equal axes; the last quarter of the exits is marked, and a triangle shows the mean position."
explorer = explore.final_weights()
explorer.figure()

# %% tags=["widget"]
explorer

# %% [markdown]
# What you see there depends on the epoch and on what is held equal. The rest of this notebook finds out
# why.
#
# ## One number for a row of weights
#
# "Concentrate on the final layers" has to become a number. We use two:
#
# - the **mean position**: give the first exit position 0, the last exit position 1, and the others
#   even steps between. Then take the mean of the positions, each counted by its weight;
# - the **last quarter**: the share of the total weight that lies on the last quarter of the exits.
#
# Equal weights have a mean position of 0.5 and 0.25 of their total on the last quarter.
#
# **What do you expect?** Which of these four rows has the largest mean position, which the
# largest last quarter?

# %%
rows = {
    "CONST": np.ones(12),
    "LINEAR": np.linspace(0.25, 1, 12),
    "HALF-END": np.append(np.full(11, 1 / 11), 1.0),
    "last exit only": np.eye(12)[-1],
}
table = {name: metrics.concentration(weights) for name, weights in rows.items()}
pd.DataFrame(table, index=["last quarter", "mean position"]).T.round(2)

# %% [markdown]
# **What you should see.** The order is the same by both numbers. HALF-END has its mean position at
# three quarters: half of its weight is at 1, the other half around 0.45.

# %% [markdown]
# ## What could difficulty do to the weights?
#
# Before we look at any run, think it through. AdaLoss sees nothing but training losses:
#
# $$B_i \approx \gamma + (1 - \gamma) \, \frac{\ell_{\min}}{\ell_i}, \qquad \gamma = 0.07 .$$
#
# So difficulty can only work through the losses. Here are made-up losses of six exits: on an easy
# and on a hard data set, after little training and after a lot of it.
#
# - **After little training** the easy losses have begun to fall, most at the last exits. The hard
#   ones are still near their start.
# - **After a lot of training** nearly every exit has learned the easy images by heart. Of the hard
#   ones only the last exits have.
#
# **What do you expect?** On which data do the weights lie later, after little training? And after a
# lot?

# %%
little = {
    "easy data": [2.0, 1.4, 0.9, 0.6, 0.45, 0.4],
    "hard data": [2.2, 2.1, 2.05, 2.0, 1.95, 1.95],
}
much = {
    "easy data": [0.5, 0.02, 0.002, 0.001, 0.001, 0.001],
    "hard data": [1.8, 1.5, 0.9, 0.3, 0.03, 0.002],
}

# %% alt="Two bar charts of weights over six exits for made-up losses. After little training the weights on easy data rise from left to right and those on hard data are nearly level. After a lot of training the weights on easy data are high from exit 3 on, those on hard data only at exit 6."
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True)
for ax, (title, losses) in zip(axes, (("little", little), ("a lot of", much)), strict=True):
    weights = [theory.adaloss_weights(row, gamma=0.07) for row in losses.values()]
    plots.draw_weights(ax, weights, list(losses))
    ax.set_title(f"{title.capitalize()} training (made up)")
axes[0].get_legend().remove()
axes[1].set_ylabel("")
plt.show()

# %%
for when, losses in (("little", little), ("a lot of", much)):
    places = [
        metrics.concentration(theory.adaloss_weights(row)).mean_position for row in losses.values()
    ]
    print(f"after {when} training: easy {places[0]:.2f}, hard {places[1]:.2f}")

# %% [markdown]
# **What you should see.** The order turns round. After little training the weights on the *easy*
# data lie later. After a lot of training those on the *hard* data do. Both follow from one formula.
#
# These losses are made up, so this proves nothing about real data. But it is a warning: **the same
# two data sets could give the paper's order or the opposite one, depending on how long one trains.**
# So we will not look at the end only.
#
# ## The runs
#
# To see the effect of the data, everything else must be equal. The protocol:
#
# - **one network**: `resann-4-16-stride2`, twelve residual units, an exit after each;
# - **the same number of images**: 5,000 of each training set, so that no set is learned longer;
# - **one recipe**: 60 epochs, one learning-rate cycle, no augmentation. With few images, seen often
#   enough, such a network can come near to learning them by heart. The paper's can, too;
# - **one weighting**: AdaLoss with $\gamma = 0.07$, $\rho = 0.9$, $T = 100$, $e = 0$;
# - several seeds where there are several. Test images chose nothing.
#
# The data come in two families. In the first there are three sets of **photographs**, from easy to
# hard: GTSRB (every second frame), CIFAR-10 (JPEG copy), Tiny-ImageNet (every second class). They
# stand in the place of the paper's SVHN, CIFAR-10 and CIFAR-100 and are not the same. They differ
# from each other in many ways at once.
#
# Therefore the second family: **characters** that a program draws, `glyphs-CLASSES-CLUTTER`. The
# number of classes and the clutter can be turned like knobs, with all else held fixed.


# %% alt="Three rows of eight small pictures of characters. Without clutter they stand out clearly; with clutter 0.5 and 1 they are covered with fragments and noise and pale."
from anytime.datasets.glyphs import render

clutters = (0.0, 0.5, 1.0)
samples = np.concatenate([render(10, clutter, 8, seed=0).pixels for clutter in clutters])
titles = [f"clutter {c:g}" if k == 0 else "" for c in clutters for k in range(8)]
plt.figure(figsize=(9, 4.2))
plots.draw_images(plt.gca(), samples, titles, columns=8)
plt.show()

# %% [markdown]
# **What you should see.** The same eight letters in each row. Without clutter they are easy to read.
# With full clutter there are fragments of other characters, noise, and little contrast.
#
# Now the records. `PAIRS` lists which data set we take to be harder than which: the photographs in
# the order above, more clutter, more classes.

# %%
NAMES = {
    **{name: catalogue.copy_title(name) for name in ("gtsrb-half", "cifar10", "tiny-imagenet-100")},
    "glyphs-10-0": "10 characters, clutter 0",
    "glyphs-10-0.5": "10 characters, clutter 0.5",
    "glyphs-10-1": "10 characters, clutter 1",
    "glyphs-40-0.5": "40 characters, clutter 0.5",
}
PHOTOGRAPHS, CHARACTERS = list(NAMES)[:3], list(NAMES)[3:]
PAIRS = [
    ("gtsrb-half", "cifar10"),
    ("cifar10", "tiny-imagenet-100"),
    ("glyphs-10-0", "glyphs-10-0.5"),
    ("glyphs-10-0.5", "glyphs-10-1"),
    ("glyphs-10-0.5", "glyphs-40-0.5"),
]

# %%
protocol = {"network": "resann-4-16-stride2", "weighting": "adaloss", "train_images": 5_000}
EDITION = runs.RUNS / "first-edition"
records = runs.find(EDITION, **protocol, dataset=list(NAMES))
records = [run for run in records if run.config["recipe"]["epochs"] == 60]
records.sort(key=lambda run: (list(NAMES).index(run.config["dataset"]), run.config["seed"]))
print("one recipe for all:", len({str(run.config["recipe"]) for run in records}) == 1)
print("one network for all:", len({run.num_exits for run in records}) == 1)
there = [pair for pair in PAIRS if {*pair} <= {run.config["dataset"] for run in records}]
print(len(there), "of", len(PAIRS), "pairs have records")
families = {"Photographs": PHOTOGRAPHS, "Characters": CHARACTERS}
families = {
    title: names
    for title, names in families.items()
    if any(run.config["dataset"] in names for run in records)
}

# %% [markdown]
# ### How hard are they?
#
# The weights shall not decide which data set counts as hard, or we would argue in a circle. We take
# the **test error of the last exit**: with equally many images and the same network, a set with more
# errors is harder. The training loss at the end tells how well the network has *fitted* its images.


# %%
def ends(run):
    """What one run ended with, for the last exit."""
    return {
        "data set": NAMES[run.config["dataset"]],
        "test error (%)": 100 * run.final("test_error")[-1],
        "training loss": run.final("train_loss")[-1],
    }


# %%
results = pd.DataFrame(map(ends, records)).groupby("data set", sort=False)
results.mean().assign(seeds=results.size()).round(3)


# %%
def measured(measure, *names):
    """What is measured of the runs on each of these data sets: an array over seeds for each."""
    on = [[run for run in records if run.config["dataset"] == name] for name in names]
    return [np.array([measure(run) for run in runs]) for runs in on]


def more_on(measure, easier, harder):
    """How much more is measured on the harder data set, as a mean over seeds."""
    low, high = measured(measure, easier, harder)
    return high.mean() - low.mean()


# %%
for easier, harder in there:
    more = more_on(lambda run: run.final("test_error")[-1], easier, harder)
    print(f"{NAMES[harder]} is harder than {NAMES[easier]}: {bool(more > 0)}")

# %% [markdown]
# ## First look: at the end
#
# This is the paper's figure 5c, with our data. The bars are means over the seeds.
#
# **What do you expect?** You know the errors now. On which data do the weights lie latest?


# %%
def mean_final_weights(names):
    """The final weights (data sets, K), means over seeds, of those of the names with records."""
    final = {name: [r for r in records if r.config["dataset"] == name] for name in names}
    return {
        NAMES[name]: np.mean([run.final("weights") for run in found], axis=0)
        for name, found in final.items()
        if found
    }


# %% alt="Bars of the final weights over twelve exits: above for three sets of photographs, below for four sets of drawn characters, dark for the easiest to light for the hardest."
size = {"figsize": (8, 3.3 * len(families)), "sharex": True, "squeeze": False}
figure, axes = plt.subplots(len(families), 1, **size)
for ax, names in zip(axes[:, 0], families.values(), strict=True):
    weights = mean_final_weights(names)
    plots.draw_weights(ax, list(weights.values()), list(weights))
    ax.set(ylim=(0, 1.05), xticks=range(1, 13))
    ax.legend(loc="upper left")
axes[0, 0].set(title="AdaLoss's weights at the last epoch")
plt.show()


# %%
def mean_position(run):
    """Where the final weights of a run lie: 0 on the first exit, 1 on the last."""
    return metrics.concentration(run.final("weights")).mean_position


# %%
def compare(measure):
    """For each pair, how much more is measured on the harder data set, with its 95 % interval."""
    rows = []
    for easier, harder in there:
        low, high = measured(measure, easier, harder)
        compared = statistics.welch(high, low)
        rows.append((NAMES[easier], NAMES[harder], compared.difference, *compared.interval()))
    columns = ["easier", "harder", "difference", "from", "to"]
    return pd.DataFrame(rows, columns=columns).round(3)


# %%
compare(mean_position)

# %% [markdown]
# **How to read it.** A positive difference is the paper's order: on the harder data the weights lie
# later. "from" and "to" are its 95 % interval over three seeds each, in which each data set scatters in
# its own way (Welch's test). Where it holds 0, these seeds do not decide.
#
# The same question with the other number, the share on the last quarter of the exits:

# %%
compare(lambda run: metrics.concentration(run.final("weights")).last_quarter)

# %% [markdown]
# Look at the bars again: on Tiny-ImageNet the weight stands on fewer exits than on the other
# photographs, and yet the two numbers hardly say so, or even turn the order round. The reason is the floor. Up to nine exits have
# the weight $\gamma = 0.07$. Together that is 0.6, and the fewer exits stand above the floor, the more
# these 0.6 count. So we look at what lies above the floor alone, $B_i - \gamma$:

# %%
compare(lambda run: metrics.concentration(run.final("weights") - 0.07).mean_position)

# %% [markdown]
# **What you should see.** Now both differences between photographs are positive: above the floor, the
# harder the data, the later the weight. From CIFAR-10 to Tiny-ImageNet that is decided; from GTSRB to
# CIFAR-10 the interval just holds 0, since GTSRB's weights scatter much. From clutter 0.5 to clutter 1 it
# moves in the same direction, which is decided, too. From no clutter to 0.5 it is not. That is the
# paper's order, in a network that has learned all its images by heart. The last row is another matter:
# forty characters instead of ten make more errors, and hardly move the weight.

# %% [markdown]
# ## Second look: over the training time
#
# The records keep the weights after every epoch. As a map, with time from left to right and the
# exits from bottom to top:


# %%
def draw_maps(names, axes):
    """The weights over the epochs, a map for each data set that has a run."""
    found = {run.config["dataset"]: run for run in reversed(records)}  # keeps the first seed
    for ax, name in zip(axes, names, strict=True):
        if name in found:
            plots.draw_weight_evolution(ax, found[name].values("weights"), as_map=True)
        ax.set_title(NAMES[name])
        ax.set_xlabel("epoch" if ax.get_subplotspec().is_last_row() else "")


# %% alt="Three maps of AdaLoss's weights on photographs, epochs from left to right and exits from bottom to top."
draw_maps(PHOTOGRAPHS, plt.subplots(3, 1, figsize=(7, 8), sharex=True)[1])
plt.show()

# %% alt="Four maps of AdaLoss's weights on drawn characters, epochs from left to right and exits from bottom to top."
if "Characters" in families:
    draw_maps(CHARACTERS, plt.subplots(4, 1, figsize=(7, 10.5), sharex=True)[1])
plt.show()

# %% [markdown]
# **How to read them.** On the left edge all is bright: the weights start at 1. A row that turns dark
# is an exit whose loss stays behind those of the others. A row that stays bright is an exit that
# keeps up with the best.
#
# **What do you expect?** Suppose that an exit late in the network is dark for some epochs and bright
# again later. What has its loss done?
#
# Now one number per epoch. For each run we tabulate where its weights lie, the training loss of the
# last exit, and how far the losses are apart: the largest divided by the smallest.


# %%
def story(run):
    """One row per epoch of a run: where the weights lie, and the losses behind them."""
    losses = run.values("train_loss")
    named = {"data_set": run.config["dataset"], "seed": run.config["seed"]}
    table = metrics.concentration_over_epochs(run).assign(**named)
    return table.assign(last_loss=losses[:, -1], apart=losses.max(1) / losses.min(1))


# %%
progress = pd.concat([story(run) for run in records], ignore_index=True)
progress.drop(columns=["data_set", "seed"]).tail(3).round(3)


# %%
def draw_progress(ax, names, x, y):
    """A column over another one: a line per run, a colour and dash per data set."""
    for k, name in enumerate(names):
        own = progress[progress["data_set"] == name]
        for i, (_, line) in enumerate(own.groupby("seed")):
            label = NAMES[name] if i == 0 else None
            ax.plot(line[x], line[y], plots.LINES[k], color=plots.PALETTE[k], label=label)
    if ax.lines:
        ax.legend(loc="lower right")


# %%
def family_panels(**options):
    """A figure with a panel per family of data sets: pairs of axes and names."""
    shape = {"figsize": (8, 3.4 * len(families)), "squeeze": False, "sharey": True}
    axes = plt.subplots(len(families), 1, **shape, **options)[1][:, 0]
    for ax, title in zip(axes, families, strict=True):
        ax.set(title=title, ylabel="mean position of the weights")
    return list(zip(axes, families.values(), strict=True))


# %% alt="Mean position of the weights over the epochs, a line per run, a colour per data set."
for ax, names in family_panels():
    draw_progress(ax, names, "epoch", "mean_position")
    ax.axhline(0.5, color="0.6", linewidth=1)
    ax.set_xlabel("epoch")
plt.show()

# %% [markdown]
# **What you should see.** The grey line at 0.5 is CONST. The weights on GTSRB leave it at once, those on
# CIFAR-10 after ten epochs, those on Tiny-ImageNet after twenty. For the first half of the training the
# order is therefore the **opposite** of the paper's: the easier the data, the later the weights.
# Then the lines meet, and end so close together that this number, with the floor in it, hardly tells
# them apart. With more clutter the characters do the same: reversed at first, then the other way
# round. The cleanest characters jump about. Their losses are so small that a single image moves them.
#
# Here are the same curves by pairs: the mean position on the harder set minus that on the easier one,
# epoch by epoch, as a mean over seeds. Orange is the paper's order, purple the opposite one.

# %%
position = progress.groupby(["data_set", "epoch"])["mean_position"].mean().unstack(0)
gaps = {pair: position[pair[1]] - position[pair[0]] for pair in there}


# %% alt="A map with a row per pair of data sets and a column per epoch: orange where the weights on the harder set lie later, purple where those on the easier set do."
if gaps:
    plt.figure(figsize=(8, 1.2 + 0.5 * len(gaps)))
    extreme = max(gap.abs().max() for gap in gaps.values())
    look = {"cmap": "PuOr_r", "vmin": -extreme, "vmax": extreme, "shading": "nearest"}
    plt.pcolormesh(position.index, range(len(gaps)), [*gaps.values()], **look)
    plt.yticks(range(len(gaps)), [f"{b} − {a}" for a, b in gaps])
    plt.gca().invert_yaxis()
    plt.colorbar(label="later on the harder set")
    plt.grid(False)
    plt.xlabel("epoch")
plt.show()

# %% [markdown]
# And as numbers: in which share of the epochs of each third the weights on the harder set lie later,
# and since when the order has been as it is at the end.

# %%
thirds = np.array_split(np.arange(len(position)), 3)
rows = []
for (easier, harder), gap in gaps.items():
    shares = [f"{(gap.iloc[part] > 0).mean():.0%}" for part in thirds]
    turns = metrics.crossings(position[harder], position[easier], position.index)
    since = int(turns[-1]) if len(turns) else 1
    rows.append((NAMES[easier], NAMES[harder], *shares, bool(gap.iloc[-1] > 0), since))
columns = ["easier", "harder", "1st third", "2nd third", "3rd third", "at the end", "since epoch"]
pd.DataFrame(rows, columns=columns)

# %% [markdown]
# **How to read it.** "At the end" says whether the paper's order holds after the last epoch. If the
# shares rise from the first third to the last, the order turns round during training, as it did
# with our made-up losses. A `since epoch` close to the last one is a warning: the order had only
# just turned when training stopped.
#
# ## Third look: at the same fit
#
# After the same number of epochs one data set is fitted and another one isn't. So epochs may be the
# wrong clock. Another clock is the **fit**: how small the training loss of the last exit has
# become. We read off each run's weights in the epoch in which that loss first falls below 1, 0.3, 0.1
# and 0.03.
#
# **What do you expect?** At the same fit, will the weights still differ between data sets? Think of
# what AdaLoss sees, and of which exits must still be behind when the last one has reached 0.1.

# %%
LEVELS = [1.0, 0.3, 0.1, 0.03]


# %%
def at_levels(run):
    """A row per level: when the last exit's loss first fell below it, and where the weights lay."""
    place = metrics.concentration_over_epochs(run).set_index("epoch")["mean_position"]
    epochs = [metrics.first_epoch_below(run, level) for level in LEVELS]
    named = {"data set": NAMES[run.config["dataset"]], "level": LEVELS, "epoch": epochs}
    return pd.DataFrame(named).assign(position=[place.get(epoch, np.nan) for epoch in epochs])


# %%
matched = pd.concat([at_levels(run) for run in records], ignore_index=True)
when = matched.astype({"epoch": float}).groupby(["data set", "level"], sort=False)["epoch"]
when.mean().round(1).unstack().fillna("not reached")

# %% [markdown]
# These are the epochs, as means over seeds. "Not reached" means what it says: there the comparison
# cannot be made. (Where some seeds reach a level and others don't, the mean is of those that do.) And
# the mean position of the weights in those epochs:

# %%
place = matched.groupby(["data set", "level"], sort=False)["position"].mean()
place.round(3).unstack().fillna("not reached")

# %% [markdown]
# A picture shows all levels at once: the mean position over the last exit's training loss. Time goes
# from left to right, since the axis runs from large losses to small ones.

# %% alt="Mean position of the weights over the training loss of the last exit on a logarithmic axis that runs from large to small. Dotted vertical lines mark the levels 1, 0.3, 0.1 and 0.03."
for ax, names in family_panels():
    draw_progress(ax, names, "last_loss", "mean_position")
    for level in LEVELS:
        ax.axvline(level, color="0.6", linestyle=":", linewidth=1)
    ax.set(xscale="log", xlabel="training loss of the last exit (nats)")
    ax.invert_xaxis()
plt.show()


# %%
def position_at(level):
    """A function that says where a run's weights lay when its loss first fell below the level."""
    return lambda run: at_levels(run).set_index("level")["position"][level]


for level in LEVELS:
    gaps_here = {pair: more_on(position_at(level), *pair) for pair in there}
    reached = {pair: gap for pair, gap in gaps_here.items() if np.isfinite(gap)}
    later = sum(gap > 0 for gap in reached.values())
    print(f"below {level:4}: later on the harder set in {later} of {len(reached)} pairs")

# %% [markdown]
# **What you should see.** At the same fit Tiny-ImageNet has its weights latest of the photographs, at
# every level. GTSRB and CIFAR-10 change places: CIFAR-10 is later only once the last exit has reached
# 0.03. The characters lie closer together, and on the left of the picture forty of them have their
# weights latest. So equal fit removes most of the reversed order, not all of it. Only pairs count in
# which all runs reach the level.
#
# At the same fit the last exit's loss is the same, so what differs between the sets are the losses of
# the *early* exits. The data set on which the early exits are further behind has its weights later.
# Many classes do that by themselves: who guesses among 40 starts at a loss of $\ln 40 = 3.7$, who
# guesses among 10 at 2.3.
#
# ## What the weights really measure
#
# All three looks have one thing in common: AdaLoss sees training losses and nothing else. So the
# recorded weights should follow from the recorded losses, by the formula alone. The formula knows
# neither the data set nor the epoch.
#
# **What do you expect?** The records keep the *mean* losses of an epoch. AdaLoss used running means
# over the last batches before its last update. How far off will the prediction be?


# %%
def predicted(run):
    """The weights (epochs, K) that the formula gives for the recorded mean losses."""
    return np.array([theory.adaloss_weights(row, gamma=0.07) for row in run.values("train_loss")])


# %% alt="Two scatter plots of recorded weights over predicted ones with a diagonal line: left all epochs, right the last epoch with a colour and marker per data set."
figure, axes = plt.subplots(1, 2, figsize=(8, 5.5), sharex=True, sharey=True)
for k, name in enumerate(NAMES):
    for i, run in enumerate(run for run in records if run.config["dataset"] == name):
        axes[0].plot(predicted(run), run.values("weights"), ".", color="0.3", markersize=2)
        look = {"color": plots.PALETTE[k], "marker": "osD^vPX"[k], "linestyle": "none"}
        label = NAMES[name] if i == 0 else None
        axes[1].plot(predicted(run)[-1], run.final("weights"), label=label, **look)
for ax, title in zip(axes, ("All epochs, all exits", "The last epoch"), strict=True):
    ax.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    ax.set(xlabel="predicted from the losses", title=title)
axes[0].set_ylabel("recorded weight")
figure.legend(loc="outside lower center", ncols=2)
plt.show()


# %%
def miss(run, epoch):
    """The mean distance between a run's predicted and recorded weights in an epoch."""
    return np.abs(predicted(run)[epoch] - run.values("weights")[epoch]).mean()


# %%
misses = {when: np.mean([miss(run, epoch) for run in records]) for when, epoch in
          (("the first epoch", 0), ("the epoch in the middle", 29), ("the last epoch", -1))}  # fmt: skip
for when, distance in misses.items():
    print(f"in {when} the prediction is off by {distance:.2f} on average")
within = np.mean([np.abs(predicted(run)[-1] - run.final("weights")) < 0.1 for run in records])
print(f"within 0.1 in the last epoch: {within:.0%} of all weights")

# %% [markdown]
# In the first epoch no update has happened, and all weights are 1. The prediction is nearly right all the
# same: the losses are still so close together that the formula gives weights near 1, too. Later it
# is off where losses fall quickly, because an epoch's mean is older than the running mean. And it is off
# where losses are tiny: there a single image that goes wrong moves a mean over ten batches.
#
# Does the prediction order the data sets as the recorded weights do?


# %%
def predicted_position(run):
    """Where the weights of a run would lie at the end if the formula held exactly."""
    return metrics.concentration(predicted(run)[-1]).mean_position


# %%
for easier, harder in there:
    recorded, expected = (
        more_on(measure, easier, harder) for measure in (mean_position, predicted_position)
    )
    print(f"{harder} minus {easier}: recorded {recorded:+.3f}, predicted {expected:+.3f}")

# %% [markdown]
# The first three differences come out as predicted, to within 0.003. The last two have the right sign,
# and are predicted about two and four times too large: the mean losses of an epoch give the weights only
# roughly. The weights follow from **the training losses** all the same, from running means that the
# records do not keep: they tell how far the exits' losses have come apart. "Apart" counts as a ratio. As
# long as all losses are close to the smallest one, the weights are flat. What is more than about
# $1/\gamma = 14$ times the smallest lies on the floor.
#
# If that is all, then a single number, the largest loss divided by the smallest, should go a long way
# to tell where the weights lie, whatever the data set.

# %% alt="Mean position of the weights over the ratio of the largest training loss to the smallest, logarithmic, a line per run."
for ax, names in family_panels():
    draw_progress(ax, names, "apart", "mean_position")
    ax.axvline(1 / 0.07, color="0.6", linestyle=":", linewidth=1)
    ax.set(xscale="log", xlabel="largest loss / smallest loss")
plt.show()

# %%
ranks = progress[["apart", "mean_position"]].corr(method="spearman").iloc[0, 1]
print(f"rank correlation of ratio and mean position over all runs and epochs: {ranks:.2f}")
early = progress[progress["apart"] < 1 / 0.07]
ranks = early[["apart", "mean_position"]].corr(method="spearman").iloc[0, 1]
print(f"where the ratio is below 1/γ: {ranks:.2f}")

# %% [markdown]
# **How to read it.** A rank correlation of 1 means: the larger the ratio, the later the weights lie,
# without exception. The dotted line is at a ratio of $1/\gamma$. To the right of it the largest loss
# has reached the floor, and the ratio says less: now it matters *how many* exits are still near the
# smallest loss. If many of them are, the weights spread over them. If the last one is alone, they
# concentrate on it.
#
# ## Whole training sets
#
# So far every data set had 5,000 images. The runs for notebook 05 took whole training sets instead,
# for 20 epochs, with augmentation and the same network. What do their final weights look like? Whole
# sets differ in size, so here the size is mixed up with the difficulty, as it is in the paper.

# %%
whole = {
    NAMES[name]: [
        run
        for run in runs.find(
            EDITION, dataset=name, network=protocol["network"], weighting="adaloss"
        )
        if run.config["recipe"]["epochs"] == 20
    ]
    for name in PHOTOGRAPHS
}
print({name: len(found) for name, found in whole.items()})

# %% alt="Bars of the final weights over twelve exits after 20 epochs on whole training sets. On GTSRB the first five exits have almost no weight; on Tiny-ImageNet all have more than half of the largest."
final = [np.mean([run.final("weights") for run in found], axis=0) for found in whole.values()]
plots.draw_weights(plt.gca(), final, list(whole))
plt.title("Whole training sets, 20 epochs")
plt.legend(loc="upper left")
plt.ylim(0, 1.6)
plt.gcf().set_size_inches(8, 3.6)
plt.show()

# %%
rows = {
    name: {
        "images": found[0].config["train_images"],
        "augmentation": ", ".join(found[0].config["recipe"]["augmentation"]),
        "training loss, last exit": np.mean([run.final("train_loss")[-1] for run in found]),
        "mean position": np.mean([mean_position(run) for run in found]),
        "seeds": len(found),
    }
    for name, found in whole.items()
}
pd.DataFrame.from_dict(rows, orient="index").round(3)

# %% [markdown]
# **What you should see.** The order is the opposite of the paper's: the easier the data, the later the
# weights. The training loss says why. Augmented images are hard to learn by heart. In 20 epochs the
# network has fitted GTSRB, CIFAR-10 in part, and Tiny-ImageNet hardly at all. So each run stands at
# another place of the picture "at the same fit", and what we compare is how far the trainings have come.
# It does not contradict the paper: its networks were trained much longer.
#
# Go back to the explorer at the top: choose "whole sets" there, and then *at equal fit*.
#
# ## Ours beside the paper's
#
# The ledger measures by the share of the weight on the last quarter of the exits, above the floor, as a
# mean over the last ten epochs; and beside it, where the last exit's training loss falls to 0.6. Its rows
# on these runs, with 95 % intervals in brackets:

# %%
claims = ledger.ledger()
rows = claims[(claims["number"] == "6") & (claims["standing"] == "first edition")]
rows = rows[rows["setting"].str.startswith("5,000") & ~rows["compared"].str.contains("floor")]
for row in rows.itertuples():
    print(f"{row.compared}, {row.setting}:", *row.ours.split("; "), sep="\n    ")

# %% [markdown]
# What is different from the paper, and can make the result differ:
#
# | | the paper | here |
# |---|---|---|
# | network | ResANN(25, 32), 75 units | `resann-4-16-stride2`, 12 units, half the channels, an exit after each |
# | data | SVHN, CIFAR-10, CIFAR-100 | GTSRB (every second frame), CIFAR-10 (JPEG copy), Tiny-ImageNet (every second class), drawn characters |
# | images | all of each set | 5,000 of each |
# | training | 60 or 300 epochs, augmented | 60 epochs, not augmented |
# | error bars | none known here | deviation over seeds |
#
# So what is decided here exists in a small network on other data. The opposite order would not refute the
# figure of the paper either. It would say that the effect depends on more than the difficulty.
#
# ## Summary
#
# - The paper reads AdaLoss's final weights as a sign of difficulty: the harder the data, the later.
# - The weights are a function of the **training losses**. They tell by which factor the exits' losses
#   have come apart, and nothing else.
# - Difficulty acts through the fit. While the losses fall, easy data can have the later weights;
#   once the early exits have learned the easy images too, hard data can.
# - So compare data sets at the same fit, look at the losses beside the weights, and say how long
#   was trained.
#
# ## Exercises
#
# **Exercise 8.1.** Where do weights lie? Write the mean position yourself: exits at even positions
# from 0 for the first to 1 for the last, and the mean of the positions, each counted by its weight.
# The weights need not sum to 1.


# %%
def mean_position_of(weights):
    """(K,) weights, K > 1 -> where they lie: 0 is the first exit, 1 the last."""
    ### BEGIN SOLUTION 8.1
    positions = np.linspace(0, 1, len(weights))
    return np.average(positions, weights=weights)
    ### END SOLUTION


checks.mean_position(mean_position_of)

# %% [markdown]
# **Exercise 8.2.** Read a loss from a weight. You see only the weight $B$ of an exit, and
# $\gamma < B$. How many times as large as the smallest loss is the loss of that exit? Solve the formula for
# $\ell_i / \ell_{\min}$.


# %%
def loss_ratio(weight, gamma):
    """An exit's weight, gamma -> its loss divided by the smallest loss."""
    ### BEGIN SOLUTION 8.2
    return (1 - gamma) / (weight - gamma)
    ### END SOLUTION


checks.loss_ratio(loss_ratio)

# %% [markdown]
# With it you can read the weight of exit 6 in our records. Close to the floor the answer is
# large and means little: a tiny change of the weight changes it much.

# %%
try:
    for name, weights in mean_final_weights(NAMES).items():
        print(f"{name}: exit 6 has {loss_ratio(weights[5], 0.07):.1f} times the smallest loss")
except (NotImplementedError, TypeError):  # TypeError: the function returns nothing
    print("Solve exercise 8.2 first.")

# %% [markdown]
# **Exercise 8.3.** Compare at the same fit. You have two lists with one entry per epoch: the last
# exit's training loss, and any value, such as the mean position. Return the value in the *first*
# epoch in which the loss is below the level, and `None` if there is no such epoch.


# %%
def value_at_fit(losses, values, level):
    """(epochs,) losses, (epochs,) values, a level -> the value when the loss is first below it."""
    ### BEGIN SOLUTION 8.3
    for loss, value in zip(losses, values, strict=True):
        if loss < level:
            return value
    return None
    ### END SOLUTION


checks.value_at_fit(value_at_fit)

# %% [markdown]
# **Think.** A colleague has trained one network with AdaLoss on her own data. The final weights
# lie on the last two exits. She concludes that the data are hard, and wants a deeper network. What
# would you ask her for?
#
# <details><summary>An answer</summary>
#
# For the training losses, and the test errors. If the training losses of the last two exits are
# near zero and all others are not, then the weights only say that these two have learned the images by
# heart. Notebook 03 shows two runs on the *same* task with very different weights, because one of
# them had a fifth of the images. Whether a deeper network helps is seen in the test error over the
# exits: is it still falling at the end?
#
# </details>
#
# **Think.** You train on five times as many images of the same kind, for the same number of epochs. Do
# the final weights become flatter or more concentrated?
#
# <details><summary>An answer</summary>
#
# It depends on where the training was. More images are harder to learn by heart, so the late exits'
# losses stay higher and the weights flatter: that is the pair of runs in notebook 03. But more images
# also mean more steps. In a training that had hardly begun, more steps take the losses further apart.
# The task has not become harder or easier in either case. The weights speak of the fit.
#
# </details>
#
# **Think.** Could one weigh by the inverse of the *test* loss, or of a loss on images set aside? What
# would the weights say then?
#
# <details><summary>An answer</summary>
#
# With images set aside, yes (with test images one would choose by them, which is not allowed). The
# weights would be flatter: a network that has learned its images by heart still has a test loss
# well above zero at every exit. They would say more about the data and less about the fit. But the
# motivation is lost: AdaLoss balances the terms of the sum that is *minimised*, and those are
# training losses.
#
# </details>
#
# **Try it.** Characters with other knobs are made by their name. This trains one more run, in a
# quarter of an hour or so, and puts its record into a folder of your own:
#
# `python -m anytime train --data glyphs-20-0.5 --network resann-4-16-stride2 --epochs 60
# --batch-size 64 --train-images 5000 --augmentation --out my-runs`
#
# Then `explore.final_weights("my-runs")` shows it beside those that ship.
#
# ## What next
#
# [Notebook 09](09_beyond.ipynb) goes beyond AdaLoss: to its kin, to weights from gradients instead of
# losses, and to several tasks.
