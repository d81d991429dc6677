# %% [markdown]
# # 04 · Train with every weighting
#
# **What does each weighting do to the exits of a network that is trained with it?**
#
# **You will**
#
# - write the training step of the paper in full, and see that the package's gives the same network;
# - watch exits and weights move while a network trains, under any weighting you like;
# - find out where the weighting matters after a few seconds of training, and where that is too
#   short to tell.
#
# **Before:** notebook 02 (fixed schemes) and notebook 03 (AdaLoss). **Time:** 40 minutes.
# **Paper:** section 4, the training recipe and the schemes compared.

# %%
from dataclasses import replace
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from anytime import datasets, networks, plots, theory, weighting
from anytime.course import checks, laboratory
from anytime.training import Recipe, Session, exit_losses, train

plots.theme()
torch.set_num_threads(1)  # on tensors this small a second thread is in the way
device = "cuda" if torch.cuda.is_available() else "cpu"

# %% [markdown]
# ## The task and the recipe
#
# To train a dozen networks quickly, everything is small: 1,000 pictures of clothes to
# learn from, 500 to test on, and a network with six exits. Its first layer has stride 4, which makes
# every step cheap and is not the paper's. A `Recipe` says how a network is trained.

# %%
NETWORK, K = "resann-2-8-stride4", 6
clothes = datasets.load("fashion", train_size=1000)
clothes = replace(clothes, test=datasets.subset(clothes.test, 500, seed=0))
print(clothes.title, len(clothes.train), "to train,", len(clothes.test), "to test")

# %%
recipe = Recipe(epochs=5, batch_size=50, lr=0.1, augmentation=("flip",))
for key, value in recipe.to_dict().items():
    print(f"{key:14}{value}")

# %% [markdown]
# - An **epoch** is one pass over the training images, here 1,000 / 50 = 20 steps.
# - **SGD with momentum** keeps a velocity $v$, a sum of past gradients in which old ones fade. With
#   the gradient $g$, the momentum $\mu = 0.9$ and the learning rate $\eta$, a step is
#   $v \leftarrow \mu v + g$, then $\theta \leftarrow \theta - \eta v$.
# - The **one-cycle** schedule lets $\eta$ rise evenly to `lr` over the first quarter of the training
#   and fall evenly to 0 after it. The paper's schedule holds the rate and drops it three times in
#   300 epochs.
# - **Weight decay** adds $\lambda \theta$ to the gradient and so pulls the parameters (not the $B_i$)
#   towards zero. As in the authors' code, the linear layer of exit $i$ gets $\lambda$ times the weight
#   that SIEVE (notebook 02) gives to the exit, whatever weights its loss has. Biases and batch
#   normalisation are not decayed.
# - `augmentation` changes each batch at random, so that the network never sees quite the same images
#   again. Here they are mirrored half of the time.
#
# ## One training step, in full
#
# Here is the whole training of one epoch, with nothing hidden.


# %%
def train_by_hand(network, weighting, images, order, recipe):
    """One epoch of SGD over the batches of `order`, each a tensor of positions in `images`."""
    network.standardise.mean = datasets.pixel_mean(images.pixels).to(device)
    convolutions = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
    decay = {part.weight: recipe.weight_decay for part in convolutions}
    for head, S_i in zip(network.heads, theory.sieve(network.num_exits), strict=True):
        decay[head[-1].weight] = S_i * recipe.weight_decay
    groups = [{"params": [p], "weight_decay": decay.get(p, 0.0)} for p in network.parameters()]
    optimizer = torch.optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)

    network.train()
    for step, batch in enumerate(order):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate(step / len(order))
        logits = network(images.pixels[batch].to(device))
        losses = exit_losses(logits, images.labels[batch].to(device))
        optimizer.zero_grad()
        weighting(losses).backward()
        optimizer.step()


# %% [markdown]
# The loop computes a loss per exit, one weighted sum and one backward pass, and takes a step.
# **The line with the weighting is the only one in which the schemes differ.** AdaLoss keeps its books
# inside `weighting(losses)`: it takes the sum under its present weights, then updates the running
# means, and after every $T$ steps the weights.
#
# Is this what `train` does? `train` is made of a `Session`, which can be asked for the order of the
# images. We compare four steps, and decay much harder than usual so that a mistake in the decay would
# show.

# %%
few = replace(clothes, train=clothes.train[::5])
short = replace(recipe, epochs=1, augmentation=(), weight_decay=0.05, channels_last=False)


# %%
def fresh(spec):
    """An untrained network, always the same, and a weighting for it."""
    network = networks.build(NETWORK, in_channels=1, seed=0)
    return network.to(device), weighting.build(spec, K).to(device)


# %%
order = [batch.cpu() for batch in Session(*fresh("const"), few, short, seed=0).batches()]
print(len(order), "batches of", len(order[0]), "images")


# %%
def same(one, other):
    """Whether two networks have the same parameters, up to rounding."""
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.allclose(p, q, atol=1e-4) for p, q in pairs)


# %%
by_package, scheme = fresh("adaloss:every=1")
train(by_package, scheme, few, short, seed=0, progress=False)
for forgotten in ({}, {"momentum": 0.0}, {"weight_decay": 0.0}):
    by_hand, scheme = fresh("adaloss:every=1")
    train_by_hand(by_hand, scheme, few.train, order, replace(short, **forgotten))
    print("without", *forgotten or ["leaving anything out"], same(by_hand, by_package))

# %% [markdown]
# **What you should see.** `True` for our loop as it stands, and `False` as soon as it forgets the
# momentum or the decay. From here on we use `train`, which also evaluates and keeps a record.
#
# ## The laboratory
#
# `laboratory.compare` trains a network under each weighting you name and draws what happened: the
# test error of each exit after every epoch, and below it the weights at every step.
#
# **What do you expect?** All of AdaLoss's weights start at 1. Which of them fall, and which exits
# learn fastest under either weighting?

# %% alt="Two columns, CONST and AdaLoss. Above, the test errors of six exits fall over twelve epochs, the last exits fastest. Below, CONST's weights stay at 1, and AdaLoss's fan out: the later the exit, the higher."
laboratory.compare("const", "adaloss:every=5")

# %% [markdown]
# **What you should see.** In both columns the late exits learn faster and end lower. CONST's weights
# rest at 1. AdaLoss's fan out after the first update: the losses of the early exits fall more slowly,
# so their weights go down, that of exit 1 furthest. (We take $T = 5$ instead of the usual 100, since
# the whole training has only a few hundred steps.)
#
# In JupyterLab the next cell opens the same with a button for each weighting. Press one, and it trains
# before your eyes; press a second one, and it trains beside the first. *Stop* and *Go on* do what they
# say, and other cells can run meanwhile. The numbers are those that `train` gives for the same seed.
# *Ten minutes here* takes a larger network and all images; where there is a graphics card, *on this
# GPU* appears as well. The line below the buttons says which device is used.

# %% tags=["widget"]
laboratory.Laboratory()

# %% [markdown]
# ## Every weighting, once
#
# Now all schemes under one recipe. The seed decides the first parameters, the order of the images and
# the augmentation, so two runs with the same seed differ in nothing but the weighting. OPT for the
# last exit is in the list as well; in the paper OPT means a network of its own for every exit.


# %%
@cache
def train_with(spec, seed=0):
    """The record of a network trained under a weighting; asked again, the same record."""
    network = networks.build(NETWORK, in_channels=1, seed=seed).to(device)
    scheme = weighting.build(spec, K)
    return train(network, scheme, clothes, recipe, seed=seed, evaluate_every=5, progress=False)


# %%
SCHEMES = ["const", "adaloss:every=5", "linear", "half-end", "sieve", "exponential", "opt"]
error_map = np.array([100 * train_with(spec).final("test_error") for spec in SCHEMES])

# %% alt="A map of test errors, seven schemes in rows and six exits in columns: the first column ranges from about 50 to over 90 percent, the last differs by a few percent only."
plt.figure(figsize=(8, 4))
image = plt.imshow(error_map, cmap="cividis_r", aspect="auto", vmin=20, vmax=95)
for (row, k), error in np.ndenumerate(error_map):
    plt.text(k, row, f"{error:.0f}", ha="center", va="center", color="w" if error > 50 else "k")
plt.xticks(range(K), range(1, K + 1))
plt.yticks(range(len(SCHEMES)), [plots.scheme_name(spec) for spec in SCHEMES])
plt.grid(False)
plt.xlabel("exit")
plt.title("Test error (%) of each exit, one run each")
plt.colorbar(image)
plt.show()

# %%
first, last = error_map[:, 0], error_map[:, -1]
print("exit 1: the schemes differ by more than 20 points:", bool(np.ptp(first) > 20))
print("exit 6: by less than half of that:", bool(np.ptp(last) < np.ptp(first) / 2))
print("under OPT exits 1 to 5 all stay above 70 %:", bool((error_map[-1, :-1] > 70).all()))

# %% [markdown]
# **What you should see.** The first column has the strongest contrast. The rows are ordered by the
# weight of the first exit: under CONST it is wrong in about half of the images, and the less weight it
# has, the more errors it makes. Under the exponential, which gives it 1/32, it does no better than
# guessing. Under OPT nobody asked exits 1 to 5, and they never learned to answer. SIEVE goes in a
# zigzag, since its exit 2 has more weight than its exits 1 and 3. The last column is nearly of one
# colour.
#
# ## Where the weighting matters
#
# Each row is a single run. Another seed means other first parameters and another order of the images.
# A difference between two schemes means something only if it is larger than what seeds do. So let us
# train three of the schemes with two more seeds each.

# %% alt="Test error over six exits, three lines per scheme. HALF-END's three lines lie far above those of CONST and AdaLoss at the first three exits; at the last two all nine lines run together."
TRIED = ["const", "adaloss:every=5", "half-end"]
errors = {}
for spec in TRIED:
    runs = [train_with(spec, seed) for seed in (0, 1, 2)]
    errors[spec] = 100 * np.array([run.final("test_error") for run in runs])
    lines = plt.plot(range(1, K + 1), errors[spec].T, **plots.scheme_style(spec))
    lines[0].set_label(plots.scheme_name(spec))
plt.xlabel("exit")
plt.ylabel("test error (%), a line per seed")
plt.title("Three seeds of each")
plt.legend()
plt.show()

# %% [markdown]
# **Exercise 4.1 ★ Beyond the seeds.** Say in code what the eye looks for in this picture: at which
# exits is *every* run of one scheme better than *every* run of another? The two need not have equally
# many seeds. Then try it on `errors["const"]` and `errors["half-end"]`.


# %%
def exits_where_all_win(one, other):
    """Errors (S, K) and (R, K) -> list of the exits, from 1, at which each run of `one` errs less."""
    ### BEGIN SOLUTION 4.1
    won = one.max(axis=0) < other.min(axis=0)
    return [k + 1 for k in range(len(won)) if won[k]]
    ### END SOLUTION


checks.exits_where_all_win(exits_where_all_win)

# %%
const, half_end = errors["const"], errors["half-end"]
apart = half_end.min(axis=0) - const.max(axis=0)
print("exits 1 to 3: every run of CONST is 10 points better:", bool((apart[:3] > 10).all()))
middle = bool(const[:, 2].max() < 45 < half_end[:, 2].min())
print("exit 3: CONST is wrong in less than 45 % of the images, HALF-END in more:", middle)
ends = np.concatenate([runs[:, -1] for runs in errors.values()])
print("exit 6: all nine runs lie within 5 points:", bool(np.ptp(ends) < 5))

# %% [markdown]
# **What you should see.** Up to exit 3 the weighting decides, and no luck with the seed makes up for
# it: every run of HALF-END is far worse than every run of CONST. Exit 3 stands at half of the
# network's cost. Whoever has to stop there gets a wrong answer for about half of the images under
# HALF-END, and for about a third under CONST. CONST and AdaLoss are a different case. Their lines
# overlap at every exit, so that these runs do not tell them apart. At the last exit all nine runs lie
# within a few points, and no scheme has shown that it is better.
#
# ## Preference or size of the step?
#
# Notebook 02 warned of a trap: the totals of the weights differ, and with them the size of the step.
# CONST sums to 6, HALF-END to 2. Is HALF-END's first exit far behind because HALF-END *prefers* the
# last one, or because everything but the last exit was trained with too small steps? The option
# `total` takes the two apart: `half-end:total=6` has HALF-END's preferences and CONST's total.

# %% [markdown]
# **Exercise 4.2 ★★ Predict, train, explain.** *Predict* which share of the gap between HALF-END and
# CONST at exit 1 is closed when HALF-END gets a total of 6: none (0), all (1), or how much? *Train*:
# write a function that takes a way to train, such as `train_with`, and an exit, counted from 1. With
# the mean errors over the seeds 0, 1 and 2 it gives the share
#
# $$\frac{e(\text{half-end}) - e(\text{half-end:total=6})}{e(\text{half-end}) - e(\text{const})} .$$
#
# The check tries it on a made-up training. Then call `share_of_gap_closed(train_with, 1)`, and with
# the other exits. *Explain* in five sentences what you found: how much of the gap is preference and how
# much is the size of the step, at which exits the question makes no sense and why, and what
# follows for a comparison of two schemes at one learning rate.


# %%
def share_of_gap_closed(train, exit):
    """train(spec, seed) -> a run; an exit from 1 -> the share of the gap that total=6 closes."""
    ### BEGIN SOLUTION 4.2
    mean = {}
    for spec in ("const", "half-end", "half-end:total=6"):
        runs = [train(spec, seed) for seed in (0, 1, 2)]
        mean[spec] = np.mean([run.final("test_error")[exit - 1] for run in runs])
    return (mean["half-end"] - mean["half-end:total=6"]) / (mean["half-end"] - mean["const"])


shares = [share_of_gap_closed(train_with, exit) for exit in (1, 2, 3)]
print("exits 1 to 3: between 0.4 and 0.9:", min(shares) > 0.4 and max(shares) < 0.9)

# Five sentences that would do. At exits 1 to 3 an equal total closes about two thirds of the gap.
# That part is the size of the step: HALF-END's total of 2 trains the early exits and the shared
# layers with a third of CONST's learning rate. The rest, about a third, is preference, because half
# of the weight still goes to the last exit. At exits 5 and 6 there is no gap beyond the seeds, so the
# share divides noise by noise and means nothing. A comparison at one learning rate therefore compares
# two things; before I call a scheme bad, I would give all schemes one total, or tune each one's rate.
#
# Rubric, a point each: (1) a prediction is written down before the training; (2) the share at exit 1
# is measured over three seeds; (3) both parts are named, step and preference, with their sizes; (4)
# the exits without a gap are named as those where the share means nothing; (5) it is said what a fair
# comparison would need.
### END SOLUTION


checks.share_of_gap_closed(share_of_gap_closed)

# %% [markdown]
# ## What a run of seconds cannot show
#
# At the last exit the runs do not tell the schemes apart, and they could hardly do so. An error of
# 25 %, measured on 500 images, has a standard error of two points by itself, and all runs share the
# same test images. Nor did training last long enough: AdaLoss's case rests on what happens late,
# when the losses of the last exits become small (notebook 03). For that it takes longer runs and more
# seeds, and notebook 05 shows how many.
#
# ## A weighting of your own
#
# A scheme is a class that hands its weights to `Weighting`, which does the rest: the sum, the option
# `total`, devices and checkpoints. `register` gives it a name for texts, so that everything in the kit
# can be asked for it. This one runs from CONST, at power 0, towards OPT.


# %%
@weighting.register("power")
class Power(weighting.Weighting):
    """B_i = (i / K)^power."""

    def __init__(self, num_exits, total=None, power=2.0):
        exits = torch.arange(1, num_exits + 1)
        super().__init__((exits / num_exits) ** power, total)


# %%
weighting.build("power:power=1", K).weights

# %% [markdown]
# **Exercise 4.3 ★★★ Open.** Write and register a scheme of your own, and put it beside CONST with
# `laboratory.Laboratory("const", "your-name")`, or in one line with `laboratory.compare`. The aim: with
# each of three seeds an exit 6 that is at most a point worse than CONST's, and an exit 1 that is
# better. Is there a scheme that manages both, or do you move along a line on which one exit pays for
# the other? A scheme whose weights change during training sets `self.weights` in `forward`, as
# AdaLoss's does. There is no check: show your three seeds to somebody who doubts it.
#
# **Think.** You have one hour of computing and want to know whether AdaLoss or CONST has the better
# last exit. One long run of each, or ten short runs of each?
#
# <details><summary>An answer</summary>
#
# Neither alone. One long run of each leaves you with a difference and no idea of the noise. Ten short
# runs tell you precisely how the schemes compare *after a short training*, which is another question:
# AdaLoss does something different late in training. A sensible plan is the longest training that
# still leaves three seeds per scheme, and a report of mean and scatter. If the difference is not
# clearly larger than the scatter, say so.
#
# </details>

# %% [markdown]
# ## Summary
#
# - The training step is the usual one. A weighting changes one line: how $K$ losses become one.
# - The schemes differ most at the first exits: HALF-END's are far worse than CONST's with every seed.
#   At the last exit a run of seconds does not tell the schemes apart.
# - Part of a scheme's effect is its total, which acts like a learning rate; `total=` takes it out.
# - AdaLoss's weights start at 1 and follow the losses, down to $\gamma$ if need be.
#
# ## References
#
# - H. Hu, D. Dey, M. Hebert, J. A. Bagnell (2019): [Learning Anytime Predictions in Neural Networks
#   via Adaptive Loss Balancing](https://arxiv.org/abs/1708.06832), section 4.
# - H. Xiao, K. Rasul, R. Vollgraf (2017): [Fashion-MNIST](https://arxiv.org/abs/1708.07747), the
#   pictures of clothes.
# - L. N. Smith, N. Topin (2018): [Super-Convergence](https://arxiv.org/abs/1708.07120), where the
#   one-cycle schedule comes from.
#
# ## What next
#
# [Notebook 05](05_schemes_compared.ipynb) compares the schemes on recorded runs: longer trainings,
# several seeds, and OPT as the yardstick.
