# %% [markdown]
# # 09 · Beyond AdaLoss
#
# **AdaLoss weighs losses by their values: who else does, what do the values not say, and does it help
# where the losses belong to different tasks?**
#
# **You will**
#
# - see three relatives of AdaLoss grow from one root, and how fast each follows a loss;
# - weigh by gradients instead of values, and find out what is gained and what is lost;
# - let AdaLoss balance two tasks whose losses have different units.
#
# **Before:** notebook 03 (AdaLoss, its three derivations). **Time:** 45 minutes. **Paper:** the
# conclusion, which names first-order variants and several tasks as future work.
#
# Nothing here repeats an experiment of the paper. It is about ideas at its edge, on small examples.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional

from anytime import datasets, metrics, networks, plots, theory
from anytime.course import checks
from anytime.paths import DATA
from anytime.weighting import AdaLoss

plots.theme()
torch.set_num_threads(1)

# %% [markdown]
# ## One root
#
# Notebook 03 ended its third derivation with this objective, over the weights $B$ and the parameters of
# the network at once:
#
# $$\sum_i \big( B_i \ell_i - \ln B_i \big) .$$
#
# For fixed losses the best weights are $B_i = 1/\ell_i$. Four methods differ in how they get there.
#
# | method | its weights |
# |---|---|
# | **geometric loss strategy** (GLS) | $1/\ell_i$ of this very batch: it minimises $\big(\prod_i \ell_i\big)^{1/K}$ |
# | **AdaLoss** | $1/\hat\ell_i$ of a running mean, renewed every $T$ steps, with a floor $\gamma$ |
# | **uncertainty weighting** | $B_i = e^{-s_i}$, with $s_i$ learned by gradient descent like any parameter |
# | **IMTL-L** | the same with the sign of $s_i$ turned round: $B_i = e^{s_i}$ |
#
# **What do you expect?** GLS has no weights at all, it is one loss. How can it have "weights $1/\ell_i$"?
#
# Ask autograd. The derivative of the geometric mean $G$ by one loss is the weight that this loss gets.

# %%
losses = torch.tensor([2.0, 0.5, 0.1], requires_grad=True)
geometric_mean = losses.log().mean().exp()
geometric_mean.backward()
by_formula = geometric_mean / (len(losses) * losses)
print("weights by autograd:", losses.grad.numpy().round(3))
print("G / (K l_i):        ", by_formula.detach().numpy().round(3))

# %%
of_gls = losses.grad.numpy() / losses.grad.numpy().max()
of_adaloss = theory.adaloss_weights(losses.detach().numpy(), gamma=0.0)
print("the same as AdaLoss without floor and memory:", np.allclose(of_gls, of_adaloss))

# %% [markdown]
# Uncertainty weighting puts $B = e^{-s}$ into the objective, which becomes $e^{-s} \ell + s$, and takes a
# gradient step in $s$ with a rate $\eta$:
#
# $$s \leftarrow s - \eta \, (1 - e^{-s} \ell) .$$
#
# It rests where $e^{-s} = 1/\ell$. (For regression the method is usually written with $\sigma^2 = e^s$ and
# a factor of one half, which only halves the rate.)
#
# ### How fast do they follow?
#
# In training, losses fall. A loss of 2 drops to 0.02 at step 100, and jumps back at step 300.
#
# **What do you expect?** GLS is there at once. Who follows faster, downwards and upwards: a running mean
# with $\rho = 0.9$, or a learned weight with $\eta = 0.1$ or $0.02$?


# %%
class Learned:
    """Uncertainty weighting: losses -> weights e^-s; learns s with each call."""

    def __init__(self, rate, s=0.0):
        self.rate, self.s = rate, s

    def __call__(self, losses):
        self.s = self.s - self.rate * (1 - np.exp(-self.s) * losses)
        return np.exp(-self.s)


class Running:
    """AdaLoss with T = 1 and without a floor: losses -> weights 1 / (running mean)."""

    def __init__(self, rho):
        self.rho, self.mean = rho, None

    def __call__(self, losses):
        old = losses if self.mean is None else self.mean
        self.mean = self.rho * old + (1 - self.rho) * losses
        return 1 / self.mean


# %%
steps = np.arange(500)
loss = np.where((steps >= 100) & (steps < 300), 0.02, 2.0)
at_rest = np.log(2.0)  # e^-s is 1 / loss
rules = {
    "GLS: 1 / loss": lambda loss: 1 / loss,
    "AdaLoss, ρ = 0.9, T = 1": Running(0.9),
    "learned, η = 0.1": Learned(0.1, at_rest),
    "learned, η = 0.02": Learned(0.02, at_rest),
}
followers = {name: np.array([rule(now) for now in loss]) for name, rule in rules.items()}

# %% alt="Four weights over 500 steps on a logarithmic axis. The inverse loss jumps from 0.5 to 50 and back. The running mean and the fast learner rise within some fifty steps and fall faster, the fast learner far below its goal. The slow learner has not risen to 50 when the loss jumps back."
for (name, weights), dash in zip(followers.items(), plots.LINES, strict=False):
    plt.plot(steps, weights, dash, label=name)
plt.yscale("log")
plt.xlabel("step")
plt.ylabel("weight")
plt.title("A loss drops a hundredfold at step 100 and returns at step 300")
plt.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
plt.show()

# %%
for name, weights in followers.items():
    up = np.argmax(weights[100:300] > 25) if (weights[100:300] > 25).any() else None
    print(
        f"{name:25} half-way up after {up} steps; lowest after the return {weights[300:].min():.3g}"
    )

# %% [markdown]
# **What you should see.** All want the same, $1/\ell$. Upwards the mean with $\rho = 0.9$ and the learned
# weight with $\eta = 0.1$ are about equally fast; with $\eta = 0.02$ the weight is late by hundreds of
# steps. When the loss jumps up, the term $e^{-s}\ell$ is a hundred times too large, and with $\eta = 0.1$
# the weight falls far below its goal. A running mean never overshoots: it is a mean. That is its
# advantage over weights that are learned fast. GLS doesn't overshoot either, but follows every batch; a
# mean averages their noise, which this test leaves out. The price of the mean is that it is no part of
# the objective.
#
# ### Where do they end?
#
# The toy of notebook 02: two losses of the scales 100 and 1 that share two parameters. We descend under
# three of the rules.

# %%
toy = theory.two_loss_toy()
for start in ([0.4, 1.5], [-0.6, 1.5]):
    rules = {"GLS": lambda losses: 1 / losses, "AdaLoss": Running(0.9), "learned": Learned(0.02)}
    for name, rule in rules.items():
        end = toy.descend(start, rule, rate=0.02, steps=6000)[-1]
        print(f"from {start}: {name:8} ends at {end.round(2)}, losses {toy.losses(end).round(2)}")

# %% [markdown]
# **What you should see.** Two ends, mirror images of each other, near the best point of one loss or of
# the other. The geometric mean of two bowls is no bowl. With floors as low as here it has **two valleys**
# (with the higher floors at the start of notebook 03 it has one), and where a descent ends depends on the
# way. All three rules know both. (Notebook 03 showed the reason: the smaller a loss, the
# more it gets.) What they have in common is that neither scale matters: multiply one loss by 100, and
# the valleys stay where they are.
#
# ## What values don't say: offsets
#
# A loss may have a part that no network can remove: labels that are wrong, noise in what is measured. Add
# an **offset** $c$ to a loss, and no gradient changes. But $1/(\ell + c)$ does.
#
# **What do you expect?** Two equal losses. To the first we add 1, then 10. Where does the descent end?

# %%
even = theory.two_loss_toy(big=1.0, small=1.0)
for offset in (0.0, 1.0, 10.0):
    shifted = replace(even, floors=even.floors + np.array([offset, 0.0]))
    end = shifted.descend([-0.2, 1.5], lambda losses: 1 / losses, rate=0.05, steps=6000)[-1]
    print(
        f"offset {offset:4g}: ends at {end.round(2)}; the loss without it {even.losses(end)[0]:.2f}"
    )

# %% [markdown]
# **What you should see.** Without offset the descent ends near the best point of the loss it started closer
# to, the first. With an offset it ends near the other's: the first loss looks hopeless, and is given up. The
# offset has made it *look* large. AdaLoss cancels unknown scales, not unknown offsets.
#
# ### First order: weigh by gradients
#
# Gradients have no offsets. The authors' released code has a variant in which the running mean is not of
# the loss, but of its squared gradient per parameter,
#
# $$g_i = \frac{1}{2 P_i} \sum_{\theta} \Big( \frac{\partial \ell_i}{\partial \theta} \Big)^2 ,$$
#
# where $P_i$ is the number of parameters that the loss reaches. The weights are again the inverse of the
# mean, $1/\hat g_i$.
#
# **What do you expect?** Multiply a loss by 10. What happens to $1/g$? Which power of $g$ would cancel
# the scale and no more?

# %%
point = np.array([0.3, -0.2])
for scale in (1.0, 10.0):
    gradient = theory.two_loss_toy(big=scale).gradients(point)[0]
    g = 0.5 * np.mean(gradient**2)
    print(
        f"scale {scale:4g}: scale / g = {scale / g:8.3f}, scale / sqrt(g) = {scale / np.sqrt(g):.3f}"
    )

# %% [markdown]
# A weighted loss counts by scale times weight. With $1/\sqrt g$ that stays: the scale cancels. With
# $1/g$ it goes down to a tenth: the squared norm **turns the scale round**. A loss whose numbers are ten
# times as large now counts a tenth as much. We try both powers, from several starts.


# %%
def first_order(toy, start, power, rate=0.01, rho=0.9, steps=4000):
    """Descent under weights g^-power of running means, the largest 1: the path (steps + 1, 2)."""
    path, mean = [np.array(start)], None
    for _ in range(steps):
        gradients = toy.gradients(path[-1])
        now = 0.5 * (gradients**2).mean(1)
        mean = now if mean is None else rho * mean + (1 - rho) * now
        weights = mean**-power
        path.append(path[-1] - rate * (weights / weights.max()) @ gradients)
    return np.array(path)


# %%
starts = ([-1.5, 1.0], [-0.5, 1.2], [0.2, 1.5], [1.5, 1.0], [0.5, -1.2])
x, y = np.linspace(-1.9, 1.9, 120), np.linspace(-1.6, 1.7, 120)
field = even.losses(np.stack(np.meshgrid(x, y), -1))

# %% alt="Two maps of two losses over two parameters with five descents each. With the square root the descents end at five different points on the curve between the two best points. With the square they all end at the best point of one loss or the other."
figure, axes = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True)
for ax, power in zip(axes, (0.5, 1.0), strict=True):
    for k in range(2):
        ax.contour(x, y, field[..., k], levels=10, colors="0.6", linewidths=0.7)
    for k, start in enumerate(starts):
        path = first_order(even, start, power)
        ax.plot(*path.T, color=plots.PALETTE[k])
        ax.plot(*path[-1], "osD^v"[k], color=plots.PALETTE[k], markersize=9)
    ax.set(title="1 / √g" if power == 0.5 else "1 / g", xlabel="first parameter", aspect="equal")
axes[0].set_ylabel("second parameter")
plt.show()

# %%
for power in (0.5, 1.0):
    ends = np.array([first_order(even, start, power)[-1] for start in starts])
    shifted = replace(even, floors=even.floors + np.array([10.0, 0.0]))
    same = np.allclose(ends, [first_order(shifted, start, power)[-1] for start in starts])
    spread = np.ptp(ends[:, 0])
    print(f"power {power}: ends spread over {spread:.2f}; the same ends with an offset: {same}")

# %% [markdown]
# **What you should see.** Offsets are gone: the ends are the same with and without. But something else is
# gone, too. With $1/\sqrt g$ both losses pull equally hard, wherever one is. So a descent stops where it
# first meets the line on which the two pulls are opposite, and *every* point of that line is an end. With
# $1/g$ the weaker pull wins, it becomes weaker still, and all descents end at the best point of one loss.
#
# A loss's value tells how far it is from zero. A gradient tells only how steep it is here. Somebody has to
# say which loss still has far to go. In a real training, memory, floor and noise soften all this; it is
# a reason for care, not a verdict.
#
# ### In a real network
#
# Is the difference large in practice? We take the network of twelve exits that was trained on clothes with
# CONST, and 500 images that it has learned. For each exit we compute the loss, and the squared gradient per
# parameter reached.

# %%
(file,) = (DATA / "networks").glob("fashion_resann-4-16-stride2_const_seed0_*.pt")
network = networks.load(file)
learned = datasets.load("fashion").set_aside(1000).train[:500]
outputs = network(learned.pixels)
exit_losses = [functional.cross_entropy(logits, learned.labels) for logits in outputs]


# %%
def squared_gradient(loss, parameters):
    """The sum of a loss's squared derivatives, and the number of parameters that it reaches."""
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True)
    reached = [gradient for gradient in gradients if gradient.any()]
    return float(sum((g**2).sum() for g in reached)), sum(g.numel() for g in reached)


# %%
parameters = list(network.parameters())
squares, counts = np.transpose([squared_gradient(loss, parameters) for loss in exit_losses])
values = np.array([loss.item() for loss in exit_losses])
g = 0.5 * squares / counts
weights_by = {"1 / loss": 1 / values, "1 / √g": g**-0.5, "1 / g": 1 / g}

# %% alt="Three curves of weights over twelve exits, the largest 1: by the inverse loss from a half to 1, by the inverse root of the squared gradient from a tenth, and by the inverse squared gradient from almost 0."
for (name, weights), style in zip(weights_by.items(), ("o-", "s--", "^:"), strict=True):
    plt.plot(range(1, 13), weights / weights.max(), style, label=name)
plt.xticks(range(1, 13))
plt.xlabel("exit")
plt.ylabel("weight (the largest is 1)")
plt.title("Three ways to weigh the same network")
plt.legend()
plt.show()

# %%
print("first exit:", {name: f"{w[0] / w.max():.2f}" for name, w in weights_by.items()})
length = np.sqrt(squares)
print("length of the first exit's gradient is that of the last, within a half:",
      0.67 < length[0] / length[-1] < 1.5)  # fmt: skip
print("parameters it reaches, of those of the last, below 2 %:", counts[0] / counts[-1] < 0.02)

# %% [markdown]
# **What you should see.** By its value the first exit gets half of the largest weight. By its gradient per
# parameter it gets a tenth, and by the square a hundredth. Yet its gradient is not much *longer* than that
# of the last. Most of the difference comes from $P_i$: the first exit reaches few parameters, so each of them is pulled
# hard. Whether that is a reason to weigh it down is a matter of taste. What is "the size of a gradient",
# if two losses don't share all of their parameters? A value has no such question.
#
# ## Several tasks
#
# AdaLoss was made for exits: the same task, twelve times. The conclusion of the paper looks further, to
# **several tasks** that share a network. There the losses don't even have the same unit.
#
# We make up two tasks on pictures of clothes:
#
# - **what is it?** Ten classes, cross-entropy, in nats.
# - **how bright is it?** The mean brightness of the upper and of the lower half, as measured by a bad
#   instrument: with noise of a fifth of the full scale. Squared error, in squared units of brightness.
#
# The unit of brightness is up to us. It can go from 0 to 1, or from 0 to 255: then the squared error is
# 65,000 times as large. A good method shouldn't care.

# %%
clothes = datasets.load("fashion")
train, test = clothes.train[torch.arange(0, 6000, 3)], clothes.test


def brightness(pixels):
    """Pixels (N, 1, 32, 32) -> mean brightness of the upper and lower half, in [0, 1], (N, 2)."""
    halves = pixels.float().flatten(1).unflatten(1, (2, -1))
    return halves.mean(-1) / 255


noise = torch.randn(len(train), 2, generator=torch.Generator().manual_seed(0))
measured = brightness(train.pixels) + 0.2 * noise


# %%
class TwoTasks(nn.Module):
    """A small network with a head for each task: pixels -> logits (N, 10), brightness (N, 2)."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(12, 12, 3, stride=2, padding=1), nn.ReLU(),
            nn.AvgPool2d(2), nn.Flatten(),
        )  # fmt: skip
        self.classify, self.measure = nn.Linear(192, 10), nn.Linear(192, 2)

    def forward(self, pixels):
        features = self.trunk(pixels.float() / 255 - 0.3)
        return self.classify(features), self.measure(features)


# %%
def task_losses(network, places, unit):
    """The losses (2,) of a batch: cross-entropy, and squared error in the unit."""
    logits, bright = network(train.pixels[places])
    return torch.stack([
        functional.cross_entropy(logits, train.labels[places]),
        functional.mse_loss(bright, unit * measured[places]),
    ])  # fmt: skip


@torch.inference_mode()
def test_errors(network, unit):
    """Errors on test images without noise: wrong classes, and brightness, both in percent."""
    logits, bright = network(test.pixels)
    off = (bright / unit - brightness(test.pixels)).square().mean().sqrt()
    return 100 * (logits.argmax(1) != test.labels).float().mean().item(), 100 * off.item()


# %% [markdown]
# AdaLoss needs one thing more here. Its weights are 1 until the first update, and then its running means
# start. With exits that is harmless. With a loss that is 10,000 times too large, the first step alone can
# spoil the training. So we let it **look at one batch before the first step**.


# %%
def two_task_training(make_rule, unit, seed, steps=200):
    """Trains on both tasks; the rule joins the two losses into one. Returns the test errors."""
    torch.manual_seed(seed)
    network, rule = TwoTasks(), make_rule()
    order = torch.Generator().manual_seed(seed)
    if isinstance(rule, AdaLoss):
        with torch.no_grad():
            rule(task_losses(network, slice(0, 200), unit))
    learned = list(rule.parameters()) if isinstance(rule, nn.Module) else []
    optimizer = torch.optim.Adam([*network.parameters(), *learned], lr=0.01)
    for _ in range(steps):
        places = torch.randint(len(train), (50,), generator=order)
        optimizer.zero_grad()
        rule(task_losses(network, places, unit)).backward()
        optimizer.step()
    return test_errors(network, unit)


# %%
class UncertaintyWeighting(nn.Module):
    """Joins losses with learned weights e^-s."""

    def __init__(self):
        super().__init__()
        self.s = nn.Parameter(torch.zeros(2))

    def forward(self, losses):
        return (torch.exp(-self.s) * losses + self.s).sum()


RULES = {
    "sum": lambda: torch.sum,
    "uncertainty weighting": UncertaintyWeighting,
    "GLS": lambda: lambda losses: losses.log().mean().exp(),
    "AdaLoss, γ = 0.07": lambda: AdaLoss(2, every=1),
    "AdaLoss, γ = 0": lambda: AdaLoss(2, every=1, gamma=0.0),
}

# %% [markdown]
# **What do you expect?** Which rules will give the same errors in both units?

# %%
errors = {
    (name, unit): np.array([two_task_training(make_rule, unit, seed) for seed in range(3)])
    for name, make_rule in RULES.items()
    for unit in (1, 255)
}

# %% alt="A table of wrong classes and of how far brightness is off, in percent with deviations over three seeds: five rules, each with brightness from 0 to 1 and from 0 to 255. Between the units the wrong classes differ by eight points for the sum and ten for uncertainty weighting, by seven for AdaLoss with the floor, and by about one for GLS and AdaLoss without it."
cells = {
    f"{task}\n0 to {unit}": {
        name: "{:.0f} ± {:.0f}".format(*metrics.mean_std(errors[name, unit][:, column]))
        for name in RULES
    }
    for column, task in enumerate(("wrong classes (%)", "brightness off (%)"))
    for unit in (1, 255)
}
table = pd.DataFrame(cells)
plt.figure(figsize=(9.5, 2.6))
plt.axis("off")
place = [0.2, 0, 0.8, 1]
plt.table(table.to_numpy(), rowLabels=table.index, colLabels=table.columns, bbox=place)
plt.show()

# %%
classes, bright = np.transpose([errors["sum", unit].mean(0) for unit in (1, 255)])
print("the sum: more wrong classes from 0 to 255:", classes[1] > classes[0] + 2)
print("the sum: brightness twice as far off from 0 to 1:", bright[0] > 2 * bright[1])

# %% [markdown]
# **What you should see.** With the plain sum the unit decides who is heard. From 0 to 1 brightness is
# neglected, from 0 to 255 the clothes are: they are mistaken a third more often. Uncertainty weighting is no
# better here: it learns its weights in small steps, and 200 steps are too few for a factor of 65,000. GLS, and
# AdaLoss without a floor, recognise the clothes about as well in both units. With the usual
# $\gamma = 0.07$ AdaLoss cannot go low enough: from 0 to 255 the floor alone gives the large loss hundreds
# of times what it should have, and the errors are those of the sum.
#
# No rule is best at both tasks. To look after one costs the other, as it does with exits. (Brightness is not
# quite alike in the two units under any rule: Adam's steps have a fixed size, and that is a larger part of a
# number up to 1 than of one up to 255.)
#
# ## Summary
#
# - GLS, AdaLoss, uncertainty weighting and IMTL-L have one root: the best weight of a loss is its inverse.
#   They differ in how they follow it: at once, by a mean, by learning.
# - The weights that they aim at are blind to scales, and misled by offsets. But a learned weight may not
#   get there in time, and the floor $\gamma$ keeps AdaLoss from going low enough: then the unit decides
#   after all.
# - Gradients have no offsets. Weighing by them alone forgets which loss still has far to go; the squared
#   norm even turns scales round.
# - With several tasks AdaLoss makes units matter less. For units that differ much it needs $\gamma = 0$ and
#   a look at the losses before the first step.
#
# ## Exercises
#
# **Exercise 9.1.** The weights of the geometric mean: the derivative of
# $G = \big(\prod_i \ell_i\big)^{1/K}$ by each loss, without autograd.


# %%
def gls_weights(losses):
    """(K,) losses -> the derivative of their geometric mean by each of them, (K,)."""
    ### BEGIN SOLUTION 9.1
    losses = np.asarray(losses, dtype=float)
    geometric_mean = np.exp(np.log(losses).mean())
    return geometric_mean / (len(losses) * losses)
    ### END SOLUTION


# %%
checks.gls_weights(gls_weights)

# %% [markdown]
# **Exercise 9.2.** A gradient step of a learned weight. IMTL-L has $B = e^{s}$, so the objective is
# $e^{s} \ell - s$. Take one step in $s$.


# %%
def learned_step(s, loss, rate):
    """s, a loss, a rate -> s after one gradient step on e^s loss - s."""
    ### BEGIN SOLUTION 9.2
    return s - rate * (np.exp(s) * loss - 1)
    ### END SOLUTION


# %%
checks.learned_step(learned_step)

# %% [markdown]
# **Exercise 9.3.** An offset that is known can be taken off. Weights $1/(\ell_i - c_i)$, the largest 1. Where
# nothing is left of a loss after that, or less than a small $\varepsilon$, take $\varepsilon$ for the rest.


# %%
def offset_weights(losses, offsets, epsilon=1e-3):
    """(K,) losses, (K,) known offsets -> (K,) weights by what is above the offset, largest 1."""
    ### BEGIN SOLUTION 9.3
    above = np.maximum(np.asarray(losses, dtype=float) - offsets, epsilon)
    return above.min() / above
    ### END SOLUTION


# %%
checks.offset_weights(offset_weights)

# %% [markdown]
# **Think.** A tenth of the labels of a data set is wrong. Every exit's loss then has an offset. Does it hurt
# AdaLoss?
#
# <details><summary>An answer</summary>
#
# Less than in the toy, since all exits have the *same* offset. It makes the losses more alike:
# $(\ell_1 + c)/(\ell_K + c)$ is nearer to 1 than $\ell_1/\ell_K$. So AdaLoss becomes more like CONST. (A network
# that learns the wrong labels by heart removes the offset, and then the weights come apart.)
#
# </details>
#
# **Think.** Could one learn the offsets together with the weights?
#
# <details><summary>An answer</summary>
#
# One can try: fit a curve with a constant to each loss so far, and take the constant off. But far from its
# end a falling loss says little about where it will level out. An offset that is taken too large makes
# what is left too small, and its weight explodes. The exercise's $\varepsilon$ is there for that reason.
#
# </details>
#
# **Think.** Adam divides each parameter's step by the size of its gradients. Doesn't that balance the
# losses already?
#
# <details><summary>An answer</summary>
#
# No. It makes the *total* scale irrelevant, parameter by parameter. In a shared parameter the gradients of
# both tasks are added before Adam sees them, and the larger one has the direction to itself. Parameters of
# one task only, such as the heads, are balanced indeed.
#
# </details>
#
# ## What next
#
# [Notebook 10](10_early_exit.ipynb) gives one network a second use: it may decide by itself, image by
# image, when to stop.
