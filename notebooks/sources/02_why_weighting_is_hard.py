# %% [markdown]
# # 02 · Why weighting is hard
#
# **A network with several exits has several losses, but only one set of weights to learn. Can all
# its losses be small at once, and how much should each of them count?**
#
# **You will**
#
# - see on a toy with two parameters why no point is best for two losses, and how a big loss drowns
#   a small one;
# - measure in a real network how hard each exit pulls on the layers that all exits share;
# - build the fixed weighting schemes of the paper, and avoid the trap in comparing them.
#
# **Before:** notebook 01 (what an exit is); gradients in PyTorch. **Time:** 45 minutes.
# **Paper:** section 3, up to AdaLoss.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

from anytime import datasets, explore, networks, plots, theory, weighting
from anytime.course import checks
from anytime.training.evaluation import exit_losses

plots.theme()
torch.set_num_threads(1)  # small networks gain nothing from more, and results repeat better

# %% [markdown]
# ## The wish
#
# Call all the numbers that training may change $\theta$. Exit $i$ has the loss $\ell_i(\theta)$,
# and its mean over all images is $E[\ell_i]$. The wish is simple to write down:
#
# $$\text{minimise } E[\ell_1], \; E[\ell_2], \; \dots, \; E[\ell_K] \quad \text{all at once.}$$
#
# If every exit had a network of its own, the wish could be granted: $K$ separate problems, each
# with its own $\theta$. But an anytime network has one $\theta$. Exit 1 wants features that
# separate the classes at once. Exit $K$ wants features that later layers can work on. Both kinds
# must come out of the same first layers.
#
# So we settle for less, and minimise a weighted sum:
#
# $$\sum_{i=1}^{K} B_i \, E[\ell_i], \qquad B_i \ge 0 .$$
#
# The weights $B_i$ say whose wish counts how much. This notebook asks what they do, and why no
# fixed choice is right for long.

# %% [markdown]
# ## Two losses, two parameters
#
# A toy shows the whole problem. It has two parameters, $x = (x_1, x_2)$, and two losses that are
# bowls around two different centres $c_1$ and $c_2$:
#
# $$\ell_i(x) = s_i \cdot \tfrac12 (x - c_i)^\top A_i \, (x - c_i) + f_i .$$
#
# - $c_i$ is the best point of loss $i$: there it reaches its floor $f_i$.
# - $A_i$ says how steep the bowl is in each direction.
# - $s_i$ is the **scale**: it multiplies everything, as a change of units would. Here loss 1 has a
#   scale of 100 and loss 2 a scale of 1.
# - The floor is a tenth of the scale.

# %%
scales = np.array([100.0, 1.0])
centres = np.array([[-1.0, 0.0], [1.0, 0.0]])
curvatures = np.array([[[1.0, 0.3], [0.3, 0.5]], [[1.0, -0.3], [-0.3, 0.5]]])
floors = 0.1 * scales


# %%
def toy_losses(x):
    """Parameters (2,) -> both losses (2,)."""
    apart = x - centres
    squares = np.einsum("kd,kde,ke->k", apart, curvatures, apart)
    return 0.5 * scales * squares + floors


for centre in centres:
    print(f"at {centre}: losses {toy_losses(centre)[0]:.1f} and {toy_losses(centre)[1]:.1f}")

# %% [markdown]
# The package has the same toy. From here on we use that one.

# %%
toy = theory.two_loss_toy(big=100.0, small=1.0)
x = np.array([0.3, -0.7])
np.allclose(toy_losses(x), toy.losses(x))

# %% [markdown]
# **What do you expect?** The next picture draws both bowls seen from above, as rings of equal loss.
# Is there a point that is best for both?

# %% alt="Rings of equal loss of two bowls around two centres, one left, one right, two units apart."
first, second = np.meshgrid(np.linspace(-1.9, 1.9, 121), np.linspace(-1.4, 1.1, 81))
rings = np.moveaxis(toy.losses(np.stack([first, second], -1)), -1, 0)

fig, ax = plt.subplots()
plots.draw_toy(ax, first, second, rings, {})
for i, centre in enumerate(toy.centres, start=1):
    ax.plot(*centre, "k+", markersize=12)
    white = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    ax.text(*(centre + (0, 0.12)), f"best for loss {i}", ha="center", bbox=white)
ax.set_title("Two losses that share two parameters")
plt.show()

# %% [markdown]
# **What you should see.** Two bowls, side by side. Each has one lowest point, and they are two
# units apart. No point is best for both. How much does it cost loss 2 to stand where loss 1 is
# best? We measure each loss in multiples of its own floor, so that the scales don't matter.

# %%
for i, centre in enumerate(toy.centres, start=1):
    multiples = toy.losses(centre) / toy.floors
    print(f"at the best point of loss {i}: {multiples[0]:.0f} and {multiples[1]:.0f} floors")

# %% [markdown]
# Where one loss is perfect, the other is 21 times its floor. Everything else is a compromise, and
# the weights choose which.

# %% [markdown]
# ## Which compromise do the weights choose?
#
# At the minimum of $B_1 \ell_1 + B_2 \ell_2$ the gradient is zero:
#
# $$\sum_i B_i s_i A_i (x - c_i) = 0
# \quad\Longrightarrow\quad
# x = \Big(\sum_i B_i s_i A_i\Big)^{-1} \sum_i B_i s_i A_i \, c_i .$$
#
# In words: $x$ is an average of the two centres, and the pull of centre $i$ is
# $B_i \cdot s_i \cdot A_i$. The pulls are matrices, so $x$ need not lie on the straight line between
# the centres. **Weight and scale appear only as a product.** A loss that is a hundred
# times as large has, without anyone's decision, a hundred times the say.


# %%
def minimiser(weights):
    """Weights (2,) -> the parameters (2,) at which the weighted sum is smallest."""
    pulls = (weights * scales)[:, None, None] * curvatures
    return np.linalg.solve(pulls.sum(0), np.einsum("kde,ke->d", pulls, centres))


equal = np.ones(2)
np.allclose(minimiser(equal), toy.minimiser(equal))

# %% [markdown]
# Is it really the minimum? The weighted gradients must cancel there.

# %%
np.allclose(equal @ toy.gradients(minimiser(equal)), 0)

# %% [markdown]
# **What do you expect?** Both weights are 1, which looks fair. The scale of loss 1 is 1, then 10,
# then 100. Where does the minimum of the sum end up?

# %%
for big in (1, 10, 100):
    one = theory.two_loss_toy(big)
    multiples = one.losses(one.minimiser(equal)) / one.floors
    print(f"scale {big:3}: loss 1 is {multiples[0]:4.1f} floors, loss 2 is {multiples[1]:4.1f}")

# %% [markdown]
# At equal scales the compromise is even. At a scale of 100, loss 1 is all but perfect, and loss 2
# is about as bad as if nobody had asked for it. It is **drowned**. Nothing about the task has
# changed: loss 1 was written in smaller units, that is all.
#
# Now all compromises at once. We let $B_2 / B_1$ run from one ten-thousandth to ten thousand, and
# draw both losses at each minimum.


# %%
def compromises(toy, ratios):
    """Ratios B_2 / B_1 (R,) -> both losses at the minimum of each sum, in floors (R, 2)."""
    points = np.array([toy.minimiser([1.0, ratio]) for ratio in ratios])
    return toy.losses(points) / toy.floors


ratios = np.logspace(-4, 4, 161)
curve = compromises(toy, ratios)

# %% alt="A falling curve of loss 2 over loss 1; equal weights at scales 1, 10, 100 lie further and further up its left end."
fig, ax = plt.subplots()
ax.plot(*curve.T, color="0.4", label="all compromises")
for big, marker in ((1, "o"), (10, "s"), (100, "^")):
    point = compromises(theory.two_loss_toy(big), [1.0])[0]
    ax.plot(*point, marker, markersize=11, label=f"equal weights, scale {big}")
ax.set(xlabel="loss 1 (in floors)", ylabel="loss 2 (in floors)", title="What the weights trade")
ax.legend()
plt.show()

# %% [markdown]
# **What you should see.** The curve is the same for every scale: the scale changes the units, not
# what is possible. On the curve you can lower one loss only by raising the other; such points are
# called **Pareto-optimal**. Equal weights sit in the middle of the curve at scale 1, and slide to
# its upper left end as the scale of loss 1 grows. Weights don't change what is possible. They
# choose a point, and the scale chooses with them.

# %% [markdown]
# ## Who pulls how hard?
#
# Training does not jump to the minimum; it walks along gradients. So look at one step. The step
# follows $\sum_i B_i \nabla \ell_i$, and the part of loss $i$ in it has the length
# $\lVert B_i \nabla \ell_i \rVert$. Its share is
#
# $$\text{share}_i = \frac{B_i \lVert \nabla \ell_i \rVert}{\sum_j B_j \lVert \nabla \ell_j \rVert} .$$


# %%
def gradient_shares(gradients, weights):
    """Each loss's gradient (K, D), weights (K,) -> shares of the pull (K,), which sum to 1."""
    pulls = weights * np.linalg.norm(gradients, axis=1)
    return pulls / pulls.sum()


start = np.array([0.0, 1.0])
shares = gradient_shares(toy.gradients(start), equal)
np.allclose(shares, toy.gradient_shares(start, equal)), shares.round(2)

# %% [markdown]
# The start, $(0, 1)$, is as far from one centre as from the other. Still loss 1 does 99 % of the
# pulling. The cure looks easy: give loss 2 a weight of 100.

# %%
cure = np.array([1.0, 100.0])
print("shares:", gradient_shares(toy.gradients(start), cure).round(2))
print("losses at the minimum, in floors:", compromises(toy, [100.0])[0].round(1))

# %% [markdown]
# That works here because we know the scales and because they stay. In a network we don't know them,
# and, as you will see, they don't stay.

# %% [markdown]
# ### Try it
#
# Set the scale of loss 1 and the weight of loss 2. On the left the minimum moves between the
# centres, on the right along the curve.


# %%
def draw_compromise(axes, big, weight):
    """The minimum of loss 1 + weight * loss 2, as a place and as a trade."""
    toy = theory.two_loss_toy(big)
    place = toy.minimiser([1.0, weight])
    plots.draw_toy(axes[0], first, second, rings, {})
    axes[0].get_legend().remove()
    axes[0].plot(*toy.centres.T, "k+", markersize=12)
    axes[0].plot(*place, "o", color=plots.PALETTE[3], markersize=11)
    axes[1].plot(*curve.T, color="0.4")
    axes[1].plot(*(toy.losses(place) / toy.floors), "o", color=plots.PALETTE[3], markersize=11)
    axes[1].set(xlabel="loss 1 (in floors)", ylabel="loss 2 (in floors)")


# %% alt="Left: the minimum of the sum between two centres, near the left one. Right: the same point on the curve of compromises."
fig, axes = plt.subplots(1, 2, figsize=(9, 4))
draw_compromise(axes, big=10.0, weight=3.0)
fig.suptitle("Scale of loss 1: 10, weight of loss 2: 3")
plt.show()

# %% tags=["widget"]
import io

import ipywidgets as widgets
from matplotlib.figure import Figure

scale = widgets.FloatLogSlider(10.0, min=0, max=3, step=0.25, description="scale of 1")
weight = widgets.FloatLogSlider(1.0, min=-1, max=4, step=0.25, description="weight of 2")
picture, text = widgets.Image(format="png"), widgets.HTML()


def redraw(change=None):
    figure = Figure(figsize=(9, 4), layout="constrained")
    draw_compromise(figure.subplots(1, 2), scale.value, weight.value)
    stored = io.BytesIO()
    figure.savefig(stored, dpi=80)
    picture.value = stored.getvalue()
    toy, weights = theory.two_loss_toy(scale.value), np.array([1.0, weight.value])
    pulls = 100 * toy.gradient_shares(start, weights)
    text.value = f"Pull at (0, 1): loss 1 {pulls[0]:.0f} %, loss 2 {pulls[1]:.0f} %"


for slider in (scale, weight):
    slider.observe(redraw, names="value")
redraw()
widgets.VBox([scale, weight, text, picture])

# %% [markdown]
# ## A real network
#
# Now the same measurement in a network with nine exits. To be quick it is small and learns only 300
# pictures of clothes. That is enough to see it learn them by heart, which on a full data set takes
# much longer. The name says: three blocks of three residual units, 8 channels, and a stem with
# stride 4, which is not the paper's but makes every step cheap.

# %%
clothes = datasets.load("fashion", train_size=300).train
network = networks.build("resann-3-8-stride4", num_classes=10, in_channels=1, seed=0)
network.standardise.mean = datasets.pixel_mean(clothes.pixels)
untrained = {name: values.clone() for name, values in network.state_dict().items()}
K = network.num_exits
print(f"{len(clothes)} images of {tuple(clothes.pixels.shape[1:])}, {K} exits")

# %% [markdown]
# A **segment** is what lies between one exit and the next, here one residual unit. All exits depend on
# the stem and the first segment. Later segments serve only later exits. So the exits compete for the
# parameters of the stem and the first segment, and we take the gradient of each exit's loss with
# respect to exactly those.

# %%
shared = [p for part in (network.stem, network.segments[0]) for p in part.parameters()]


def exit_gradients(network, images, parameters):
    """The losses (K,), and the gradient of each with respect to the parameters (K, P)."""
    losses = exit_losses(network(images.pixels), images.labels)
    rows = [torch.autograd.grad(loss, parameters, retain_graph=True) for loss in losses]
    gradients = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])
    return losses.detach().numpy(), gradients.numpy()


losses_before, before = exit_gradients(network, clothes, shared)
before.shape

# %% [markdown]
# A check: the gradient of a weighted sum must be the weighted sum of these rows.

# %%
weights = torch.linspace(0.5, 2.0, K)
total = (weights * exit_losses(network(clothes.pixels), clothes.labels)).sum()
whole = torch.cat([part.flatten() for part in torch.autograd.grad(total, shared)])
np.allclose(whole.numpy(), weights.numpy() @ before, atol=1e-4)

# %% [markdown]
# Two things matter. The **norm** of a row says how hard an exit pulls. The **cosine** between two
# rows says whether two exits pull in one direction (1), across each other (0), or against each
# other (−1). A step along exit $j$'s gradient, with the learning rate $\eta$, changes loss $i$, to
# first order, by
#
# $$-\eta \, B_j \, \nabla\ell_i \cdot \nabla\ell_j ,$$
#
# so a negative cosine means: what helps exit $j$ harms exit $i$.
#
# **What do you expect?** The network has just been initialised. Every exit guesses. Do the exits
# want the same of the shared layers?


# %%
def cosines(gradients):
    """Rows (K, P) -> the cosine between any two of them (K, K)."""
    directions = gradients / np.linalg.norm(gradients, axis=1, keepdims=True)
    return directions @ directions.T


def draw_cosines(ax, values, title):
    """A map of cosines; blue is agreement, red is conflict."""
    ticks = np.arange(1, len(values) + 1)
    image = ax.pcolormesh(ticks, ticks, values, cmap="RdBu", vmin=-1, vmax=1, shading="nearest")
    ax.set(xlabel="exit", ylabel="exit", title=title, aspect="equal", xticks=ticks, yticks=ticks)
    ax.invert_yaxis()
    ax.grid(False)
    return image


# %% alt="Left: the gradient's norm rises from exit 1 to exit 9, with two dips. Right: a map of cosines with pale blue and pale red cells mixed."
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4))
axes[0].bar(np.arange(1, K + 1), np.linalg.norm(before, axis=1))
axes[0].set(xlabel="exit", ylabel="norm of the gradient", xticks=np.arange(1, K + 1))
axes[0].set_title("How hard each exit pulls")
fig.colorbar(draw_cosines(axes[1], cosines(before), "In which direction"), ax=axes[1])
fig.suptitle("Before training: gradients on the shared layers")
plt.show()

# %% [markdown]
# **What you should see.** The last exits pull several times as hard as the first, though their losses
# are not much larger (the next cell prints them; guessing among ten classes gives
# $\ln 10 \approx 2.3$). And off the diagonal, blue and red are mixed. All of it is pale, but there are
# pairs of exits that pull against each other.

# %%
print("losses:", losses_before.round(1))
print("some exits pull against each other:", bool((cosines(before) < -0.1).any()))
print(
    "the last three pull harder than the first three:",
    bool(np.linalg.norm(before[-3:], axis=1).sum() > np.linalg.norm(before[:3], axis=1).sum()),
)

# %% [markdown]
# ## The same network while it learns
#
# We train with all weights 1 (the scheme CONST): SGD with momentum, 300 steps on batches of 64, a
# learning rate that falls evenly to 0. Every 30 steps we stop and measure losses and gradients over
# all 300 images.


# %%
def train_and_measure(steps=300, every=30):
    """Trains with equal weights; the losses (M, K) and gradients (M, K, P) at M moments."""
    network.load_state_dict(untrained)  # a second call starts anew
    optimizer = torch.optim.SGD(network.parameters(), lr=0.08, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    measured = []
    for step in range(steps + 1):
        if step % every == 0:
            measured.append(exit_gradients(network, clothes, shared))
        optimizer.param_groups[0]["lr"] = 0.08 * (1 - step / steps)
        batch = clothes[torch.randint(len(clothes), (64,), generator=generator)]
        optimizer.zero_grad()
        exit_losses(network(batch.pixels), batch.labels).sum().backward()
        optimizer.step()
    return [np.stack(values) for values in zip(*measured, strict=True)]


losses, gradients = train_and_measure()
moments = np.arange(len(losses)) * 30

# %% alt="Training losses of nine exits over 300 steps on a logarithmic axis: all start between 2 and 3.5; the first ends near 0.7, the last fall to about 0.001."
fig, ax = plt.subplots()
plots.draw_losses(ax, losses, moments)
ax.set(yscale="log", xlabel="step", title="Losses on the training images")
plt.show()

# %% [markdown]
# **What you should see.** All exits start close together. Then they come apart: after 300 steps the
# loss of the first exit is still almost a third of what it was, while the last exits know the 300
# images by heart. The losses of the last three are hundreds of times smaller than that of the first.
# Nobody chose these scales. They are what nine exits of different depth make of one task.
#
# **What do you expect?** All weights stay 1. What happens to the shares of the pull?

# %%
shares = np.array([gradient_shares(rows, np.ones(K)) for rows in gradients])

# %% alt="Shares of the pull over training as nine bands: first the last three exits have half, at the end the first three have three quarters."
fig, ax = plt.subplots()
colors = plt.get_cmap("viridis")(np.linspace(0, 1, K))
labels = [f"exit {k}" for k in range(1, K + 1)]
ax.stackplot(moments, shares.T, colors=colors, labels=labels)
ax.set(xlabel="step", ylabel="share of the pull", xlim=(0, 300), ylim=(0, 1))
ax.yaxis.set_major_formatter(plots.PERCENT)
ax.set_title("Who pulls on the shared layers, all weights 1")
ax.legend(
    *[side[::-1] for side in ax.get_legend_handles_labels()],
    loc="upper left",
    bbox_to_anchor=(1, 1),
)
plt.show()

# %%
early, late = shares[:, :3].sum(1), shares[:, -3:].sum(1)
print(
    "before training the last three exits pull more than the first three:", bool(late[0] > early[0])
)
print("at the end the first three pull more than all others together:", bool(early[-1] > 0.5))

# %% [markdown]
# **What you should see.** The bands turn over. Before training, the last three exits have about
# half of the pull and the first three a fifth. At the end the first three have most of it, and the
# last three next to nothing: the big losses drown the small ones, as in the toy. The final exit,
# whose answer is the best the network can give, no longer has a say in the layers it stands on.
#
# So **no fixed weights fit the whole training**. Weights that even out the beginning are wrong for
# the end. (In between the picture is less clear: a loss can be small and its gradient not. The
# value of a loss is only a rough guide to its pull. Notebook 09 comes back to this.)
#
# How do the directions change?

# %% alt="Two maps of cosines: mixed and pale before training; after it, exits 4 to 9 are blue among themselves and pale towards exits 1 to 3."
fig, axes = plt.subplots(1, 2, figsize=(9.5, 4))
draw_cosines(axes[0], cosines(gradients[0]), "before training")
fig.colorbar(draw_cosines(axes[1], cosines(gradients[-1]), "after 300 steps"), ax=axes)
plt.show()

# %% [markdown]
# **What you should see.** In this training the red is all but gone. Neighbouring exits mostly want the
# same. Early and late exits hardly help or hinder each other: their cosines are near 0. What is left of
# their competition is strength: who pulls harder at the shared layers. It is one training. With other
# batches some pairs of exits still pull against each other after 300 steps; try another number in
# `manual_seed`.
# (Details depend on the processor: a training amplifies the smallest difference in rounding. Your
# pictures may differ a little from the stored ones. What the text says should hold in both.)

# %% [markdown]
# ## Fixed schemes
#
# Here are the fixed ("static") weights that the paper compares with, for $K$ exits.
#
# | scheme | in words | weights |
# |---|---|---|
# | CONST | every exit counts the same | $B_i = 1$ |
# | LINEAR | later exits count more, evenly from a quarter to one | $B_i = \frac14 + \frac34 \cdot \frac{i-1}{K-1}$ |
# | HALF-END | the last exit has half of the weight, the others share the other half | $B_i = \frac{1}{K-1}$ for $i < K$, $B_K = 1$ |
# | SIEVE | half for the last; the others the more, the more often 2 divides their distance from the end | below |
# | exponential | every exit counts $b$ times as much as the one before | $B_i = b^{\,i-K}$ |
# | OPT | one exit $j$ alone | $B_j = 1$, all others 0 |
#
# SIEVE is from the first version of the paper. OPT is no way to train an anytime network: it
# stands for a **separate network per exit**, trained for that exit and nothing else. It is the
# yardstick: what an exit could reach if it did not have to share. (The schemes are as in the
# authors' released code.)
#
# Four of them are one line each. `weighting.build` makes a scheme from its name.

# %%
i = np.arange(1, K + 1)
by_hand = {
    "const": np.ones(K),
    "linear": 0.25 + 0.75 * (i - 1) / (K - 1),
    "exponential:base=2": 2.0 ** (i - K),
    "opt:exit=3": np.where(i == 3, 1.0, 0.0),
}
for spec, B in by_hand.items():
    print(f"{spec:18}", np.allclose(B, weighting.build(spec, K).weights))

# %% [markdown]
# SIEVE marks the exits like a ruler that starts at the end of the network: here, with $K = 9$, exit 1
# has the longest mark, then the middle, then the quarters. Let $d = K - i$ be the distance of exit $i$ from the end, and let $v_2(d)$ be
# how many times 2 divides $d$: $v_2(1) = 0$, $v_2(2) = 1$, $v_2(4) = 2$, $v_2(6) = 1$. Then
#
# $$B_i \propto 1 + v_2(d) \quad \text{for } i < K, \qquad B_K \propto \sum_{i<K} \big(1 + v_2(d)\big) ,$$
#
# and everything is divided by the largest, so that the last weight is 1. (The released code also
# limits $v_2$ to $\lceil \log_2 K \rceil - 1$. No $d < K$ ever reaches beyond that.) HALF-END and
# SIEVE are left to you, as exercises 2.1 and 2.2. Here is the ruler:


# %%
def times_divisible_by_two(d):
    """v_2(d) of a positive integer: how many times 2 divides it."""
    times = 0
    while d > 0 and d % 2 == 0:
        d, times = d // 2, times + 1
    return times


print("distance", list(range(K - 1, 0, -1)))
print("v_2     ", [times_divisible_by_two(d) for d in range(K - 1, 0, -1)])

# %%
SCHEMES = ("const", "linear", "half-end", "sieve", "exponential", "opt")
table = np.array([weighting.build(scheme, K).weights.numpy() for scheme in SCHEMES])

# %% alt="Six bar charts of nine weights each: flat, rising evenly, flat with a high last bar, a ruler with a high last bar, doubling, the last alone."
fig, axes = plt.subplots(2, 3, figsize=(9, 4.6), sharex=True, sharey=True)
for ax, scheme, row in zip(axes.flat, SCHEMES, table, strict=True):
    ax.bar(i, row, color=plots.scheme_style(scheme)["color"])
    ax.set(title=plots.scheme_name(scheme), xticks=i)
for ax in axes[1]:
    ax.set_xlabel("exit")
for ax in axes[:, 0]:
    ax.set_ylabel("weight B")
plt.show()

# %% [markdown]
# **What you should see.** CONST and LINEAR spread the weight. HALF-END, SIEVE and the exponential
# put half of it or more on the last exit, and differ in what they leave to the others. OPT (here
# for the last exit) leaves nothing.
#
# **What do you expect?** Take the gradients that we measured. How would each scheme have shared out
# the pull, before training and at the end? Which scheme is even in both?


# %%
def draw_scheme_shares(ax, rows, title):
    """The shares of the pull under each scheme, as stacked bars."""
    shares = np.array([gradient_shares(rows, B) for B in table])
    left = np.cumsum(shares, axis=1) - shares
    names = [plots.scheme_name(scheme) for scheme in SCHEMES]
    for k in range(K):
        ax.barh(names, shares[:, k], left=left[:, k], color=colors[k], label=f"exit {k + 1}")
    ax.grid(False)
    ax.set(title=title, xlabel="share of the pull", xlim=(0, 1))
    ax.xaxis.set_major_formatter(plots.PERCENT)


# %% alt="Stacked bars of the shares of nine exits under six schemes, before training and after 300 steps; late exits lead before, early exits after, except under the exponential and OPT."
fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
draw_scheme_shares(axes[0], gradients[0], "before training")
draw_scheme_shares(axes[1], gradients[-1], "after 300 steps")
axes[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
axes[0].invert_yaxis()
plt.show()

# %% [markdown]
# **What you should see.** Before training all schemes lean towards the end, and those that favour
# the last exit give it most of the pull. After 300 steps the first three exits lead under CONST,
# LINEAR, HALF-END and SIEVE, although HALF-END gives the last exit eight times their weight. The
# exponential is the most even at the end, and it had left the first exits next to nothing at the
# beginning. No row is even in both pictures.
#
# (The gradients are those of the network that CONST trained. Under another scheme the network would
# have become another one; notebook 04 trains them all.)

# %% [markdown]
# ## The trap: totals differ
#
# Add up the weights of each scheme.

# %%
for scheme, B in zip(SCHEMES, table, strict=True):
    print(f"{plots.scheme_name(scheme):12} {B.sum():.1f}")

# %% [markdown]
# CONST sums to $K$, here 9; HALF-END to 2; OPT to 1. Why does that matter? Plain gradient descent
# with the learning rate $\eta$ takes the step $-\eta \sum_i B_i \nabla\ell_i$. Multiply all weights
# by $c$, and the step is $c$ times as long:
#
# $$-\eta \sum_i (c \, B_i) \nabla\ell_i = -(c \, \eta) \sum_i B_i \nabla\ell_i .$$
#
# So weights times $c$ are the same as a learning rate times $c$. Let us see it in the toy: the two
# paths are equal, step by step.

# %%
B, c = np.array([1.0, 2.0]), 4.5
toy = theory.two_loss_toy(big=10.0)
heavy = toy.descend(start, lambda losses: c * B, rate=0.01, steps=50)
fast = toy.descend(start, lambda losses: B, rate=c * 0.01, steps=50)
np.allclose(heavy, fast)

# %% [markdown]
# **What do you expect?** One scheme (CONST), one learning rate, three totals: 0.2, 2 and 9.

# %% alt="The mean loss over 40 steps: falls slowly at total 0.2, quickly at total 2, and grows without limit at total 9."
fig, ax = plt.subplots()
for total, dash in ((0.2, "-"), (2.0, "--"), (9.0, ":")):
    path = toy.descend(start, lambda losses, B=total / 2: np.full(2, B), rate=0.05, steps=40)
    ax.plot(toy.losses(path).mean(1), dash, linewidth=2, label=f"total {total:g}")
ax.set(yscale="log", ylim=(1, 1e4), xlabel="step", ylabel="mean of the two losses")
ax.set_title("CONST at one learning rate")
ax.legend()
plt.show()

# %% [markdown]
# **What you should see.** A total of 2 arrives within a few steps, 0.2 needs ten times as many, and
# 9 diverges. If these were three schemes, you would have called one of them bad. It was only the
# learning rate.
#
# With momentum the same holds. With weight decay it holds only in part: the decay is not multiplied
# by $B$, so heavier weights also mean relatively less decay.
#
# To compare schemes fairly, every scheme of the kit takes the option `total`: the weights are
# rescaled so that they sum to it.

# %%
for scheme in SCHEMES:
    B = weighting.build(f"{scheme}:total=9", K).weights
    print(f"{plots.scheme_name(scheme):12} {B.sum():.1f}   last weight {B[-1]:.2f}")

# %% [markdown]
# Equal totals are fairer, not fair. The loss of exit $i$ reaches only the segments up to $i$. So
# segment $k$ is trained by the losses of exits $k$ to $K$, and its own effective learning rate goes
# with $\sum_{i \ge k} B_i$, not with the total. A check: the loss of exit 3 does not depend on
# segment 4.

# %%
loss = exit_losses(network(clothes.pixels), clothes.labels)[2]
part = next(network.segments[3].parameters())
print("exit 3 leaves segment 4 alone:", not torch.autograd.grad(loss, part)[0].any())

# %% alt="The weight that reaches each of nine segments at a total of 9: all schemes start at 9; CONST falls evenly to 1, OPT stays at 9, the others lie between."
fig, ax = plt.subplots()
for scheme in SCHEMES:
    B = weighting.build(f"{scheme}:total=9", K).weights.numpy()
    reaching = np.cumsum(B[::-1])[::-1]
    ax.plot(i, reaching, label=plots.scheme_name(scheme), **plots.scheme_style(scheme))
ax.set(xlabel="segment", ylabel="weight that reaches it", xticks=i, ylim=(0, 9.5))
ax.set_title("All schemes with a total of 9")
ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **What you should see.** All lines start at 9: for the first segment all schemes are now alike. On
# the last segment CONST has 1 left, SIEVE and HALF-END 4.5, and OPT still 9. A single number cannot
# make up for this. In the released code every scheme keeps its own total, and so it does in most of
# the recorded runs. Keep the difference in mind when you read them, and use `total` to test whether
# a result depends on it.

# %% [markdown]
# ### Design a scheme
#
# In the explorer you choose or drag weights. It shows each exit's share of the weight and, in a toy
# with as many losses, its share of the pull; and the recorded run whose final weights are nearest.
# Its picture for HALF-END, when the first loss is four times the last:

# %% alt="Left: shares of weight and of pull for nine exits under HALF-END. Right: the test error by exit of the nearest recorded run."
designer = explore.scheme_designer()
designer.figure(weights=", ".join(f"{B:.3f}" for B in table[2]), ratio=4.0)

# %% tags=["widget"]
explore.scheme_designer()

# %% [markdown]
# ## Summary
#
# - No shared network is best for all its exits. Weights choose one of many compromises.
# - Weight and scale act as a product. A big loss drowns a small one, whoever meant it or not.
# - In a real network the scales change during training. Here the late exits pull hardest at first
#   and hardly at all at the end. Fixed weights cannot fit both.
# - CONST, LINEAR, HALF-END, SIEVE and the exponential are fixed guesses. OPT is the yardstick.
# - Schemes differ in their totals, so also in their effective learning rates.
#
# ## Exercises
#
# **2.1 HALF-END.** The last exit has weight 1, and the others share a total of 1 evenly. What if
# there is one exit only?


# %%
def half_end(num_exits):
    """The weights (K,) of HALF-END, as an array."""
    ### BEGIN SOLUTION 2.1
    early = num_exits - 1
    return np.array([1.0 / max(early, 1)] * early + [1.0])
    ### END SOLUTION


checks.half_end(half_end)

# %% [markdown]
# **2.2 SIEVE.** Use the formula above; `times_divisible_by_two` is there already. Take at least two
# exits for granted.


# %%
def sieve(num_exits):
    """The weights (K,) of SIEVE for two exits or more, as an array; the last is 1."""
    ### BEGIN SOLUTION 2.2
    early = [1 + times_divisible_by_two(num_exits - i) for i in range(1, num_exits)]
    return np.array([*early, sum(early)]) / sum(early)
    ### END SOLUTION


checks.sieve(sieve)

# %% [markdown]
# **2.3 Equal losses.** Let $B_1 = 1$. For which $B_2$ are the two losses of a toy equal at the
# minimum of the weighted sum, $\ell_1 = \ell_2$? There is no need for algebra: as $B_2$ grows,
# $\ell_2$ falls and $\ell_1$ rises, so you can search by halving an interval. `toy.minimiser` and
# `toy.losses` are all you need. The answer lies between $10^{-3}$ and $10^{3}$.


# %%
def equalising_weight(toy):
    """B_2 at which both losses are equal at toy.minimiser([1, B_2])."""
    ### BEGIN SOLUTION 2.3
    low, high = 1e-3, 1e3
    for _ in range(60):
        middle = np.sqrt(low * high)
        first, second = toy.losses(toy.minimiser([1.0, middle]))
        low, high = (middle, high) if second > first else (low, middle)
    return middle
    ### END SOLUTION


checks.equalising_weight(equalising_weight)

# %% [markdown]
# **Think.** Are the weights that make both losses *equal* the fair ones? Try it for a scale of 4.
#
# <details><summary>An answer</summary>
#
# Not if the losses have different floors. At a scale of 4, loss 1 cannot fall below 0.4 and loss 2
# can reach 0.1. To make them equal, loss 2 must give up ground until it is as bad as loss 1. In
# multiples of their floors they are then far from equal. The same would happen in a network: the
# first exit can never be as good as the last, and weights that force equal losses spoil the last.
#
# </details>
#
# **Think.** Could one learn good fixed weights by trying many and keeping the best?
#
# <details><summary>An answer</summary>
#
# One could, but there are $K$ of them, each try costs a whole training, and "best" needs a choice
# of budget to be best for. What is found for one network and data set need not fit another. And
# fixed weights stay fixed: they can't follow scales that change during training.
#
# </details>
#
# ## What next
#
# The weights should follow the losses. [Notebook 03](03_adaloss.ipynb) shows how AdaLoss does it.
