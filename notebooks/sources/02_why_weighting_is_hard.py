# %% [markdown]
# # 02 · Why weighting is hard
#
# **A network with several exits has several losses, but only one set of parameters. Can all its
# losses be small at once, and how much should each of them count?**
#
# **You will**
#
# - see on a toy with two parameters how a big loss drowns a small one;
# - measure in a real network what it costs an exit to share its layers, and who pulls at them;
# - compare the fixed weights of the paper, and avoid the trap in comparing them.
#
# **Before:** notebook 01 (units, exits, costs); gradients in PyTorch.
# **Time:** 45 minutes. **Paper:** section 3, up to AdaLoss.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from anytime import datasets, networks, plots, theory, weighting
from anytime.course import checks
from anytime.training import evaluate, exit_losses

plots.theme()
torch.set_num_threads(1)  # on tensors this small a second thread is in the way
device = "cuda" if torch.cuda.is_available() else "cpu"

# %% [markdown]
# ## The wish
#
# Call all parameters of a network $\theta$. Exit $i$ has the loss $\ell_i(\theta)$ on an image, and
# $E[\ell_i]$ is its mean over all images. What we wish for is easily written down:
#
# $$\text{minimise } E[\ell_1], \; E[\ell_2], \; \dots, \; E[\ell_K] \quad \text{all at once.}$$
#
# If every exit had a network of its own, the wish could be granted. But an anytime network has only
# one $\theta$. Exit 1 wants features that tell the classes apart at once, exit $K$ wants features
# that later units can work on, and both must come out of the same first layers. So we settle for
# less, and minimise a weighted sum, $\sum_i B_i \, E[\ell_i]$. The weights $B_i$ say whose wish
# counts how much.
#
# ## Two losses, two parameters
#
# A toy shows what the weights do. Its parameters are two numbers $x = (x_1, x_2)$, and its losses
# are two bowls around different centres $c_1$ and $c_2$:
#
# $$\ell_i(x) = s_i \cdot \tfrac12 (x - c_i)^\top A_i \, (x - c_i) + f_i .$$
#
# $A_i$ says how steep the bowl is in each direction. $s_i$ is the **scale** of the loss; it
# multiplies everything, as a change of units would. $f_i$ is its **floor**, what is left of the
# loss at its own best point $c_i$, and here it is as large as the scale. Where the weighted sum is
# smallest its gradient is zero:
#
# $$\sum_i B_i s_i A_i (x - c_i) = 0
# \quad\Longrightarrow\quad
# x = \Big(\sum_i B_i s_i A_i\Big)^{-1} \sum_i B_i s_i A_i \, c_i .$$
#
# So $x$ is an average of the two centres, in which **weight and scale appear only as a product**.
#
# **What do you expect?** Both weights are 1, which looks fair. The scale of loss 2 is 1, that of
# loss 1 is 1, then 10, then 100. Where does the minimum of the sum end up?

# %%
equal = np.ones(2)
places = {}
for big in (1, 10, 100):
    toy = theory.two_loss_toy(big, floor=1.0)
    places[big] = toy.minimiser(equal)
    first, second = toy.losses(places[big]) / toy.floors
    print(f"scale {big:3}: loss 1 is {first:.2f} times its floor, loss 2 is {second:.2f} times")

# %% alt="Rings of equal loss around two centres. A curve joins the centres. The minimum of the sum lies half-way on it at scale 1, close to the left centre at scale 10, and almost on it at scale 100."
x, y = np.meshgrid(np.linspace(-1.9, 1.9, 121), np.linspace(-0.9, 0.9, 81))
rings = np.moveaxis(toy.losses(np.stack([x, y], -1)), -1, 0)
every = np.array([toy.minimiser([1.0, ratio]) for ratio in np.logspace(-2, 6, 200)])

ax = plt.gca()
plots.draw_toy(ax, x, y, rings, {})
ax.plot(*every.T, color="0.2", label="all compromises")
for (big, place), marker in zip(places.items(), "os^", strict=True):
    ax.plot(*place, marker, markersize=10, label=f"weights 1, scale {big}")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
ax.set_title("Two losses that share two parameters")
plt.show()

# %% [markdown]
# **What you should see.** No point is best for both losses. What weights can choose is a point on
# the curve, and on the curve one loss falls only where the other rises; such points are called
# **Pareto-optimal**. At equal scales equal weights end half-way. At a scale of 100 loss 1 is all
# but perfect, while loss 2 is almost three times its floor, as bad as if nobody had asked for it.
# It is **drowned**. Yet nothing about the task has changed: loss 1 is written in smaller units,
# that is all.
#
# Training does not jump to the minimum, it walks there by steps along $\sum_i B_i \nabla \ell_i$.
# How much of a step is due to loss $i$ is its **share of the pull**,
# $B_i \lVert \nabla \ell_i \rVert$ divided by the sum of these over all losses. At $(0, 1)$, as far
# from one centre as from the other:

# %%
between = np.array([0.0, 1.0])
print("weights 1 and 1:  ", toy.gradient_shares(between, equal).round(2))
print("weights 1 and 100:", toy.gradient_shares(between, [1.0, 100.0]).round(2))

# %% [markdown]
# The cure looks easy: give loss 2 a weight of 100. It works here because we know the scales, and
# because they stay as they are. In a network neither is true.
#
# ## What does it cost to share?
#
# Now a real network, with six exits. We train it as in notebook 01, with all six losses, and every
# weight is 1. Then we train it once more with the loss of exit 1 alone, which gets all of the
# weight, 6. The first parameters and the batches are the same; all that differs is that the other
# exits do not pull. (`-to1` at the end of a name cuts the network after exit 1.) To be quick, the
# network has few channels and a stem that takes every fourth pixel.


# %%
def train(name, weights, images, seed, moments=(), steps=150):
    """Trains a network from the start; the network, and what `measure` finds at some moments."""
    network = networks.build(name, in_channels=1, seed=seed).to(device)
    network.standardise.mean = datasets.pixel_mean(images.pixels)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.08, momentum=0.9)
    draw, measured = torch.Generator().manual_seed(seed), []
    weights = torch.as_tensor(weights, device=device)
    for step in range(steps + 1):
        if step in moments:
            measured.append(measure(network, images[:150]))
        optimizer.param_groups[0]["lr"] = 0.08 * (1 - step / steps)
        batch = images[torch.randint(len(images), (50,), generator=draw)]
        losses = exit_losses(network(batch.pixels), batch.labels)
        optimizer.zero_grad()
        (weights * losses).sum().backward()
        optimizer.step()
    return network, measured


# %% [markdown]
# While it trains with all losses, we stop three times and look at the gradients of the six losses:
# before the first step, after 15 steps, and at the end. We take them at the first convolution of
# each unit. That of unit 1 is used by all six exits, that of unit 6 by the last one alone.


# %%
def measure(network, images):
    """The gradients of all losses at the first convolution of each unit: six arrays (6, P)."""
    convolutions = [segment[0].residual[2].weight for segment in network.segments]
    losses = exit_losses(network(images.pixels), images.labels)
    by_exit = [torch.autograd.grad(loss, convolutions, retain_graph=True) for loss in losses]
    by_unit = zip(*by_exit, strict=True)
    return [torch.stack(gradients).flatten(1).cpu().numpy() for gradients in by_unit]


# %% [markdown]
# One training proves little, so we take three seeds. A seed decides the first parameters, the
# images and their order. And we do everything for 300 images, which such a network soon knows by
# heart, and for 3,000. The cell runs for half a minute or so.

# %%
NETWORK, SEEDS = "resann-2-8-stride4", (0, 1, 2)
fashion = datasets.load("fashion")
test = fashion.test.to(device)
alone, shared, pulls = {}, {}, {}
for size in (300, 3000):
    for seed in SEEDS:
        images = datasets.subset(fashion.train, size, seed).to(device)
        first, _ = train(f"{NETWORK}-to1", [6.0], images, seed)
        whole, pulls[size, seed] = train(NETWORK, [1.0] * 6, images, seed, (0, 15, 150))
        alone[size, seed] = evaluate(first, test)[1].numpy()
        shared[size, seed] = evaluate(whole, test)[1].numpy()

# %% alt="Test errors of six exits in two panels, for 300 and for 3,000 images, a line for each of three seeds. All lines fall from exit 1 to exit 6. Stars at exit 1 show its error when it is trained alone: each lies well below the line of its seed."
figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
for ax, size in zip(axes, (300, 3000), strict=True):
    for seed, dash in zip(SEEDS, plots.LINES, strict=False):
        look = {"color": plots.PALETTE[seed], "marker": "o", "linestyle": dash}
        ax.plot(range(1, 7), shared[size, seed], label=f"shared, seed {seed}", **look)
        look |= {"marker": "*", "markersize": 14, "linestyle": "none"}
        ax.plot(1, alone[size, seed], label=f"alone, seed {seed}", **look)
    ax.set(title=f"{size:,} images", xlabel="exit", ylim=(0, 0.6))
axes[0].set_ylabel("test error")
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %%
price = np.array([shared[run][0] - alone[run][0] for run in shared])
print("exit 1 pays at least five points in each of the six trainings:", bool(price.min() > 0.05))

# %% [markdown]
# **What you should see.** Sharing has a price. Exit 1 pays it in all six trainings, whatever the
# seed and the number of images: with unit 1 to itself it is wrong on about a third of the images,
# and on four to five of ten when the others pull as well. Two things make up this price. In the
# sum, exit 1 has only one sixth of the weight; and the other five exits may pull elsewhere.
#
# ## Where do the exits pull?
#
# Look at the gradients $\nabla \ell_i$ in unit 1. The **cosine** of two of them says whether two
# exits pull in one direction (1), across each other (0), or against each other (−1). A small step
# along the gradient of exit $j$, with the learning rate $\eta$, changes the loss of exit $i$ by
#
# $$-\eta \, B_j \, \nabla\ell_i \cdot \nabla\ell_j$$
#
# to first order. So where the cosine is negative, what helps exit $j$ harms exit $i$: they are in
# **conflict**.


# %%
def cosines(gradients):
    """Rows (K, P) -> the cosine of any two of them (K, K)."""
    directions = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    return directions @ directions.T


# %% alt="Three maps of the cosines of six exits in unit 1, all of one training. Before training pale blue and pale red are mixed. After 15 steps neighbours from exit 2 on are blue and most pairs far apart are pale. At the end all are blue, those far apart a little paler."
figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharey=True)
titles = ("before training", "after 15 steps", "after 150 steps")
for ax, units, title in zip(axes, pulls[300, 0], titles, strict=True):
    look = {"cmap": "RdBu", "vmin": -1, "vmax": 1, "extent": (0.5, 6.5, 6.5, 0.5)}
    image = ax.imshow(cosines(units[0]), **look)
    ax.set(title=title, xlabel="exit")
    ax.grid(False)
axes[0].set_ylabel("exit")
figure.colorbar(image, ax=axes, label="cosine")
plt.show()

# %%
lowest = []
for moments in pulls.values():
    lowest.append([cosines(units[0]).min() for units in moments])
against = np.array(lowest) < 0
print("some exits pull against each other in each training:", bool(against.any(1).all()))
print("at one of the three moments in all trainings:", bool(against.all(0).any()))

# %%
for (size, seed), moments in pulls.items():
    in_unit_1 = cosines(moments[-1][0])[0, 5]
    in_unit_5 = cosines(moments[-1][4][4:])[0, 1]
    print(f"{size:4} images, seed {seed}: {in_unit_1:5.1f} in unit 1, {in_unit_5:5.1f} in unit 5")

# %% [markdown]
# **What you should see.** The maps are of one training. At first the exits only guess, and their
# gradients have little to do with each other. After 15 steps neighbours begin to agree, and at the
# end all do. The other five trainings take ways of their own: in each of the six there is a moment
# at which some pair pulls against each other, but at none of the three moments is that so in all.
#
# The last cell looks at the end of each training. In unit 1 it compares exits 1 and 6, in unit 5
# exits 5 and 6, the only ones that use it. Exits 5 and 6 agree in every training. Exits 1 and 6
# agree in some, and in one they end up pulling against each other. So conflict is found in the
# first layers, and it comes and goes.
#
# ## Who pulls how hard?
#
# Directions are one half of the story, lengths the other. **What do you expect?** All weights stay
# 1 throughout. What happens to the shares of the pull on unit 1 while the network learns?

# %%
shares = {}
for run, moments in pulls.items():
    lengths = np.array([np.linalg.norm(units[0], axis=1) for units in moments])
    shares[run] = lengths / lengths.sum(axis=1, keepdims=True)

# %% alt="Stacked bars of the shares of six exits in the pull on unit 1, at the start and at the end, for three seeds, with 300 and with 3,000 images. From start to end the bar of exit 1 grows and that of exit 6 shrinks in each of the six trainings."
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True)
exits = [f"exit {k}" for k in range(1, 7)]
for ax, size in zip(axes, (300, 3000), strict=True):
    rows = {}
    for seed in SEEDS:
        rows[f"seed {seed}, start"], _, rows[f"seed {seed}, end"] = shares[size, seed]
    table = pd.DataFrame(rows, index=exits).T
    table.plot.barh(stacked=True, ax=ax, colormap="viridis", width=0.8)
    ax.get_legend().remove()
    ax.set(title=f"{size:,} images", xlabel="share of the pull on unit 1", xlim=(0, 1))
axes[0].invert_yaxis()
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %%
start, end = (np.array([rows[moment] for rows in shares.values()]) for moment in (0, -1))
print("at the start exit 6 has the largest share:", bool((start.argmax(axis=1) == 5).all()))
print("from start to end its share falls:", bool((end[:, 5] < start[:, 5]).all()))
print("and that of exit 1 grows:", bool((end[:, 0] > start[:, 0]).all()))

# %% [markdown]
# **What you should see.** In all six trainings the last exit starts with the largest share of all.
# While the network learns, that share falls and the share of exit 1 grows. It is the last exits
# whose losses come nearest to zero, as notebook 03 shows, and a loss near zero has little left to
# pull with. Nobody has chosen any of this: the weights were 1 all the time.
#
# So **no fixed weights fit the whole training**. What evens out the pull at the beginning is wrong
# at the end.
#
# ## Fixed schemes
#
# These are the fixed weights that the paper compares with, as they stand in the authors' released
# code.
#
# | scheme | in words | weights of $K$ exits |
# |---|---|---|
# | CONST | every exit counts the same | $B_i = 1$ |
# | LINEAR | later exits count more, evenly from a quarter to one | $B_i = \frac14 + \frac34 \cdot \frac{i-1}{K-1}$ |
# | HALF-END | the last exit has half of the weight, the others share the other half | $B_i = \frac{1}{K-1}$ for $i < K$, $B_K = 1$ |
# | OPT | one exit $j$ alone | $B_j = 1$, all others 0 |
#
# OPT is no way to train an anytime network. It stands for a **separate network per exit**, such as
# the one that we trained for exit 1, and it is the yardstick: what an exit could reach if it did
# not have to share. `weighting.build` makes a scheme from its name.

# %%
for scheme in ("const", "linear", "half-end", "opt"):
    B = weighting.build(scheme, 6).weights.numpy()
    print(f"{plots.scheme_name(scheme):9}", B.round(2), f"total {B.sum():.2f}")

# %% [markdown]
# ### The trap: totals differ
#
# CONST sums to $K$, HALF-END to 2, OPT to 1. Why does that matter? Plain gradient descent takes the
# step $-\eta \sum_i B_i \nabla\ell_i$. Multiply all weights by $c$, and the step is $c$ times as
# long, as if the learning rate had been multiplied by $c$. In the toy the two walks are the same,
# step by step:

# %%
B, c = np.array([1.0, 2.0]), 4.5
toy = theory.two_loss_toy(big=10, floor=1.0)
heavy = toy.descend(between, lambda losses: c * B, rate=0.01, steps=50)
fast = toy.descend(between, lambda losses: B, rate=c * 0.01, steps=50)
np.allclose(heavy, fast)

# %% [markdown]
# So at one learning rate a scheme may look bad only because its steps are too long or too short.
# Every scheme of the kit takes the option `total`, which rescales its weights:
# `weighting.build("half-end:total=6", 6)` has the preferences of HALF-END and the total of CONST.
# That is fairer, but not fair. Unit $k$ is taught by the losses of exits $k$ to $K$ alone, so its
# own effective learning rate goes with $\sum_{i \ge k} B_i$, and no single number makes that equal
# everywhere. In the released code every scheme keeps its own total. Keep the difference in mind
# when you read a comparison, and use `total` to test whether a result depends on it.
#
# ## Summary
#
# - No shared network is best for all its exits. Weights choose one of many compromises.
# - Weight and scale act as a product, so a big loss drowns a small one, whether anybody wants it or
#   not.
# - Sharing has a price. In our network exit 1 paid it in every training.
# - The exits agree in the later units. In the first one they may pull against each other.
# - While the network learns, the share of the last exit in the pull falls and that of the first
#   grows. Fixed weights cannot follow that.
# - CONST, LINEAR and HALF-END are fixed guesses, and OPT is the yardstick. Their totals differ, and
#   with them the length of the steps.
#
# ## Exercises

# %% [markdown]
# **Exercise 2.1 ★ Even shares.** You have measured the lengths $\lVert \nabla\ell_i \rVert$ of all
# gradients. Which weights give every exit the same share of the pull? There are many; return those
# whose largest is 1.


# %%
def even_weights(lengths):
    """(K,) lengths of the gradients, all positive -> (K,) weights, the largest 1."""
    ### BEGIN SOLUTION 2.1
    return min(lengths) / np.asarray(lengths)
    ### END SOLUTION


# %%
checks.even_weights(even_weights)

# %% [markdown]
# **Exercise 2.2 ★★ Predict, train, explain.** Give CONST's total to HALF-END: 0.6 for each of the
# first five exits and 3 for the last. Predict: for which exits is the error then higher than with
# CONST *in every seed*, and for which is it lower in every seed?
#
# Write the function first. Then train with the three seeds on their 300 images, drawn as above,
# `train(NETWORK, [0.6] * 5 + [3.0], images, seed)`, and compare with CONST, whose errors are in
# `shared[300, seed]`. Explain in five sentences which exits pay, whether the last one gains, and
# what three seeds can and cannot show.


# %%
def in_every_seed(errors, others):
    """Two arrays (seeds, K) of errors -> (K,): 1 where the first is higher in every seed,

    -1 where it is lower in every seed, 0 where the seeds do not agree.
    """
    ### BEGIN SOLUTION 2.2
    higher, lower = (errors > others).all(axis=0), (errors < others).all(axis=0)
    return higher.astype(int) - lower.astype(int)
    ### END SOLUTION


# %%
checks.in_every_seed(in_every_seed)

# %% tags=["rubric"]
half_end = []
for seed in SEEDS:
    images = datasets.subset(fashion.train, 300, seed).to(device)
    network, _ = train(NETWORK, [0.6] * 5 + [3.0], images, seed)
    half_end.append(evaluate(network, test)[1].numpy())
const = np.array([shared[300, seed] for seed in SEEDS])
verdict = in_every_seed(np.array(half_end), const)
print("exits 1 and 2 are worse in every seed:", bool((verdict[:2] == 1).all()))
print("the last exit is better in every seed:", bool(verdict[5] == -1))

# %% [markdown] tags=["rubric"]
# **What a good explanation says** (a point each):
#
# 1. It compares the prediction with what was found, exit by exit.
# 2. The first exits are worse in every seed. As the total is that of CONST, this is the price of
#    their smaller weights rather than of shorter steps all round.
# 3. The last exit has five times the weight of each other, but the three seeds do not agree that it
#    gains from it. (In the shared layers its share of the pull was large from the start.)
# 4. With 1,000 test images a point or two is within the standard error, and all seeds share the
#    same test images.
# 5. Three seeds that agree are a hint and no proof: without any effect, three would all point one
#    way one time in four.

# %% [markdown]
# **Exercise 2.3 ★★★ Fixed weights of your own (open).** Look for fixed weights with a total of 6
# that make exit 1 as good as it is alone in every seed, without making exit 6 worse than with CONST
# in any. Try them on 300 images, then on 3,000, then on another data set
# (`datasets.load("glyphs")`). Report what you tried, not only what worked. Can weights that work in
# one place fail in another?

# %% [markdown]
# **Going deeper.** Two more fixed schemes are in the kit. "exponential" gives every exit twice the
# weight of the one before. SIEVE, of the paper's first version, marks the exits like a ruler. With
# the distance $d = K - i$ from the end, and $v_2(d)$ for how often 2 divides $d$, it sets
# $B_i \propto 1 + v_2(d)$ and gives the last exit the sum of all others (`theory.sieve`).
# `explore.scheme_designer()` lets you drag weights, and shows the recorded run whose final weights
# are nearest.
#
# ## References
#
# - O. Sener, V. Koltun: *Multi-Task Learning as Multi-Objective Optimization*, NeurIPS 2018.
#   [arXiv:1810.04650](https://arxiv.org/abs/1810.04650). Several losses and Pareto-optimal points.
# - Z. Chen et al.: *GradNorm*, ICML 2018. [arXiv:1711.02257](https://arxiv.org/abs/1711.02257).
#   Weights that even out the lengths of the gradients while training runs.
# - T. Yu et al.: *Gradient Surgery for Multi-Task Learning*, NeurIPS 2020.
#   [arXiv:2001.06782](https://arxiv.org/abs/2001.06782). What to do about negative cosines.
#
# ## What next
#
# The weights should follow the losses. [Notebook 03](03_adaloss.ipynb) shows how AdaLoss does it.
