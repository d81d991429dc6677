# %% [markdown]
# # 03 · AdaLoss
#
# **How can the weights follow the losses by themselves, whatever the losses' scales are and however
# they change during training?**
#
# **You will**
#
# - see on recorded runs where AdaLoss pays and where it does not;
# - derive its weights in three ways, and check each of them with autograd;
# - build the whole algorithm, and learn what its four settings do and what its weights measure.
#
# **Before:** notebook 02 (weight times scale). **Time:** 45 minutes.
# **Paper:** section 3, AdaLoss.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from anytime import datasets, explore, networks, plots, runs, theory, weighting
from anytime.course import checks
from anytime.experiments import statistics
from anytime.training import exit_losses

plots.theme()
torch.set_num_threads(1)  # small networks gain nothing from more, and results repeat better

# %% [markdown]
# ## Where it pays
#
# Before asking how AdaLoss works, let us see what it is worth. A network with twelve exits was
# trained on three sets of photographs under several weightings, with three seeds each. The records
# of these runs ship with the course.

# %%
NAMES = {"gtsrb-half": "traffic signs", "cifar10": "CIFAR-10", "tiny-imagenet-100": "Tiny-ImageNet"}
SCHEMES = ["const", "linear", "adaloss", "adaloss:extra=1"]


def records(dataset, scheme):
    """The three recorded runs of a weighting on a data set: 20 epochs with random crops."""
    wanted = {"network": "resann-4-16-stride2", "dataset": dataset, "weighting": scheme}
    found = runs.find(runs.RUNS / "first-edition", **wanted)
    found = [run for run in found if run.epochs == 20]
    return [run for run in found if "crop" in run.config["recipe"]["augmentation"]]


def errors(dataset, scheme):
    """Test errors in percent, (3 seeds, 12 exits)."""
    return 100 * np.stack([run.final("test_error") for run in records(dataset, scheme)])


# %% alt="Test error over twelve exits on traffic signs, three lines each: AdaLoss starts far above CONST, and from exit 6 on lies below it for the most part."
for scheme in ("const", "adaloss"):
    lines = plt.plot(range(1, 13), errors("gtsrb-half", scheme).T, **plots.scheme_style(scheme))
    lines[0].set_label(plots.scheme_name(scheme))
plt.yscale("log")
plt.minorticks_off()
plt.yticks([3, 4, 5, 10, 20, 40, 80], [3, 4, 5, 10, 20, 40, 80])
plt.xlabel("exit")
plt.ylabel("test error (%), a line per seed")
plt.title("Traffic signs")
plt.legend()
plt.show()

# %% [markdown]
# AdaLoss is far worse at the first exits and mostly better at the later ones. How much better from
# exit 6 on? The next cell takes each run's mean error over exits 6 to 12. The 95 % interval of the
# difference, in brackets, says how far the luck of the seeds could have moved it (notebook 05).

# %%
for dataset, name in NAMES.items():
    late = {scheme: errors(dataset, scheme)[:, 5:].mean(axis=1) for scheme in SCHEMES}
    saved = statistics.difference(late, "const", "adaloss")
    low, high = saved.interval()
    share = saved.difference / late["const"].mean()
    print(f"{name:14} AdaLoss saves {share:5.1%} of CONST's errors,", end=" ")
    print(f"{saved.difference:.2f} points ({low:.2f} to {high:.2f})")

# %% [markdown]
# **What you should see.** On traffic signs AdaLoss saves a seventh of all errors from exit 6 on. The
# interval stays above 0, but only just: three seeds are few. On the other two sets it contains 0, so
# these runs do not show that AdaLoss helps there. The first exits tell the other half.

# %%
PARTS = {"exits 1 to 3": slice(0, 3), "exits 6 to 12": slice(5, 12)}
rows = {}
for dataset, name in NAMES.items():
    for part, exits in PARTS.items():
        rows[f"{name}, {part}"] = [errors(dataset, scheme)[:, exits].mean() for scheme in SCHEMES]
pd.DataFrame(rows, index=[plots.scheme_name(scheme) for scheme in SCHEMES]).T.round(1)

# %% [markdown]
# On all three sets CONST has the fewest errors at the first exits; on traffic signs AdaLoss more than
# doubles them. And LINEAR, whose weights never change, does about as well as AdaLoss at the late exits
# of the signs. So AdaLoss is neither a free gain nor the only way to get it. What it offers is that
# nobody has to guess weights. What makes the signs special? Look at the training losses under CONST.

# %%
for dataset, name in NAMES.items():
    losses = records(dataset, "const")[0].final("train_loss")
    print(f"{name:14} first exit {losses[0]:.2f}, last exit {losses[-1]:.3f},", end=" ")
    print(f"ratio {losses[0] / losses[-1]:.0f}")

# %% [markdown]
# On the signs the losses come apart by far the most, so that in a plain sum the last exit is drowned.
# AdaLoss acts on just this ratio.
#
# ## The idea in one line
#
# AdaLoss gives exit $i$ a weight inversely proportional to its own mean loss:
#
# $$B_i \propto \frac{1}{\hat\ell_i}, \qquad \hat\ell_i \approx E[\ell_i] .$$
#
# $\hat\ell_i$ estimates the mean loss during training. Three derivations end at these weights.
#
# ## First way: one scale for all
#
# We want all weighted losses to have the same size, so that none drowns another:
#
# $$B_1 \ell_1 = B_2 \ell_2 = \dots = B_K \ell_K \quad\Longrightarrow\quad B_i = \frac{1}{\ell_i}
# \;\text{ (or any common multiple)} .$$
#
# To see what that means for training, take a small network with three exits, and the gradient with
# respect to its stem, the first layer, which all exits share.

# %%
clothes = datasets.load("fashion", train_size=300).train
network = networks.build("resann-1-4-stride4", num_classes=10, in_channels=1, seed=0)
network.standardise.mean = datasets.pixel_mean(clothes.pixels)
stem = list(network.stem.parameters())


def gradient(scalar):
    """The gradient of a number with respect to the shared stem, as an array."""
    return torch.cat([part.flatten() for part in torch.autograd.grad(scalar, stem)]).numpy()


def losses_now():
    """The losses (3,) of the network over all 300 images."""
    return exit_losses(network(clothes.pixels), clothes.labels)


# %% [markdown]
# Suppose that someone measures the loss of exit 2 in units that are a hundred times smaller, so that
# its numbers become a hundred times as large. Does the training step change? (The weights are
# numbers, not functions of the parameters $\theta$: no gradient flows through them. In PyTorch
# `detach` says so.)


# %%
def step_direction(units, adaptive):
    """The gradient of the weighted sum when the losses are multiplied by `units` (3,)."""
    losses = units * losses_now()
    B = 1 / losses.detach() if adaptive else torch.ones(3)
    return gradient((B * losses).sum())


ones, changed = torch.ones(3), torch.tensor([1.0, 100.0, 1.0])
for name, adaptive in (("1", False), ("1/l", True)):
    before, after = step_direction(ones, adaptive), step_direction(changed, adaptive)
    print(f"weights {name:3}: the step stays the same: {np.allclose(before, after, atol=1e-4)}")

# %% [markdown]
# With weights 1 the choice of units decides where training goes. With weights $1/\ell_i$ it cannot.
#
# ## Second way: the geometric mean
#
# CONST minimises the sum of the expected losses, which is their arithmetic mean up to a factor. What
# if we minimise the **geometric** mean instead, $\big(\prod_i E[\ell_i]\big)^{1/K}$? Its logarithm,
# $\frac1K \sum_i \ln E[\ell_i]$, has its minimum in the same place, and by the chain rule
#
# $$\nabla \sum_i \ln E[\ell_i] = \sum_i \frac{\nabla E[\ell_i]}{E[\ell_i]}
# = \sum_i B_i \nabla E[\ell_i] \quad\text{with}\quad B_i = \frac{1}{E[\ell_i]} .$$
#
# A step of AdaLoss is thus a step downhill on the sum of the logarithms, and autograd agrees:

# %%
by_logarithm = gradient(losses_now().log().sum())
by_weights = step_direction(ones, adaptive=True)
np.allclose(by_logarithm, by_weights, atol=1e-4)

# %% [markdown]
# This tells us what AdaLoss *wants*. A sum counts by how much a loss falls, and a sum of logarithms
# by which factor. Take two exits with the losses 2 and 0.02. Plan A brings the first to 1.9, plan B
# the second to 0.01.

# %%
now, plan_a, plan_b = np.array([[2.0, 0.02], [1.9, 0.02], [2.0, 0.01]])
for name, plan in (("A", plan_a), ("B", plan_b)):
    print(f"plan {name}: the sum falls by {(now - plan).sum():.2f},", end=" ")
    print(f"the sum of logarithms by {np.log(now / plan).sum():.2f}")

# %% [markdown]
# The sum prefers plan A, and the sum of logarithms plan B. To halve a loss is worth
# $\ln 2 = 0.69$ to the latter, however small the loss already is. That is the strength of AdaLoss and
# also its price, because this sum has no bottom: a loss that falls gets more weight, and so falls
# further.
#
# The expectation stands inside the logarithm. With the loss of a single batch in its place, every
# batch that happens to be easy would get a huge weight. So AdaLoss first estimates the mean, by a
# running mean over batches, and only then takes the inverse.
#
# ## Third way: likelihood
#
# Let the weights be learned. Minimising $\sum_i B_i \ell_i$ over $B$ is useless, since the best $B$
# is 0, so something must reward large weights. Suppose the values of a loss were drawn from an
# exponential distribution with the rate $B$, which has the mean $1/B$:
#
# $$p(\ell \mid B) = B \, e^{-B \ell}, \qquad -\ln p(\ell \mid B) = B \ell - \ln B .$$
#
# To fit the rates by maximum likelihood is to minimise $\sum_i (B_i \ell_i - \ln B_i)$. The
# derivative by $B_i$ is $\ell_i - 1/B_i$, which is zero at $B_i = 1/\ell_i$, and the second derivative,
# $1/B_i^2$, is positive: a minimum. Autograd finds no slope there:

# %%
losses = losses_now().detach()
B = (1 / losses).requires_grad_()
(slope,) = torch.autograd.grad((B * losses - B.log()).sum(), B)
np.allclose(slope, 0, atol=1e-5)

# %% [markdown]
# Put the best weights back into the objective, and each term becomes $1 + \ln \ell_i$. So whoever
# minimises over the weights first and then over $\theta$ arrives at the second way:

# %%
losses = losses_now()
B = 1 / losses  # not detached: the weights follow theta
np.allclose(gradient((B * losses - B.log()).sum()), by_logarithm, atol=1e-4)

# %% [markdown]
# **Exercise 3.1 ★ Exits that matter more.** Suppose that exit $i$ matters $c_i$ times as much as
# usual. Which weights minimise $\sum_i (B_i \ell_i - c_i \ln B_i)$? Work it out on paper first.


# %%
def best_weights(losses, importance):
    """Losses (K,), importance c (K,) -> the weights (K,) that minimise the sum above."""
    ### BEGIN SOLUTION 3.1
    return importance / losses
    ### END SOLUTION


checks.best_weights(best_weights)

# %% [markdown]
# ## The toy again
#
# In the toy of notebook 02, equal weights let the loss with the scale 100 drown the other one. Here
# the weights are $1/\ell_i$ at every step. A loss's *floor* is the lowest value that it can reach, and
# losses are given in multiples of it.

# %%
start = np.array([0.0, 1.0])
for big in (1, 10, 100):
    toy = theory.two_loss_toy(big, floor=1.0)
    const = toy.descend(start, np.ones_like, rate=0.5 / big, steps=4000)
    adaptive = toy.descend(start, lambda losses: 1 / losses, rate=0.2, steps=400)
    ends = [(toy.losses(path[-1]) / toy.floors).round(2) for path in (const, adaptive)]
    print(f"scale {big:3}: losses in floors {ends[0]} with equal weights, {ends[1]} with 1/l")

# %% [markdown]
# **What you should see.** With equal weights loss 1 comes the closer to its floor the larger its scale
# is, while loss 2 ends at nearly three times its own. With weights $1/\ell_i$ both losses end equally
# far from their floors, whatever the scale.
#
# ## The algorithm
#
# At every step the released code does this:
#
# 1. Train on $\sum_i B_i \ell_i$, with the losses of the batch and the weights in force.
# 2. Update the running means, $m_i \leftarrow \rho \, m_i + (1 - \rho) \, \ell_i$. They start at the
#    losses of the first batch.
#
# After every $T$ steps it sets new weights (before the first time, all are 1):
#
# 3. $u_i = 1 / m_i$, divided by the largest, so that the largest $u_i$ is 1.
# 4. $u_K \leftarrow u_K + e$: something extra for the last exit. Then divide by the largest again.
# 5. $B_i = (1 - \gamma) \, u_i + \gamma$: mix with a uniform weight, so that no weight falls below
#    $\gamma$.
#
# By hand, with $e = 1$ and $\gamma = 0.2$: $m = (4, 2, 1)$ gives $u = (\frac14, \frac12, 1)$, then
# $(\frac14, \frac12, 2)$, then $(\frac18, \frac14, 1)$, and so $B = (0.3, 0.4, 1)$. In code $\rho$
# is `momentum` (not the momentum of SGD), $T$ is `every`, and $e$ is `extra`.


# %%
class AdaLossByHand:
    """AdaLoss on arrays: ask `weights` (K,), then tell it the batch's losses (K,)."""

    def __init__(self, num_exits, gamma, momentum, every, extra):
        self.gamma, self.momentum, self.every, self.extra = gamma, momentum, every, extra
        self.weights, self.means, self.steps = np.ones(num_exits), None, 0

    def observe(self, losses):
        if self.means is None:
            self.means = losses
        self.means = self.momentum * self.means + (1 - self.momentum) * losses
        self.steps += 1
        if self.steps % self.every == 0:
            u = self.means.min() / self.means
            u[-1] += self.extra
            u = u / u.max()
            self.weights = (1 - self.gamma) * u + self.gamma


by_hand = AdaLossByHand(3, gamma=0.2, momentum=0.9, every=1, extra=1.0)
by_hand.observe(np.array([4.0, 2.0, 1.0]))
by_hand.weights

# %% [markdown]
# That is what we found by hand. Does it agree with the package's class over 250 random batches?

# %%
options = {"gamma": 0.07, "momentum": 0.9, "every": 7, "extra": 0.5}
by_hand, package = AdaLossByHand(5, **options), weighting.AdaLoss(5, **options)
agree = []
for batch in np.random.default_rng(1).uniform(0.05, 2.5, size=(250, 5)):
    total = package(torch.tensor(batch, dtype=torch.float32))
    agree.append(np.isclose(total, by_hand.weights @ batch, rtol=1e-4))
    by_hand.observe(batch)
    agree.append(np.allclose(package.weights, by_hand.weights, rtol=1e-4))
all(agree)

# %% [markdown]
# ## What the four settings do
#
# | setting | what it does | in the released code |
# |---|---|---|
# | $\gamma$ | the least weight; keeps every exit in training | 0.07 nearly everywhere |
# | $\rho$ | memory: roughly the last $1/(1-\rho)$ batches count | 0.9 or 0.99 |
# | $T$ | steps between updates; until step $T$ the training is CONST | 1 or 100 |
# | $e$ | lowers all exits against the last; with $e \ge 1$ the last has the weight 1 | 0, 0.5 or 1 |
#
# The authors' scripts for CIFAR and SVHN pass only $\gamma$, so that $\rho$, $T$ and $e$ of the
# paper's own runs cannot be recovered.
#
# A loss that is $r$ times the smallest gets the weight $(1 - \gamma)/r + \gamma$. Once $r$ is larger
# than about $1/\gamma$, the second term dominates: **the scale is no longer cancelled**, and the
# big loss drowns the small one after all. In the toy with a scale of 100:

# %%
for gamma in (0.0, 0.07):
    weigh = partial(theory.adaloss_weights, gamma=gamma)
    end = toy.descend(start, weigh, rate=0.1, steps=3000)[-1]
    print(f"gamma {gamma:4}: losses in floors {(toy.losses(end) / toy.floors).round(2)}")

# %% [markdown]
# The explorer below replays AdaLoss over the losses of a recorded run, for you to try all four. Its
# picture shows a run on 10,000 images of CIFAR-10, replayed with $e = 1$ in place of 0: at once all
# weights but the last fall to about a half, and by epoch 60 six of them are at $\gamma$.

# %% alt="Left: the last exit's share of the weight over 80 epochs, as replayed and as recorded. Right: the replayed weights, a line per exit."
wanted = {"dataset": "cifar10", "network": "resann-3-16-stride2", "weighting": "adaloss", "seed": 0}
found = {run.epochs: run for run in runs.find(runs.RUNS / "first-edition", **wanted)}
explore.adaloss_anatomy(run=found[80]).figure(extra=1.0)

# %% tags=["widget"]
explore.adaloss_anatomy()

# %% [markdown]
# ## What the weights measure
#
# The weights see the **training** loss, of the network as it is. They see neither the test error
# nor what an exit could still gain. The run above learned 10,000 images for 80 epochs. Another one
# has the same network and the same task, but learned 50,000 images for 12 epochs.
#
# **What do you expect?** In which of the two do the weights concentrate more on the last exits?

# %% alt="Two panels by exit. Left, weights: with 10,000 images near 0.07 up to exit 6 and 1 at the end, with 50,000 rising evenly from a half to 1. Right, losses: with 10,000 images the training loss falls below 0.001 while the test loss rises to 2; with 50,000 both stay together."
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
for run, color in ((found[80], plots.PALETTE[0]), (found[12], plots.PALETTE[1])):
    name, exits = f"{run.config['train_images']:,} images", range(1, 10)
    left.plot(exits, run.final("weights"), "o-", color=color, label=name)
    right.plot(exits, run.final("train_loss"), "o-", color=color, label=f"{name}, training")
    right.plot(exits, run.final("test_loss"), "s--", color=color, label=f"{name}, test")
left.set(xlabel="exit", ylabel="weight B", ylim=(0, 1.05), title="AdaLoss's weights at the end")
right.set(xlabel="exit", ylabel="loss (nats)", yscale="log", title="Losses at the end")
left.legend()
right.legend(loc="lower left")
plt.show()

# %%
for run in (found[80], found[12]):
    weights, images = run.final("weights"), run.config["train_images"]
    late = weights[-2:].sum() / weights.sum()
    total = weights.sum()
    print(f"{images:6,} images: the last two exits have {late:.0%} of a total of {total:.1f}")

# %% [markdown]
# **What you should see.** The small run has learned its images by heart: at the last exit the
# training loss is below 0.001, while the test loss is about 2. Two of nine exits hold three quarters
# of its weight. In the large run training and test loss stay together, and so do the weights. The
# paper reads the final weights as a sign of how hard a data set is; here the task is the same, and
# one network has overfitted. Notebook 08 returns to this.
#
# The total starts at 9 and falls as the losses come apart. For the shared layers that is a falling
# learning rate (notebook 02); the option `total`, which is not in the paper, holds it fixed.

# %% [markdown]
# **Exercise 3.2 ★★ Predict, measure, explain.** The first way promises one scale for all weighted
# losses $B_i \ell_i$. Is the promise kept in the two runs above? *Predict* for each of them how many
# times the smallest weighted loss the largest one is, at the last epoch. *Measure* it: write the
# function, and call it with `found[80]` and `found[12]`. `run.final("weights")` and
# `run.final("train_loss")` give the last epoch's arrays (K,).
#
# Then *explain* in five sentences what you found: which run keeps the promise, which does not, which
# of the four settings is behind it and from which ratio of losses on, and whether you would change
# that setting.


# %%
def spread_of_weighted_losses(run):
    """A run -> its largest weighted loss divided by its smallest, at the last epoch."""
    ### BEGIN SOLUTION 3.2
    weighted = run.final("weights") * run.final("train_loss")
    return weighted.max() / weighted.min()


for run in (found[80], found[12]):
    print(f"{run.config['train_images']:6,} images: {spread_of_weighted_losses(run):.1f}")

# Five sentences that would do. With 50,000 images the weighted losses lie within a tenth of each
# other, so the promise is kept. With 10,000 images the largest is more than a hundred times the
# smallest. There the losses themselves are a factor of about two thousand apart, and gamma gives the
# early exits 0.07 where the inverse would give them a two-thousandth. From a ratio of about 1/gamma,
# 14, the least weight outweighs the inverse. A smaller gamma would keep the promise longer, but the
# first exits would then hardly be trained any more, so I would leave it.
#
# Rubric, a point each: (1) a prediction is written down before the measurement; (2) both numbers
# are right; (3) gamma is named as the reason, not the memory, T or e; (4) the ratio 1/gamma, or
# (1 - gamma)/gamma, is compared with the ratio of the losses; (5) the answer on changing gamma says
# what it would cost, and whom.
### END SOLUTION


checks.spread_of_weighted_losses(spread_of_weighted_losses)

# %% [markdown]
# **Exercise 3.3 ★★★ Open.** Find another rule that turns mean losses into weights, for example
# $B_i \propto \ell_i^{-p}$. Which of the three promises does it keep: units do not matter, no exit is
# forgotten, the largest weight is 1? Let the toy descend under your rule at the scales 1, 10 and 100,
# and from a start nearer to one of the centres. Say what your rule *wants*, as the second way says it
# of AdaLoss: of which function of the losses is it the gradient? There is no check; notebook 12
# compares the rules of other authors.

# %% [markdown]
# ## Summary
#
# - AdaLoss sets $B_i \propto 1/\hat\ell_i$: one scale for all weighted losses, the gradient of the
#   geometric mean, the likelihood of exponential losses.
# - It pays at the late exits where the losses come far apart, and the first exits pay for it. Where
#   losses stay close together, it is nearly CONST.
# - Units do not matter to it as long as the losses are within a factor of about $1/\gamma$.
# - It looks at the values of training losses: not at how hard an exit pulls, nor at test errors.
#
# ## References
#
# - H. Hu, D. Dey, M. Hebert, J. A. Bagnell (2019): [Learning Anytime Predictions in Neural Networks
#   via Adaptive Loss Balancing](https://arxiv.org/abs/1708.06832).
# - A. Kendall, Y. Gal, R. Cipolla (2018): [Multi-Task Learning Using Uncertainty to Weigh
#   Losses](https://arxiv.org/abs/1705.07115): weights that are learned.
# - S. Chennupati and others (2019): [MultiNet++](https://arxiv.org/abs/1904.08492): the geometric
#   mean, minimised directly.
#
# ## What next
#
# [Notebook 04](04_train_every_weighting.ipynb) trains a network under each weighting, and you watch.
