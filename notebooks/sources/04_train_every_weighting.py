# %% [markdown]
# # 04 · Train with every weighting
#
# **What does each weighting do to the exits of a network that is trained with it?**
#
# **You will**
#
# - write the training step of the paper in full, and see that the package's gives the same network;
# - train one network under every weighting scheme, and watch the weights of AdaLoss move;
# - learn what a run of seconds can show and what it cannot: seeds, totals, and a recorded run on
#   photographs to compare with.
#
# **Before:** notebook 02 (fixed schemes) and notebook 03 (AdaLoss). **Time:** 45 minutes.
# **Paper:** section 4, the training recipe and the schemes compared.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

from anytime import datasets, metrics, networks, plots, runs, theory, weighting
from anytime.course import checks
from anytime.training import CIFAR_PAPER, Recipe, Session, train
from anytime.training.evaluation import exit_losses

plots.theme()
torch.set_num_threads(1)  # on tensors this small a second thread is in the way

# %% [markdown]
# ## The task
#
# To train a dozen networks within a minute, everything is small: 1,000 pictures of clothes to learn
# from, 500 to test on, and a network with six exits. Its stem has stride 4, which makes every step
# cheap and is not the paper's.

# %%
NETWORK, K = "resann-2-8-stride4", 6
clothes = datasets.load("fashion", train_size=1000)
clothes = replace(clothes, test=datasets.subset(clothes.test, 500, seed=0))
print(clothes.title, len(clothes.train), "to train,", len(clothes.test), "to test")

# %% [markdown]
# ## The recipe
#
# A `Recipe` says how a network is trained. It is plain data, and every record of a run keeps it.

# %%
recipe = Recipe(epochs=5, batch_size=50, lr=0.1, augmentation=("flip",))
for key, value in recipe.to_dict().items():
    print(f"{key:14}{value}")

# %% [markdown]
# - An **epoch** is one pass over the training images. Here it has 1,000 / 50 = 20 steps.
# - **SGD with momentum** keeps a velocity $v$, a sum of past gradients in which old ones fade. With the gradient $g$,
#   the momentum $\mu = 0.9$ and the learning rate $\eta$, a step is
#   $v \leftarrow \mu v + g$, then $\theta \leftarrow \theta - \eta v$.
# - **Weight decay** pulls the network's parameters (not the $B_i$) towards zero: $\lambda\,\theta$ is added to the gradient, with
#   $\lambda = 0.0002$. The authors' code does this to convolutions. The linear layer of exit $i$
#   gets $S_i \lambda\,\theta$ instead, where $S_i$ is the weight that SIEVE (notebook 02) gives to
#   the exit. It stays the same, whatever scheme weighs the losses: `head_decay` is "sieve". Biases
#   and the parameters of batch normalisation are not decayed.
# - `schedule` says how $\eta$ changes during training.
# - `augmentation` is what is done to each batch.
# - The last three fields compute the same thing faster, on some machines.
#
# The kit knows two schedules. The paper's recipe for CIFAR holds the learning rate, and drops it
# after 140, 210 and 250 of 300 epochs. For short runs there is "one-cycle": up evenly for a quarter
# of the time, then down evenly to zero.

# %% alt="Left, the learning rate falls in three steps over 300 epochs, on a logarithmic axis. Right, it rises to 0.1 and falls to 0 like a tent over 5 epochs."
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
schedules = {"the paper's, for CIFAR": CIFAR_PAPER, "one-cycle, in this notebook": recipe}
for ax, (title, shown) in zip(axes, schedules.items(), strict=True):
    epochs = np.linspace(0, shown.epochs, 601)
    ax.plot(epochs, [shown.learning_rate(epoch) for epoch in epochs])
    ax.set(title=title, xlabel="epoch", ylabel=plots.COLUMN_LABELS["lr"])
axes[0].set_yscale("log")
plt.show()

# %% [markdown]
# **What you should see.** On the left, steps on a logarithmic axis: from 0.1 down to 0.0002. On the
# right, a tent. Both end with a rate so small that the network hardly changes any more. That matters
# for comparisons: where a run stops at a high rate, the last few batches decide a good part of its
# error.
#
# ## What the network sees
#
# The input is $(x - \text{mean}) / 128$. The mean is taken over the training images, for every
# pixel on its own. The package stores it in the network, as `network.standardise.mean`.

# %% alt="The mean of all training images: a blurred grey shape, bright in the middle; beside it eight pictures of clothes."
mean = datasets.pixel_mean(clothes.train.pixels)
shown = clothes.train.pixels[::125]
plt.figure(figsize=(9, 1.6))
titles = ["the mean", *[""] * len(shown)]
plots.draw_images(plt.gca(), torch.cat([mean.byte()[None], shown]), titles, columns=9)
plt.show()

# %% [markdown]
# **What you should see.** The mean is a ghost, something between a shirt and a pair of trousers.
# Subtracting it leaves what is special about an image.
#
# Augmentation changes each batch at random, so that the network never sees quite the same images
# again. All steps work on a whole batch at once. Here is the paper's pair for CIFAR on eight
# images: each is moved by up to 4 pixels and mirrored half of the time.

# %% alt="Two rows of eight pictures: above as stored, below the same pictures shifted by a few pixels, some mirrored."
generator = torch.Generator().manual_seed(1)
changed = datasets.augment(shown, ("crop", "flip"), generator)
plt.figure(figsize=(9, 2.6))
titles = ["before", *[""] * 7, "after", *[""] * 7]
plots.draw_images(plt.gca(), torch.cat([shown, changed]), titles, columns=8)
plt.show()

# %% [markdown]
# **What you should see.** The same eight things below, a little out of place, some of them mirrored.
# A network that learns only a few epochs has no time to learn shifts, so our recipe uses the flip
# alone.
#
# ## One training step, in full
#
# Everything is in place: data, recipe, network, weighting. Here is the whole training of one epoch,
# with nothing hidden. It uses `exit_losses` of the package, which you will write yourself in
# exercise 4.1.


# %%
def train_by_hand(network, weighting, images, order, recipe):
    """One epoch of SGD over the batches of `order`, each a tensor of positions in `images`."""
    network.standardise.mean = datasets.pixel_mean(images.pixels)
    decay = {m.weight: recipe.weight_decay for m in network.modules() if isinstance(m, nn.Conv2d)}
    for head, S_i in zip(network.heads, theory.sieve(network.num_exits), strict=True):
        decay[head[-1].weight] = S_i * recipe.weight_decay
    groups = [{"params": [p], "weight_decay": decay.get(p, 0.0)} for p in network.parameters()]
    optimizer = torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    network.train()
    for step, batch in enumerate(order):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate(step / len(order))
        losses = exit_losses(network(images.pixels[batch]), images.labels[batch])
        optimizer.zero_grad()
        weighting(losses).backward()
        optimizer.step()


# %% [markdown]
# Read the loop once more. Losses per exit, one weighted sum, one backward pass, one step: that is
# all. **The weighting is the only line in which the schemes differ.** AdaLoss does its bookkeeping
# inside `weighting(losses)`: it takes the sum under its present weights, then updates the running
# means $m_i$, and every $T$ steps the weights.
#
# Is it what `train` does? Both must see the same images in the same order. The order comes from the
# seed. `Session` is what `train` is made of, and can be asked for it. We compare four steps, and
# decay the weights much harder than usual, so that a mistake in the decay would show. And we leave
# out `channels_last`, which sorts the numbers in memory in another way and rounds differently.

# %%
few = replace(clothes, train=clothes.train[::5])
short = Recipe(
    epochs=1, batch_size=50, lr=0.1, augmentation=(), weight_decay=0.05, channels_last=False
)


def fresh(scheme):
    """An untrained network, always the same, and a weighting for it."""
    return networks.build(NETWORK, in_channels=1, seed=0), weighting.build(scheme, K)


order = Session(*fresh("const"), few, short, seed=0).batches()
print(len(order), "batches of", len(order[0]), "images")

# %%
by_hand, scheme = fresh("adaloss:every=1")
train_by_hand(by_hand, scheme, few.train, order, short)

by_package, scheme = fresh("adaloss:every=1")
train(by_package, scheme, few, short, seed=0, progress=False)


def same(one, other):
    """Whether two networks have the same parameters, up to rounding."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(p, q, atol=1e-4) for p, q in pairs)


same(by_hand, by_package)

# %% [markdown]
# **What you should see.** `True`. Could the check fail? We forget one thing at a time: the momentum,
# then the decay.

# %%
for forgotten in ({"momentum": 0.0}, {"weight_decay": 0.0}):
    forgetful, scheme = fresh("adaloss:every=1")
    train_by_hand(forgetful, scheme, few.train, order, replace(short, **forgotten))
    print("without", *forgotten, same(forgetful, by_package))

# %% [markdown]
# From here on we use `train`. It also records the losses, evaluates, and writes checkpoints.
#
# ## Train with every scheme
#
# One function trains one network. The seed decides the initial weights, the order of the images and
# the augmentation. So two runs with the same seed differ in nothing but the weighting.


# %%
def train_with(spec, seed=0, name=NETWORK):
    """The record of a network trained with a weighting, given by its text or as an object."""
    network = networks.build(name, in_channels=1, seed=seed)
    scheme = weighting.build(spec, network.num_exits) if isinstance(spec, str) else spec
    return train(network, scheme, clothes, recipe, seed=seed, evaluate_every=5, progress=False)


# %% [markdown]
# **What do you expect?** OPT puts all weight on the last exit. Which errors will exits 1 to 5 have,
# if their losses count nothing? Ten classes: guessing is wrong in 90 %.

# %%
live = {"opt": train_with("opt")}
errors = live["opt"].final("test_error")
print("exit 6 below 50 %:", bool(errors[5] < 0.5))
print("exits 1 to 5 all above 70 %:", bool((errors[:5] > 0.7).all()))

# %% [markdown]
# Nobody asked exits 1 to 5, and they never learned to answer. Therefore OPT in the paper means **a
# separate network per exit**. `up_to(3)`, or the ending `-to3` of a name, cuts a network after exit
# 3. What remains is trained for its last exit alone.

# %%
shorter = networks.build(f"{NETWORK}-to3", in_channels=1)
print(shorter.num_exits, "exits,", len(weighting.build("opt", 3).weights), "weights")
live["opt to3"] = train_with("opt", name=f"{NETWORK}-to3")

# %% [markdown]
# Now the schemes that train all exits. AdaLoss gets $T = 5$ instead of the usual 100: our whole
# training has only 100 steps. The option `extra` is $e$, the addition to the last weight.
#
# A record keeps the weights at the end of each epoch. To watch AdaLoss we want them after each step.
# A *forward hook* is a function that PyTorch calls each time a module has run; ours notes the
# weights.

# %%
seen = {}


def watched(spec):
    """A weighting that notes its weights after every step, in seen[spec]."""
    scheme = weighting.build(spec, K)
    seen[spec] = [scheme.weights]
    scheme.register_forward_hook(lambda module, *_: seen[spec].append(module.weights))
    return scheme


# %%
ADALOSS = ["adaloss:every=5", "adaloss:every=5,extra=1"]
SCHEMES = ["const", "linear", "half-end", "sieve", "exponential", *ADALOSS]

schemes = {spec: watched(spec) for spec in SCHEMES}
for spec, scheme in schemes.items():
    live[spec] = train_with(scheme)

# %% [markdown]
# **What do you expect?** In which row will exit 1 do best, in which worst? And exit 6? Think of the
# weights.

# %% alt="A map of test errors, seven schemes in rows and six exits in columns: the first column ranges from 48 to 93 percent, the last column differs by a few percent only."
names = [plots.scheme_name(spec) for spec in SCHEMES]
error_map = 100 * np.array([live[spec].final("test_error") for spec in SCHEMES])
plt.figure(figsize=(8, 4))
image = plt.imshow(error_map, cmap="cividis_r", aspect="auto", vmin=20, vmax=95)
for (row, k), error in np.ndenumerate(error_map):
    plt.text(k, row, f"{error:.0f}", ha="center", va="center", color="w" if error > 50 else "k")
plt.xticks(range(K), range(1, K + 1))
plt.yticks(range(len(names)), names)
plt.grid(False)
plt.xlabel("exit")
plt.title("Test error (%) of each exit, one run each")
plt.colorbar(image)
plt.show()

# %% [markdown]
# **What you should see.** The first column is the most colourful. CONST is wrong in about half of the
# images, AdaLoss in more than half, AdaLoss with $e = 1$ in two thirds, LINEAR, HALF-END and SIEVE in
# about three quarters. The exponential, whose exit 1 has a weight of 1/32, is no better than guessing.
# That is no bug: this exit was hardly trained at all. SIEVE goes in a
# zigzag: its exits 1 to 5 weigh 0.12, 0.38, 0.12, 0.25, 0.12, and exit 2 is better than exit 3,
# though exit 3 can see more. Go down a column of the first exits: **the more weight, the fewer errors**,
# as long as the training is short. (Along a row, depth counts as well.) The last column is nearly of one colour: all schemes end within a few points.

# %%
first, last = error_map[:, 0], error_map[:, -1]
print("exit 1: the schemes differ by more than 20 points:", bool(np.ptp(first) > 20))
print("exit 6: they differ by less than half of that:", bool(np.ptp(last) < np.ptp(first) / 2))
print("CONST has a better exit 1 than the exponential:", bool(first[0] < first[4] - 10))

# %% [markdown]
# The same over cost, for four of them. `metrics.summary` takes means over seeds; here there is one
# seed only. The two crosses are the networks that were trained for one exit alone.


# %%
def error_over_cost(records):
    """Mean and deviation over seeds of the test error at each cost, one row per scheme and exit."""
    table = runs.table(records)
    return metrics.summary(table, by=["weighting", "cost"], column="test_error")


# %% alt="Falling curves of test error over cost for CONST, HALF-END, AdaLoss and AdaLoss with e=1; of two crosses of OPT one lies a little below all curves, at exit 3, the other a little above them, at exit 6."
ax = plt.gca()
compared = [live[spec] for spec in ("const", "half-end", *ADALOSS)]
plots.draw_error_against_cost(ax, error_over_cost(compared))
for key in ("opt", "opt to3"):
    ax.plot(live[key].cost[-1], live[key].final("test_error")[-1], **plots.scheme_style("opt"))
ax.plot([], [], linestyle="none", label="OPT", **plots.scheme_style("opt"))
ax.legend(loc="upper right")
ax.set_title("Four ways to weigh, one run each")
plt.show()

# %% [markdown]
# **What you should see.** HALF-END stays above the others up to exit 4. AdaLoss lies above CONST at
# exits 1 and 2, with $e = 1$ between CONST and HALF-END. At the right end all four meet. The crosses of
# OPT: exit 3 is a little better with a network of its own than in any curve, exit 6 a little worse
# than in all. The gap between a curve and the cross should be the price of sharing. But two or three
# points mean little here, as "What a run of seconds can show", below, explains. Notebook 05 measures the
# gap in percent, on longer runs.

# %% [markdown]
# ## Watch AdaLoss weigh
#
# **What do you expect?** All weights start at 1. AdaLoss weighs each loss by the inverse of its
# running mean, and the map above says which exits have large losses. Which weights fall? With $e = 1$ the
# last exit gets an addition. Where do the others go then?

# %% alt="Two panels of six weights over five epochs. Left, the weights fan out from 1: the later the exit, the higher. Right, the last weight is 1 and the others lie lower, near each other at first."
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
for ax, spec in zip(axes, ADALOSS, strict=True):
    weights = torch.stack(seen[spec])
    plots.draw_weight_evolution(ax, weights, np.arange(len(weights)) / 20)
    ax.set(title=plots.scheme_name(spec), ylim=(0, 1.05))
axes[0].get_legend().remove()
axes[1].set_ylabel("")
plt.show()

# %% [markdown]
# **What you should see.** On the left the weights stay at 1 for five steps, until the first update.
# Then they fan out: the losses of the early exits fall more slowly, so their weights go down, that
# of exit 1 to about 0.4. For a moment exit 6 is not on top: a deep exit needs longer to get going.
# On the right the first update takes all but the last to about a half. That is the formula: at
# equal losses $u_i = 1$, the last gets $1 + e = 2$, and dividing by the largest leaves 1/2 for the
# rest, with $\gamma$ mixed in 0.535. From there they fan out too.
#
# The weights at the end must be those that notebook 03's formula gives for the running means.

# %%
ada = schemes["adaloss:every=5,extra=1"]
torch.allclose(ada.weights, weighting.adaloss_weights(ada.mean_losses, gamma=0.07, extra=1.0))

# %% [markdown]
# What has been balanced? AdaLoss wants the *weighted* losses $B_i \ell_i$ to have one scale. From
# the records, at the end of each epoch:

# %% alt="Two panels over five epochs: under CONST the six weighted losses spread apart, under AdaLoss they stay closer together."
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
for ax, spec in zip(axes, ("const", "adaloss:every=5"), strict=True):
    plots.draw_losses(ax, live[spec].values("train_loss") * live[spec].values("weights"))
    ax.set(title=plots.scheme_name(spec), ylabel="")
axes[0].set_ylabel("weighted loss (nats)")
axes[0].get_legend().remove()
plt.show()

# %%
weighted = {s: live[s].final("train_loss") * live[s].final("weights") for s in SCHEMES}
spread = {s: max(values) / min(values) for s, values in weighted.items()}
print("CONST: largest more than twice the smallest:", bool(spread["const"] > 2))
print("AdaLoss: less than one and a half times:", bool(spread["adaloss:every=5"] < 1.5))

# %% [markdown]
# **What you should see.** Under CONST the weighted losses are just the losses, and they drift apart:
# at the end that of exit 1 is more than twice that of exit 6, so exit 1 has the loudest voice. Under
# AdaLoss the six curves lie nearly on top of each other while all of them fall. That is what
# "balancing" means here.
#
# ## The same total weight
#
# Notebook 02 warned of a trap: the schemes' totals $\sum_i B_i$ differ, and with them the size of
# the step. Every scheme takes the option `total`, which rescales its weights to a given sum. First
# the rule itself, in training, with weight decay off: a quarter of the weight is undone by four times
# the learning rate.

# %%
plain = replace(short, weight_decay=0.0)
light, heavy = fresh("const:total=1.5"), fresh("const:total=6")
train_by_hand(*light, few.train, order, replace(plain, lr=0.4))
train_by_hand(*heavy, few.train, order, replace(plain, lr=0.1))
same(light[0], heavy[0])

# %% [markdown]
# Now it gets serious. CONST sums to 6, HALF-END to 2. In the map above HALF-END's exit 1 is far
# behind that of CONST. Is that because HALF-END *prefers* the last exit, or because everything but
# the last exit was trained with too small steps?
#
# **What do you expect?** HALF-END once more, with the same preferences, but a total of 6.

# %% alt="Three falling curves of error over exits: HALF-END with its own total of 2 is worst up to exit 4; with a total of 6 it lies between it and CONST there."
live["half-end:total=6"] = train_with("half-end:total=6")
for spec, dash in (("const", "-"), ("half-end", "-"), ("half-end:total=6", "--")):
    total = weighting.build(spec, K).weights.sum()
    label = f"{plots.scheme_name(spec)}, total {total:.0f}"
    error = 100 * live[spec].final("test_error")
    plt.plot(range(1, K + 1), error, dash, label=label, **plots.scheme_style(spec))
plt.xlabel("exit")
plt.ylabel("test error (%)")
plt.title("Preference or size of the step?")
plt.legend()
plt.show()

# %% [markdown]
# **What you should see.** With a total of 6 HALF-END comes nearer to CONST. At exits 1 and 2 about half
# of the gap stays, at exits 3 and 4 a third and less: that part is preference. At the last two exits
# nothing changes that such a run could show. The preferences are the same as before: half of the weight
# is on the last exit. What has changed is the size of the step. (How much of the gap stays depends on
# the seed. Try it: `train_with("half-end:total=6", seed=1)`.) So whoever compares schemes at one learning rate
# compares two things at once. The paper's schemes have the totals that they have; ask of every
# comparison whether the learning rate was fair to both.
#
# ## What a run of seconds can show
#
# All curves so far are single runs. Another seed means other initial weights and another order of
# the images, nothing else. A difference between two schemes means something only if it is larger
# than what seeds do. So: CONST and AdaLoss, two more seeds each.

# %%
pair = ("const", "adaloss:every=5")
seeds = [live[spec] for spec in pair]
seeds += [train_with(spec, seed) for seed in (1, 2) for spec in pair]
len(seeds)

# %% [markdown]
# **What do you expect?** The bands below are one standard deviation over three seeds, to both
# sides. Where will the bands of CONST and AdaLoss overlap?

# %% alt="Two curves of test error over cost with bands: CONST is lower at the first two exits; the bands overlap, and from exit 3 on the curves are nearly one."
ax = plt.gca()
plots.draw_error_against_cost(ax, error_over_cost(seeds))
ax.legend(loc="upper right")
ax.set_title("Mean of three seeds, bands of one standard deviation")
plt.show()

# %% [markdown]
# **What you should see.** At exit 1 the bands are several points wide: seeds alone do that. At exits 1
# and 2 CONST is better on average; the picture does not test whether that is more than luck. From exit 3
# on there is no difference to speak of: at the last exit CONST is lower by about half a point.
# Could so small a difference be seen at all? Look at the test set. An error of 0.25, measured on 500
# images, has a standard error of $\sqrt{0.25 \cdot 0.75 / 500}$:

# %%
float(metrics.binomial_std_error(0.25, 500).round(3))

# %% [markdown]
# That is 2 points, and the bands don't contain it, since all seeds share the same test images.
# And the result hangs on the recipe. Try it: set `epochs=6` at the top (and `evaluate_every=6` in
# `train_with`), run everything again, and look whether the last exits are still level.
#
# **What runs of seconds can show:** large effects. OPT's other exits know nothing, the exponential
# starves the first exits, AdaLoss's weights fan out, totals matter.
#
# **What they cannot show:** which scheme has the best last exit. The differences there are a few
# percent, and so is what seeds, test images and a bit of recipe do. The networks have also learned for 100 steps only, and AdaLoss's
# case rests on what happens late in training, when the losses of the last exits become small. For
# that one needs longer runs, more seeds, and notebook 05.
#
# ## A record on disk
#
# `train` returned records. A record is one JSON file. We write ours into a folder that vanishes at
# the end, and look at one.

# %%
import tempfile
from pathlib import Path

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
for run in [*live.values(), *seeds[2:]]:
    run.save(folder / f"{run.name}.json")
print(live["half-end"].name)

# %% [markdown]
# The name says what was trained. The last eight characters are computed from the whole
# configuration: two runs that differ in anything have two names.

# %%
import json

content = json.loads((folder / f"{live['half-end'].name}.json").read_text())
for key, value in content.items():
    print(f"{key:12} {type(value).__name__:6}", ", ".join(value[0]) if key == "sittings" else "")

# %%
print(json.dumps(content["config"], indent=1))

# %% [markdown]
# `config` decides the result, down to the seed; `start` says that the network began untrained, from
# the seed; the `fingerprint` is of its images. `sittings` says where it was made, once for each time
# that training was taken up, `cost` and `parameters` what each exit takes. `history` has one entry per epoch:

# %%
for epoch in content["history"]:
    print(
        epoch["epoch"], f"{epoch['lr']:.3f}", [key for key in epoch if key not in ("epoch", "lr")]
    )

# %% [markdown]
# All of these are lists with one number per exit. The test set was looked at once, at the end.
#
# `runs.find` picks records by any value of their configuration, or by several accepted values.
# `runs.table` makes them one table, with a row per run and exit.

# %%
print(len(runs.find(folder)), "runs")
print(len(runs.find(folder, weighting="opt")), "of OPT")
print(len(runs.find(folder, weighting=["const", "linear"], seed=0)), "of CONST or LINEAR, seed 0")

# %%
table = runs.table(runs.find(folder, weighting="adaloss:every=5"))
print(len(table), "rows;", *table.columns)
table[["weighting", "seed", "exit", "cost", "share"]].head(K).round(2)

# %% [markdown]
# ## Stop and go on
#
# Real runs take hours, and machines crash. With `checkpoint=`, `train` keeps a file from which the
# same call goes on. To see that it works, we need a crash. `after_epoch` is called after every
# epoch; this one pulls the plug.


# %%
class PowerCut(Exception):
    """What happens to computers."""


def pull_the_plug(run):
    if len(run.history) == 2:
        raise PowerCut


three_epochs = replace(recipe, epochs=3)
whole = fresh("adaloss:every=3")
undisturbed = train(*whole, few, three_epochs, progress=False)

# %%
options = {"checkpoint": folder / "stopped.ckpt", "progress": False}
try:
    train(*fresh("adaloss:every=3"), few, three_epochs, after_epoch=pull_the_plug, **options)
except PowerCut:
    print("stopped; a checkpoint is there:", (folder / "stopped.ckpt").exists())

# %% [markdown]
# **What do you expect?** The checkpoint was written at the end of epoch 1; epoch 2 is lost. We call
# `train` again, with an untrained network. Will the record be equal, or nearly so?

# %%
resumed = fresh("adaloss:every=3")
run = train(*resumed, few, three_epochs, **options)
parts = zip(resumed[0].state_dict().values(), whole[0].state_dict().values(), strict=True)
print("the same history:", run.history == undisturbed.history)
print("the same network, bit for bit:", all(torch.equal(one, other) for one, other in parts))
print("the same weights:", torch.equal(resumed[1].weights, whole[1].weights))
print(len(run.sittings), "sittings; checkpoint still there:", (folder / "stopped.ckpt").exists())
temporary.cleanup()

# %% [markdown]
# **What you should see.** `True` three times: nothing tells the resumed run from the other. Two
# things make that possible. The checkpoint holds everything that changes: network, momentum,
# AdaLoss's running means, sums, history. And no draw depends on earlier draws: the order of epoch 7
# follows from the seed and the number 7. (On a GPU the sums of some operations are rounded in an
# order that varies, so there the runs agree only nearly.)
#
# The command `python -m anytime train` does all this for you: it names the record, keeps the
# checkpoint beside it, and goes on where it was cut off.
#
# ## Runs on photographs
#
# Some longer runs of a larger network come with this course. They were trained on colour
# photographs: a copy of CIFAR-10 that stores its images as JPEG, so the errors are not quite those
# of CIFAR-10 itself. Three of them are of interest here. Two learn 10,000 images for 80 epochs, with
# CONST and with AdaLoss. The third learns all 50,000 images, for 12 epochs, with AdaLoss.

# %%
wanted = {"dataset": "cifar10", "network": "resann-3-16-stride2", "seed": 0}
const = runs.find(weighting="const", train_images=10_000, **wanted)[0]
adaloss = runs.find(weighting="adaloss", train_images=10_000, **wanted)[0]
more_images = runs.find(weighting="adaloss", train_images=50_000, **wanted)[0]

for run in (const, adaloss, more_images):
    minutes = f"{run.cpu_seconds / 60:.0f} minutes of one core"
    print(run.config["weighting"], len(run.history), "epochs,", minutes, f"({len(run.sittings)})")

# %% [markdown]
# The number in brackets counts sittings: the third run was killed once and went on.
#
# **What do you expect?** In 80 epochs a network can learn 10,000 images by heart. In 12 epochs it
# cannot learn 50,000. What will AdaLoss's weights do when the loss of the last exit goes to zero?

# %% alt="Left, on 50,000 images the nine weights fan out to between 0.5 and 1. Right, on 10,000 images they fan out, then six of nine fall to the floor of 0.07 by epoch 50."
figure, axes = plt.subplots(1, 2, figsize=(10.5, 4), sharey=True)
for ax, run in zip(axes, (more_images, adaloss), strict=True):
    plots.draw_history(ax, run, "weights")
    ax.axhline(0.07, color="0.5", linestyle=":", label="γ = 0.07")
    ax.set(title=f"AdaLoss on {run.config['train_images']:,} photographs", ylim=(0, 1.05))
axes[0].get_legend().remove()
axes[1].set_ylabel("")
axes[1].legend(loc="upper left", bbox_to_anchor=(1.01, 1))
plt.show()

# %% [markdown]
# **What you should see.** On the left it looks like our live run: the weights fan out slowly. On
# the right they go on to fall, those of the first exits all the way, those of exits 5 and 6 later and
# faster. By epoch 55 six of nine lie almost on the floor, $\gamma$. Why? Look at the losses.

# %% alt="The training loss of nine exits over 80 epochs on a logarithmic axis: the first ends near 1, the last below 0.001."
ax = plt.gca()
plots.draw_history(ax, adaloss, "train_loss")
ax.set(yscale="log", title="The losses behind the weights on the right")
plt.show()

# %%
for k in (0, 5, 6, 8):
    B, loss = adaloss.final("weights")[k], adaloss.final("train_loss")[k]
    print(f"exit {k + 1}: loss {loss:.4f}, weight {B:.2f}")

# %% [markdown]
# **What you should see.** The first exits are too small to learn 10,000 images by heart: their
# losses stay near 1. The last exits can, and their losses fall by a factor of more than a thousand.
# Weights go as the inverse, so the first exit's $u_1$ is about one two-thousandth. Only $\gamma$ keeps it in the
# game. AdaLoss has, by itself, turned into something close to OPT for the last exits.
#
# **What do you expect?** CONST treats all exits alike to the end. Which exits are better under which
# scheme?

# %% alt="Two curves of test error over cost on photographs: CONST is lower at the first three exits, AdaLoss from exit 4 to the end."
ax = plt.gca()
plots.draw_error_against_cost(ax, error_over_cost([const, adaloss]))
ax.legend(loc="upper right")
ax.set_title("CIFAR-10 (JPEG copy), 10,000 images, one run each")
plt.show()

# %%
found = {run.config["weighting"]: 100 * run.final("test_error") for run in (const, adaloss)}
pd.DataFrame(found, index=pd.RangeIndex(1, 10, name="exit")).T.round(1)

# %% [markdown]
# **What you should see.** A trade. CONST is better at the first three exits, by 2 to 4 points. From exit
# 4 on AdaLoss is better, by up to 1.5 points. This is where AdaLoss should do well: the paper finds it near
# the optimum in the later part of a network. But there is one run of each here, and one recipe. How
# much of it is left over seeds, and how far from OPT both are, is the subject of notebook 05.

# %% [markdown]
# ## Summary
#
# - The training step is the usual one. A weighting changes one line: how $K$ losses become one.
# - Schemes differ most at the first exits: those that give them little weight pay there. OPT, which
#   gives them none, needs a network for each exit.
# - Part of a scheme's effect is not its preference but its total. `total=` takes that part out.
# - AdaLoss's weights start at 1 and follow the losses. When the last loss goes to zero, they leave
#   the early exits, down to $\gamma$.
# - At the last exit, runs of seconds don't tell the schemes apart: seeds, the size of the test set
#   and the recipe matter as much.
# - A record holds everything that decided the result. A run that was cut off goes on and ends in
#   the same record.
#
# ## Exercises
#
# **Exercise 4.1.** The losses of all exits, in one call. `F.cross_entropy` takes logits (rows, classes)
# and labels (rows,). You have logits (K, N, classes): the same N images, K times. Reshape, call it
# once with `reduction="none"`, reshape, and take the mean over the images. A loop over the exits
# gives the same numbers; on a GPU it takes K times as many calls.


# %%
import torch.nn.functional as F


def my_exit_losses(logits, labels):
    """(K, N, classes) logits, (N,) labels -> (K,) mean cross-entropy of each exit."""
    ### BEGIN SOLUTION 4.1
    exits, images, _ = logits.shape
    losses = F.cross_entropy(logits.flatten(0, 1), labels.repeat(exits), reduction="none")
    return losses.view(exits, images).mean(1)
    ### END SOLUTION


# %%
checks.exit_losses(my_exit_losses)

# %% [markdown]
# **Exercise 4.2.** A weighting of your own. A scheme is a class that hands its weights to
# `Weighting`, which does the rest: the sum, the option `total`, devices and checkpoints. Write the
# scheme
#
# $$B_i = \left(\frac{i}{K}\right)^{p}, \qquad i = 1, \dots, K .$$
#
# For $p = 0$ it is CONST; for a very large $p$ it is nearly OPT. `super().__init__(weights, total)`
# takes a tensor of shape (K,).


# %%
class Power(weighting.Weighting):
    """B_i = (i / K)^power: from CONST at power 0 towards OPT."""

    def __init__(self, num_exits, total=None, power=2.0):
        ### BEGIN SOLUTION 4.2
        exits = torch.arange(1, num_exits + 1)
        super().__init__((exits / num_exits) ** power, total)
        ### END SOLUTION


# %%
checks.power_weighting(Power)

# %% [markdown]
# Done? Then train with it. Until then this cell says so.

# %%
try:
    own = train_with(Power(K, power=2.0))
except (NotImplementedError, AttributeError, TypeError):  # the weights were not handed over
    print("Solve exercise 4.2 first.")
else:
    errors = own.final("test_error")
    print("exit 6 is better than exit 1 by at least 10 points:", bool(errors[5] < errors[0] - 0.1))

# %% [markdown]
# **Exercise 4.3.** Read a record. In which epoch did the error of the last exit on the test images
# first fall below a level? `run.history` is a list of entries, one per epoch, with `"epoch"` and,
# if the test images were looked at in that epoch, `"test_error"`: one number per exit, between 0 and 1.


# %%
def first_epoch_below(run, level):
    """The first evaluated epoch with the last exit's test error below `level`; None if none."""
    ### BEGIN SOLUTION 4.3
    for entry in run.history:
        if "test_error" in entry and entry["test_error"][-1] < level:
            return entry["epoch"]
    return None
    ### END SOLUTION


# %%
checks.first_epoch_below(first_epoch_below)

# %% [markdown]
# With it you can ask the runs on 10,000 photographs, whose test errors were taken every 4 epochs.

# %%
try:
    for run in (const, adaloss):
        print(run.config["weighting"], first_epoch_below(run, 0.35))
except NotImplementedError:
    print("Solve exercise 4.3 first.")

# %% [markdown]
# **Exercise 4.4.** How large are a scheme's steps, compared with CONST's? CONST has $\sum_i B_i = K$.
# By the rule above, a scheme that is CONST but for its total takes the same steps as CONST with the
# **effective learning rate** below. For other schemes it is a rule of thumb.
#
# $$\eta_{\text{eff}} = \eta \cdot \frac{1}{K} \sum_{i=1}^{K} B_i .$$


# %%
def effective_learning_rate(lr, weights):
    """Learning rate, (K,) weights -> the learning rate that gives CONST such steps."""
    ### BEGIN SOLUTION 4.4
    return lr * sum(weights) / len(weights)
    ### END SOLUTION


# %%
checks.effective_learning_rate(effective_learning_rate)

# %%
try:
    for spec in (*SCHEMES[:5], "opt"):
        rate = effective_learning_rate(0.1, weighting.build(spec, K).weights)
        print(f"{plots.scheme_name(spec):12} {rate:.3f}")
except (NotImplementedError, TypeError):  # TypeError: the function returns nothing
    print("Solve exercise 4.4 first.")

# %% [markdown]
# **Think.** The effective learning rate of AdaLoss changes during training. In which direction? Then
# it changes $\eta$ in addition to the schedule. Is that good?
#
# <details><summary>Answer</summary>
#
# Down. All weights start at 1, the largest stays at 1, and the others fall: in the run on
# 10,000 photographs the sum falls from 9 to 2.2. So the steps shrink faster than the schedule says. At the end they
# shrink anyway. But a comparison with CONST then compares two learning rates as well as two sets of
# weights. `adaloss:total=9` keeps the sum, and shows which part of a difference was due to the
# step.
#
# </details>
#
# **Think.** You have one hour of computing and want to know whether AdaLoss or CONST has the better
# last exit. One long run of each, or ten short runs of each?
#
# <details><summary>Answer</summary>
#
# Neither alone. One long run of each leaves you with a difference and no idea of the noise. Ten
# short runs tell you precisely how the schemes compare *after a short training*, which is another
# question: AdaLoss does something different late in training. A sensible plan is the longest
# training that still leaves three seeds per scheme, and a report of mean and deviation. If the
# difference is not clearly larger than the deviation, say so.
#
# </details>

# ## What next
#
# Notebook 05 compares the schemes properly: on recorded runs, over seeds, and against OPT at the
# quarters of the cost, as the paper does.
