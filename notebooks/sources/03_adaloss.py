# %% [markdown]
# # 03 · AdaLoss
#
# **How can the weights follow the losses by themselves, whatever the losses' scales are and however
# they change during training?**
#
# **You will**
#
# - derive AdaLoss's weights in three ways, and check each with autograd;
# - build the whole algorithm and compare it with the package's, step by step;
# - see what its four settings do, and what its weights measure and what they don't.
#
# **Before:** notebook 02 (weight times scale; gradient shares). **Time:** 50 minutes.
# **Paper:** section 3, AdaLoss.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import torch

from anytime import datasets, explore, networks, paper, plots, runs, theory, weighting
from anytime.course import checks
from anytime.training.evaluation import exit_losses

plots.theme()
torch.set_num_threads(1)  # small networks gain nothing from more, and results repeat better

# %% [markdown]
# ## The idea in one line
#
# In notebook 02 a big loss drowned a small one, because weight and scale act as a product. AdaLoss
# cancels the scale. It gives exit $i$ a weight inversely proportional to its own mean loss:
#
# $$B_i \propto \frac{1}{\hat\ell_i}, \qquad \hat\ell_i \approx E[\ell_i] .$$
#
# $\hat\ell_i$ is an estimate of the mean loss, taken during training. There are three ways to see
# why this is a good choice. They start at different places and end at the same weights.

# %% [markdown]
# ## First way: one scale for all
#
# We want all weighted losses to have the same size, say 1, so that none drowns another:
#
# $$B_1 \ell_1 = B_2 \ell_2 = \dots = B_K \ell_K \quad\Longrightarrow\quad B_i = \frac{1}{\ell_i}
# \;\text{ (or any common multiple)} .$$

# %%
losses = np.array([2.0, 0.5, 0.01])
B = 1 / losses
print("weights:         ", B)
print("weighted losses: ", B * losses)

# %% [markdown]
# What does it mean for training? Here is a small network with three exits, and a function that
# gives the gradient of anything with respect to the stem, which all exits share.

# %%
clothes = datasets.load("fashion", train_size=300).train
small = networks.build("resann-1-4-stride4", num_classes=10, in_channels=1, seed=0)
small.standardise.mean = datasets.pixel_mean(clothes.pixels)
stem = list(small.stem.parameters())


def losses_of_small():
    """The losses (3,) of the small network over all 300 images."""
    return exit_losses(small(clothes.pixels), clothes.labels)


def gradient(scalar):
    """The gradient of a number with respect to the shared stem, as an array."""
    return torch.cat([part.flatten() for part in torch.autograd.grad(scalar, stem)]).numpy()


# %% [markdown]
# **What do you expect?** Someone measures the loss of exit 2 in units that are a hundred times
# smaller, so its numbers become a hundred times as large. How does the training step change with
# weights 1, and how with weights $1/\ell_i$?
#
# The weights are numbers, not functions of $\theta$: no gradient flows through them. In PyTorch
# `detach` says so.


# %%
def step_direction(units, adaptive):
    """The gradient of the weighted sum, if the losses are multiplied by `units` (3,)."""
    losses = units * losses_of_small()
    B = 1 / losses.detach() if adaptive else torch.ones(3)
    return gradient((B * losses).sum())


same, changed = torch.ones(3), torch.tensor([1.0, 100.0, 1.0])
for adaptive in (False, True):
    unmoved = np.allclose(
        step_direction(same, adaptive), step_direction(changed, adaptive), atol=1e-4
    )
    print(f"weights {'1/l' if adaptive else '1  '}: the step is the same: {unmoved}")

# %% [markdown]
# With weights 1 the choice of units decides where training goes. With weights $1/\ell_i$ it cannot.

# %% [markdown]
# ## Second way: the geometric mean
#
# CONST minimises the sum of the expected losses, so the arithmetic mean. What if we minimise their
# **geometric** mean instead, $\big(\prod_i E[\ell_i]\big)^{1/K}$? Its logarithm is
# $\frac1K \sum_i \ln E[\ell_i]$, and the logarithm has its minimum in the same place. By the chain
# rule
#
# $$\nabla \sum_i \ln E[\ell_i] = \sum_i \frac{\nabla E[\ell_i]}{E[\ell_i]}
# = \sum_i B_i \nabla E[\ell_i] \quad\text{with}\quad B_i = \frac{1}{E[\ell_i]} .$$
#
# A step of AdaLoss is thus a step downhill on the sum of the logarithms. Autograd agrees:

# %%
by_logarithm = gradient(losses_of_small().log().sum())
by_weights = step_direction(same, adaptive=True)
np.allclose(by_logarithm, by_weights, atol=1e-4)

# %% [markdown]
# This tells what AdaLoss **wants**. A sum counts how much a loss falls. A sum of logarithms counts
# by which *factor* it falls: units drop out, since $\ln(c \, \ell) = \ln c + \ln \ell$ and the
# constant has no gradient.
#
# **What do you expect?** Two exits have the losses 2 and 0.02. Plan A takes the first from 2 to 1.9.
# Plan B takes the second from 0.02 to 0.01. Which plan does each objective prefer?

# %%
before, plan_a, plan_b = np.array([[2.0, 0.02], [1.9, 0.02], [2.0, 0.01]])
for name, objective in (
    ("sum", np.sum),
    ("sum of logarithms", lambda losses: np.log(losses).sum()),
):
    gains = [objective(before) - objective(after) for after in (plan_a, plan_b)]
    print(f"{name:18} falls by {gains[0]:.2f} with plan A, by {gains[1]:.2f} with plan B")

# %% [markdown]
# The sum prefers A by ten to one. The sum of logarithms prefers B by more than ten to one: halving
# a loss is worth $\ln 2 = 0.69$, however small the loss already is. Keep this in mind, it is the
# strength of AdaLoss and, as we will see, its risk.
#
# ### Why a mean of losses, and not the loss of the batch?
#
# The expectation stands *inside* the logarithm. If we used the loss of each batch, the weight would
# be $1/\ell_i$ of a single draw, and a draw that happens to be tiny would get a huge weight. The mean
# of the inverse is not the inverse of the mean:

# %%
draws = np.random.default_rng(0).exponential(scale=0.5, size=1000)
print(
    f"inverse of the mean: {1 / draws.mean():.1f}   mean of the inverses: {(1 / draws).mean():.1f}"
)

# %% [markdown]
# So AdaLoss estimates $E[\ell_i]$ first, by a running mean over batches, and takes the inverse then.

# %% [markdown]
# ## Third way: likelihood
#
# Let the weights be learned. Simply minimising $\sum_i B_i \ell_i$ over $B$ is useless: the best $B$
# is 0. Something must reward large weights. Statistics offers the right reward. Suppose the values
# of a loss were drawn from an exponential distribution with rate $B$, which has the mean $1/B$:
#
# $$p(\ell \mid B) = B \, e^{-B \ell}, \qquad -\ln p(\ell \mid B) = B \ell - \ln B .$$
#
# Fitting the rates by maximum likelihood means to minimise $\sum_i (B_i \ell_i - \ln B_i)$. The
# derivative by $B_i$ is $\ell_i - 1/B_i$. It is zero at
#
# $$B_i = \frac{1}{\ell_i},$$
#
# and the second derivative, $1/B_i^2$, is positive: a minimum.

# %% alt="Three curves of B l minus ln B over B on a logarithmic axis, for losses 2, 0.5 and 0.1, each a valley with a marked bottom at 1 / l."
rates = np.logspace(-1.5, 2, 200)
fig, ax = plt.subplots()
for loss, dash in ((2.0, "-"), (0.5, "--"), (0.1, ":")):
    (line,) = ax.plot(rates, rates * loss - np.log(rates), dash, label=f"loss {loss:g}")
    ax.plot(1 / loss, 1 + np.log(loss), "o", color=line.get_color(), markersize=9)
ax.set(xscale="log", ylim=(-3, 8), xlabel="weight B", ylabel=r"$B \ell - \ln B$")
ax.set_title("What the likelihood wants of the weight")
ax.legend()
plt.show()

# %% [markdown]
# **What you should see.** Each loss has one best weight, marked by a dot: 0.5 for a loss of 2, 2 for
# a loss of 0.5, 10 for a loss of 0.1. Does gradient descent find them? We learn $\ln B$, so that $B$
# stays positive.

# %%
log_B = torch.zeros(3, requires_grad=True)
optimizer = torch.optim.SGD([log_B], lr=0.3)
observed = torch.tensor([2.0, 0.5, 0.1])
for _ in range(200):
    optimizer.zero_grad()
    (log_B.exp() * observed - log_B).sum().backward()
    optimizer.step()
learned = log_B.detach().exp().numpy()
print(learned.round(2), np.allclose(learned, theory.adaloss_optimal_weights(observed), rtol=1e-3))

# %% [markdown]
# Put the best weights back into the objective, and each term becomes
# $\frac{1}{\ell_i} \ell_i - \ln \frac{1}{\ell_i} = 1 + \ln \ell_i$. That is the second way again:

# %%
value = theory.likelihood_objective(1 / losses, losses)
np.allclose(value, (1 + np.log(losses)).sum())

# %% [markdown]
# The same root has grown other methods. **Uncertainty weighting** and **IMTL-L** learn the weights
# by gradient descent on objectives of this kind, as in the cell above; the **geometric loss
# strategy (GLS)** minimises the geometric mean directly. AdaLoss estimates the mean loss and sets
# the weight. Notebook 09 compares them.

# %% [markdown]
# ## The toy again
#
# In the toy of notebook 02, equal weights let the loss with the scale 100 drown the other. Now
# the weights are $1/\ell_i$ at every step. One more thing is changed: there the floor of each loss was a
# tenth of its scale, here it is as large as its scale. With low floors the same weights end elsewhere;
# "The smaller a loss, the more it gets", below, shows where.

# %%
start = np.array([0.0, 1.0])
for big in (1, 10, 100):
    toy = theory.two_loss_toy(big, floor=1.0)
    const = toy.descend(start, np.ones_like, rate=0.5 / big, steps=4000)[-1]
    adaptive = toy.descend(start, lambda losses: 1 / losses, rate=0.2, steps=400)[-1]
    ends = [(toy.losses(end) / toy.floors).round(2) for end in (const, adaptive)]
    print(f"scale {big:3}: losses in floors {ends[0]} with equal weights, {ends[1]} with 1/l")

# %% alt="Contours of the toy's two losses; the path of CONST ends at the left centre, that of AdaLoss in the middle between both."
first, second = np.meshgrid(np.linspace(-1.9, 1.9, 121), np.linspace(-1.4, 1.2, 81))
rings = np.moveaxis(toy.losses(np.stack([first, second], -1)), -1, 0)
paths = {
    "CONST": toy.descend(start, np.ones_like, rate=0.005, steps=4000),
    "AdaLoss": toy.descend(start, lambda losses: 1 / losses, rate=0.2, steps=400),
}
ends = {name: path[-1] for name, path in paths.items()}

fig, ax = plt.subplots()
plots.draw_toy(ax, first, second, rings, ends, paths)
ax.set_title("Loss 1 has a scale of 100")
plt.show()

# %% [markdown]
# **What you should see.** CONST runs to the best point of loss 1 and stays there. With weights
# $1/\ell_i$ the path ends half-way, at the same point for every scale.

# %% [markdown]
# ## The algorithm
#
# Training sees batches, not expectations. The released code does this, at every step:
#
# 1. Compute the losses $\ell_i$ of the batch, and train on $\sum_i B_i \ell_i$ with the weights in
#    force. (The sum is not divided by $\sum_i B_i$. Weight decay comes on top.)
# 2. Update the running means: $m_i \leftarrow \rho \, m_i + (1 - \rho) \, \ell_i$. They start at the
#    losses of the first batch, and nothing corrects for that start. $m_i$ is the $\hat\ell_i$ of
#    the idea.
#
# And after every $T$ steps it sets new weights:
#
# 3. $u_i = 1 / m_i$, divided by the largest, so that the largest $u_i$ is 1.
# 4. $u_K \leftarrow u_K + e$: something extra for the last exit. Then divide by the largest again.
# 5. $B_i = (1 - \gamma) \, u_i + \gamma$: mix with a uniform weight. So no weight falls below
#    $\gamma$, and the largest is 1.
#
# Before the first update all $B_i$ are 1. By hand, for $m = (4, 2, 1)$, $e = 1$, $\gamma = 0.2$:
#
# | step | exit 1 | exit 2 | exit 3 |
# |---|---|---|---|
# | 3: $1/m$, largest 1 | 0.25 | 0.5 | 1 |
# | 4: add $e$ to the last | 0.25 | 0.5 | 2 |
# | 4: largest 1 | 0.125 | 0.25 | 1 |
# | 5: $0.8 \, u + 0.2$ | 0.3 | 0.4 | 1 |
#
# In code `gamma` is $\gamma$, `momentum` is $\rho$ (not the momentum of SGD), `every` is $T$, and `extra`
# is $e$:


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
            u = 1 / self.means
            u = u / u.max()
            u[-1] += self.extra
            u = u / u.max()
            self.weights = (1 - self.gamma) * u + self.gamma


# %%
by_hand = AdaLossByHand(3, gamma=0.2, momentum=0.9, every=1, extra=1.0)
by_hand.observe(np.array([4.0, 2.0, 1.0]))
by_hand.weights

# %% [markdown]
# That is the last row of the table. Now the package's class. It is a PyTorch module, so that its
# running means are stored in checkpoints and move to the GPU with it. We feed both with 250 random
# batches, and compare the training loss and the weights at each step.

# %%
options = {"gamma": 0.07, "momentum": 0.9, "every": 7, "extra": 0.5}
by_hand = AdaLossByHand(5, **options)
package = weighting.AdaLoss(5, **options)

agree = []
for batch in np.random.default_rng(1).uniform(0.05, 2.5, size=(250, 5)):
    total = package(torch.tensor(batch, dtype=torch.float32))
    agree.append(np.isclose(total, by_hand.weights @ batch, rtol=1e-4))
    by_hand.observe(batch)
    agree.append(np.allclose(package.weights, by_hand.weights, rtol=1e-4))
all(agree)

# %% [markdown]
# ## A real training
#
# As in notebook 02, a network with nine exits learns 300 pictures of clothes by heart; only the
# weights are AdaLoss's now, with an update every 10 steps. We keep the losses and the weights of
# each step.


# %%
def train_and_record(scheme, steps=300):
    """Trains under a weighting; the batches' losses and the weights in force, (steps, K) each."""
    network = networks.build("resann-3-8-stride4", num_classes=10, in_channels=1, seed=0)
    network.standardise.mean = datasets.pixel_mean(clothes.pixels)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.08, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    record = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.08 * (1 - step / steps)
        batch = clothes[torch.randint(len(clothes), (64,), generator=generator)]
        losses = exit_losses(network(batch.pixels), batch.labels)
        record.append((losses.detach().numpy(), scheme.weights.numpy()))
        optimizer.zero_grad()
        scheme(losses).backward()
        optimizer.step()
    return [np.stack(values) for values in zip(*record, strict=True)]


USED = {"gamma": 0.07, "momentum": 0.9, "every": 10, "extra": 0.0}
recorded, in_force = train_and_record(weighting.AdaLoss(9, **USED))
steps, K = recorded.shape

# %% alt="Left: training losses of nine exits on a logarithmic axis come apart over 300 steps. Right: AdaLoss's weights start at 1; those of the last two exits stay high, those of the early ones sink towards 0.07."
fig, axes = plt.subplots(1, 2, figsize=(10, 4))
plots.draw_losses(axes[0], recorded, np.arange(steps))
plots.draw_weight_evolution(axes[1], in_force, np.arange(steps))
axes[0].set(yscale="log", xlabel="step", title="Losses of the batches")
axes[1].set(xlabel="step", title="AdaLoss's weights", ylim=(0, 1.05))
axes[0].get_legend().remove()
plt.show()

# %% [markdown]
# **What you should see.** The losses start together and come apart, in the end by a factor of
# about a thousand. The weights start at 1 and stay there for the first 10 steps. Then those of the
# first exits sink, step by step, to the floor of 0.07. Those of the middle exits follow later, exit 7
# last of all. The last two stay high. For most of the training their losses are so close to each other
# that chance decides from update to update which of them is smaller and has the weight 1. Only at the
# end do they come apart. (Details depend on the processor; your pictures may differ a little from the stored
# ones.)

# %%
print("all weights are 1 before the first update:", bool((in_force[:10] == 1).all()))
print("no weight is below gamma:", bool((in_force >= 0.07).all()))
print("the largest weight is always 1:", np.allclose(in_force.max(axis=1), 1))

# %% [markdown]
# The weights depend on nothing but the losses and four settings. So they can be recomputed from the
# recorded losses; `theory.adaloss_trajectory` does that for a whole training at once.

# %%
np.allclose(theory.adaloss_trajectory(recorded, **USED), in_force, rtol=1e-3)

# %% [markdown]
# ## What the four settings do
#
# With the recorded losses we can ask which weights *other* settings would have set. One caution:
# other weights would have led the training elsewhere, and to other losses. What follows shows how
# AdaLoss answers to given losses, not what each setting does to a training.


# %%
def weights_under(**changes):
    """The weights (steps, K) that AdaLoss gives to the recorded losses, with some settings changed."""
    return theory.adaloss_trajectory(recorded, **{**USED, **changes})


# %% [markdown]
# ### $\gamma$: a floor
#
# From step 5: a loss that is $r$ times the smallest gets the weight $(1 - \gamma)/r + \gamma$.
#
# **What do you expect?** A loss is a thousand times the smallest. What is its weight for
# $\gamma = 0$, and for $\gamma = 0.07$?

# %% alt="Weight over loss ratio, both logarithmic: a straight falling line for gamma 0; for 0.07 and 0.14 the curve bends and runs level at gamma."
ratio = np.logspace(0, 4, 200)
fig, ax = plt.subplots()
for gamma, dash in zip((0.0, 0.07, 0.14), plots.LINES, strict=False):
    ax.plot(ratio, (1 - gamma) / ratio + gamma, dash, label=rf"$\gamma$ = {gamma:g}")
ax.set(xscale="log", yscale="log", xlabel="loss, in multiples of the smallest", ylabel="weight B")
ax.set_title("How AdaLoss weighs a loss against the smallest")
ax.legend()
plt.show()

# %% [markdown]
# **What you should see.** Without $\gamma$ the weight is the plain inverse, and falls without end:
# a thousandth for a thousandfold loss. With it the curve bends near a ratio of $1/\gamma$ and runs
# level at $\gamma$.
#
# So $\gamma$ keeps every exit in training. It also ends the promise of the first way: **beyond a
# ratio of about $1/\gamma$ (14 for 0.07, 7 for 0.14) the scale is no longer cancelled**, and the
# big loss drowns the small one after all. In the toy with a scale of 100:

# %%
toy = theory.two_loss_toy(100, floor=1.0)
for gamma in (0.0, 0.07):
    weigh = partial(theory.adaloss_weights, gamma=gamma)
    end = toy.descend(start, weigh, rate=0.1, steps=3000)[-1]
    print(f"gamma {gamma:4}: losses in floors {(toy.losses(end) / toy.floors).round(2)}")

# %% [markdown]
# ### $\rho$: how long the memory is
#
# The mean $m_i$ forgets at the rate $\rho$: a batch $n$ steps ago counts $\rho^n$ times as much as
# the present one. Roughly the last $1/(1-\rho)$ batches count: 10 for 0.9, 100 for 0.99. The first
# batch has the share $\rho^n$ of $m_i$ after $n$ further steps:

# %%
for rho in (0.9, 0.99):
    print(f"rho {rho}: the first batch's share after 100 steps is {rho**100:.1%}")


# %% alt="The last exit's loss over 300 steps as dots on a logarithmic axis; the running mean with rho 0.9 follows, with 0.99 it lags far above."
def means_of_last_exit(rho):
    """The running mean of the last exit after each recorded step, by our own class."""
    by_hand, means = AdaLossByHand(K, gamma=0.07, momentum=rho, every=10, extra=0.0), []
    for losses in recorded:
        by_hand.observe(losses)
        means.append(by_hand.means[-1])
    return means


fig, ax = plt.subplots()
ax.plot(recorded[:, -1], ".", color="0.6", label="loss of the batch")
for rho, dash in ((0.9, "-"), (0.99, "--")):
    ax.plot(means_of_last_exit(rho), dash, linewidth=2, label=rf"mean, $\rho$ = {rho}")
ax.set(yscale="log", xlabel="step", ylabel="loss (nats)")
ax.set_title("The last exit and its running mean")
ax.legend()
plt.show()

# %% [markdown]
# **What you should see.** Losses scatter from batch to batch; the mean does not. But when a loss
# falls fast, the mean lags behind. With $\rho = 0.99$ it is, by the end of this short training, far
# above the loss it should estimate. In a training of many thousand steps that hardly matters; in a
# short one it keeps the weights closer together.
#
# ### $T$: how often the weights change

# %% alt="The weight of exit 1 over 300 steps for T of 1, 10 and 100: a ragged curve, a finer and a coarser staircase."
fig, ax = plt.subplots()
for every, dash in zip((1, 10, 100), plots.LINES, strict=False):
    ax.plot(weights_under(every=every)[:, 0], dash, linewidth=2, label=f"T = {every}")
ax.set(
    xlabel="step", ylabel="weight of exit 1", ylim=(0, 1.05), title="Between updates weights rest"
)
ax.legend()
plt.show()

# %% [markdown]
# **What you should see.** A staircase, the coarser the larger $T$ is. Until step $T$ the training
# is CONST. At each update the weight jumps, and with it the step length of everything that exit
# trains. With $\rho = 0.9$ and $T = 100$ an update looks at the last few dozen batches only, and
# has forgotten the others.
#
# ### $e$: more for the last exit

# %% alt="Bars of the final weights of nine exits for e of 0, 0.5 and 1: with larger e all exits but the last shrink."
fig, ax = plt.subplots()
extras = (0.0, 0.5, 1.0)
final = np.array([weights_under(extra=extra)[-1] for extra in extras])
for k, (extra, row) in enumerate(zip(extras, final, strict=True)):
    ax.bar(np.arange(1, K + 1) + 0.27 * (k - 1), row, 0.27, label=f"e = {extra:g}")
ax.set(
    xlabel="exit", ylabel="weight B", xticks=np.arange(1, K + 1), title="Weights at the last step"
)
ax.legend(loc="upper left")
plt.show()

# %% [markdown]
# **What you should see.** Here the last exit has the weight 1 already, and $e$ cannot raise it further.
# It lowers all the others instead: with $e = 1$ exit 8, nearly as good as the last, has less than half
# of the last one's weight. Exits at the floor $\gamma$ hardly notice. (A last exit with little weight would be raised. As
# long as $u_K + e$ is at most 1, the others keep what they have.)
#
# What the last exit gets follows from step 4. Its $u_K$ is at least $e$ before the second division,
# and all others are at most 1. So with $e = 1$ the last exit always has the largest weight, $B_K = 1$.
# With $e = 0$ nothing favours it but its own loss.

# %%
last = {extra: weights_under(extra=extra)[USED["every"] :, -1] for extra in extras}
print("with e = 1 the last exit always has the largest weight:", np.allclose(last[1.0], 1))
print("with e = 0 too:", np.allclose(last[0.0], 1))

# %% [markdown]
# ### Try them all
#
# First a picture to compare with: another choice that is found in the released code.


# %%
def draw_weights_over_time(ax, **settings):
    """The weights that AdaLoss gives to the recorded losses, a line per exit."""
    plots.draw_weight_evolution(ax, weights_under(**settings), np.arange(steps))
    ax.set(xlabel="step", ylim=(0, 1.05))


# %% alt="AdaLoss's weights over 300 steps for gamma 0.07, rho 0.99, T 1, e 1: smooth curves; the last exit stays at 1, all others fall at once to about a half and then further."
fig, ax = plt.subplots()
draw_weights_over_time(ax, gamma=0.07, momentum=0.99, every=1, extra=1.0)
ax.set_title(r"$\gamma$ = 0.07, $\rho$ = 0.99, T = 1, e = 1")
plt.show()

# %% [markdown]
# **What you should see.** The curves are smooth, since the weights change at every step and the
# memory is long. The last exit stays at 1. All others fall to about a half at the first update, when
# the losses are still close to each other: that is $e$. Then the early ones sink further. Now try for yourself:
# which slider changes the early exits, which the late ones?

# %% tags=["widget"]
import io

import ipywidgets as widgets
from matplotlib.figure import Figure

controls = {
    "gamma": widgets.FloatSlider(0.07, min=0, max=0.5, step=0.01, description="γ"),
    "momentum": widgets.SelectionSlider(options=[0.0, 0.5, 0.9, 0.99], value=0.9, description="ρ"),
    "every": widgets.SelectionSlider(options=[1, 10, 30, 100], value=10, description="T"),
    "extra": widgets.FloatSlider(0.0, min=0, max=2, step=0.25, description="e"),
}
picture, text = widgets.Image(format="png"), widgets.HTML()


def redraw(change=None):
    settings = {name: control.value for name, control in controls.items()}
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    draw_weights_over_time(figure.subplots(), **settings)
    stored = io.BytesIO()
    figure.savefig(stored, dpi=80)
    picture.value = stored.getvalue()
    text.value = f"Total of the weights at the last step: {weights_under(**settings)[-1].sum():.2f}"


for control in controls.values():
    control.observe(redraw, names="value")
redraw()
widgets.VBox([*controls.values(), text, picture])

# %% [markdown]
# ## Which settings does the paper use?
#
# This is known from the released code, and the code disagrees with itself: the default values of
# its options are not those that its scripts pass. Both are found for most settings.
#
# | setting | found in the code | remarks |
# |---|---|---|
# | $\gamma$ | 0.07 | nearly everywhere; 0.14 for DenseNet, 0.05 with the first-order variant on ILSVRC |
# | $\rho$ | 0.9 or 0.99 | |
# | $T$ | 100 or 1 | |
# | $e$ | 0 or 1 | 0.5 for ResNeXt |
#
# The scripts search a grid:

# %%
for setting, values in paper.ADALOSS_GRID.items():
    print(f"{setting:8} {values}")

# %% [markdown]
# **What do you expect?** That makes 36 combinations. How different are the final weights that they
# give to our recorded losses?

# %% alt="Final weights of nine exits for 36 combinations of settings as thin lines, coloured by e: all rise from the first exits to the last, and differ most in the middle and at the end."
from itertools import product

fig, ax = plt.subplots()
for settings in product(*paper.ADALOSS_GRID.values()):
    settings = dict(zip(paper.ADALOSS_GRID, settings, strict=True))
    color = plots.PALETTE[extras.index(settings["extra"])]
    ax.plot(np.arange(1, K + 1), weights_under(**settings)[-1], color=color, linewidth=1)
for extra, color in zip(extras, plots.PALETTE, strict=False):
    ax.plot([], [], color=color, label=f"e = {extra:g}")
ax.set(
    xlabel="exit", ylabel="weight B", ylim=(0, 1.05), title="The same losses under all 36 settings"
)
ax.legend()
plt.show()

# %% [markdown]
# **What you should see.** Every setting gives less to the first exits and most to the last ones. How
# much less is another matter: exit 5 gets anything from next to nothing to 0.7.
# $e$ sets how far all others stay below the last exit; $\rho = 0.99$ keeps the weights closer
# together, because this training is short; $\gamma$ moves the early exits. A result for "AdaLoss" is
# a result for one of these settings.

# %% [markdown]
# ## What to be careful about
#
# ### At the start AdaLoss is CONST
#
# A network that guesses evenly among $C$ classes has a loss of $\ln C$ at every exit; an untrained one
# is not far from it. Equal losses get equal weights (with $e = 0$). AdaLoss differs from CONST only as far as the losses have come apart. If the
# exits of your network stay close together, it does little.
#
# ### The total of the weights moves
#
# The largest weight is always 1. When losses come apart, all other weights *shrink*. So the total
# falls, and with it the effective learning rate of the layers that all exits share (notebook 02,
# "The trap").

# %% alt="The total of AdaLoss's weights over 300 steps falls from 9; the dashed line of the rescaled weights stays at 9."
rescaled = in_force * (9 / in_force.sum(axis=1, keepdims=True))
fig, ax = plt.subplots()
ax.plot(in_force.sum(axis=1), label="AdaLoss")
ax.plot(rescaled.sum(axis=1), "--", label="AdaLoss with total = 9")
ax.set(xlabel="step", ylabel="total of the weights", ylim=(0, 10), title="The total moves")
ax.legend()
plt.show()

# %% [markdown]
# **What you should see.** The total falls from 9 to less than a third of it. For the shared layers
# that is like a learning rate that falls to less than a third, on top of the schedule. It may help or harm; in any
# case it is not the balance between the exits. The option `total`, which is not in the paper,
# keeps the total fixed:

# %%
free, fixed = (weighting.build(f"adaloss:every=10{more}", K) for more in ("", ",total=9"))
for batch in torch.tensor(recorded):
    free(batch), fixed(batch)
print("total:", f"{fixed.weights.sum():.2f}")
print("same shares:", np.allclose(fixed.weights / 9, free.weights / free.weights.sum()))

# %% [markdown]
# ### The smaller a loss, the more it gets
#
# The sum of logarithms has no bottom: as a loss goes to 0, its logarithm goes to $-\infty$. An
# exit whose loss falls gets a larger weight, so its loss falls further. This is the price of
# counting factors. In the toy it shows when the floors are low, say a tenth of the scale instead
# of all of it. Now each loss can fall by a large factor, but only where the other can't. Two starts,
# a little to the left and to the right of the middle:

# %%
toy = theory.two_loss_toy(big=1.0, floor=0.1)
for left_or_right in (-0.2, 0.2):
    end = toy.descend([left_or_right, 1.0], lambda losses: 1 / losses, rate=0.02, steps=4000)[-1]
    print(f"start {left_or_right:4}: losses in floors {(toy.losses(end) / toy.floors).round(1)}")

# %% [markdown]
# One loss takes nearly everything, and the start decides which. $\gamma$ limits this. In an
# anytime network it is the late exits whose training loss can fall by a large factor. So AdaLoss
# favours **them**, and the first exits pay. The paper reports just that: with AdaLoss a network is
# nearly optimal in the later part of its depth. It is a choice, and a good one where the final
# predictions matter most.
#
# ### What the weights measure
#
# The weights see the **training** loss, of the network as it is. They don't see the test error, nor
# what an exit could still gain. Two recorded runs show what that means. Both train the same network
# with AdaLoss ($\gamma = 0.07$, $\rho = 0.9$, $T = 100$, $e = 0$) on CIFAR-10: one on 10,000 images for 80
# epochs, one on 50,000 for 12 (and with random crops, so that it hardly sees the same picture twice).
# The task is the same.

# %%
same_network = {"dataset": "cifar10", "network": "resann-3-16-stride2", "weighting": "adaloss"}
known = {run.config["recipe"]["epochs"]: run for run in runs.find(seed=0, **same_network)}
pair = {"10,000 images": known[80], "50,000 images": known[12]}
print([run.config["train_images"] for run in pair.values()])
for name, run in pair.items():
    print(f"{name}: last exit's test error {run.final('test_error')[-1]:.0%}")

# %% [markdown]
# **What do you expect?** In which run do the weights concentrate more on the last exits?

# %% alt="Losses by exit. With 10,000 images the training loss falls below 0.001 at the last exit while the test loss rises above 2. With 50,000 images both fall together to about 0.6."
fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True)
exits = np.arange(1, known[80].num_exits + 1)
for ax, (name, run) in zip(axes, pair.items(), strict=True):
    ax.plot(exits, run.final("train_loss"), "o-", label="training")
    ax.plot(exits, run.final("test_loss"), "s--", label="test")
    ax.set(yscale="log", xlabel="exit", title=f"Losses, {name}", xticks=exits)
axes[0].set_ylabel("loss (nats)")
axes[0].legend()
plt.show()

# %% alt="Weights by exit in the two runs: with 10,000 images near 0.07 up to exit 7, then rising to 1; with 50,000 rising evenly from a half to 1."
fig, ax = plt.subplots()
for (name, run), look in zip(pair.items(), ("o-", "s--"), strict=True):
    ax.plot(exits, run.final("weights"), look, label=name)
ax.set(xlabel="exit", ylabel="weight B", ylim=(0, 1.05), xticks=exits)
ax.set_title("AdaLoss's weights at the last epoch")
ax.legend()
plt.show()

# %% [markdown]
# **What you should see.** The small run has learned its images by heart: the training loss of the
# last exit is below 0.001, while its test loss has risen to 2. Three quarters of its weight lie
# on the last two exits. In the large run training and test loss stay together, and the weights run
# from a half to 1. Same network, same task, very different weights.
#
# The paper reads the final weights as a sign of difficulty: the harder the data set, the more they
# concentrate on the final layers. These two runs show another cause, the overfitting of the late
# exits. Whoever reads weights should look at the training losses too. Notebook 08 is about
# this question.
#
# The explorer below replays AdaLoss over the losses of a recorded run, with settings of your choice.
# Its picture for the small run:

# %% alt="Left: the last exit's share of the weight over 80 epochs, as replayed and as recorded. Right: the replayed weights, a line per exit."
anatomy = explore.adaloss_anatomy(run=known[80])
anatomy.figure(extra=1.0)

# %% tags=["widget"]
explore.adaloss_anatomy()

# %% [markdown]
# ## Summary
#
# - AdaLoss sets $B_i \propto 1/\hat\ell_i$. Three ways lead there: one scale for all weighted
#   losses; the gradient of the geometric mean; the likelihood of exponentially distributed losses.
# - It counts by which factor a loss falls, and does not care for units, as long as the losses are
#   within a factor of about $1/\gamma$.
# - The algorithm has four settings: $\gamma$ is a floor, $\rho$ the memory, $T$ the time between
#   updates, $e$ an extra for the last exit.
# - The total of the weights falls as losses come apart. What the weights measure is the training
#   loss.
#
# ## Exercises
#
# **3.1 The running mean.** Step 2 of the algorithm, for a whole training: from the losses of each
# step to the running means after each step, all exits at once. The mean starts at the first batch.


# %%
def running_means(losses, rho):
    """Losses (steps, K) -> the running means m after each step, (steps, K)."""
    ### BEGIN SOLUTION 3.1
    means = [losses[0]]
    for row in losses[1:]:
        means.append(rho * means[-1] + (1 - rho) * row)
    return np.stack(means)
    ### END SOLUTION


checks.running_means(running_means)

# %% [markdown]
# **3.2 The weights.** Steps 3 to 5 without $e$: from mean losses to weights, for any $\gamma$.


# %%
def weights_inverse_to_loss(mean_losses, gamma=0.0):
    """(K,) running mean of each exit's loss -> (K,) weights whose largest is 1."""
    ### BEGIN SOLUTION 3.2
    u = 1 / mean_losses
    return (1 - gamma) * u / u.max() + gamma
    ### END SOLUTION


checks.weights_inverse_to_loss(weights_inverse_to_loss)

# %% [markdown]
# **3.3 When the floor acts.** For which ratio of a loss to the smallest loss do the two parts of its
# weight, $(1-\gamma)/r$ and $\gamma$, have the same size? Beyond it the floor outweighs the loss.


# %%
def ratio_where_floor_takes_over(gamma):
    """The ratio r >= 1 of a loss to the smallest at which (1 - gamma) / r is gamma."""
    ### BEGIN SOLUTION 3.3
    return (1 - gamma) / gamma
    ### END SOLUTION


checks.ratio_where_floor_takes_over(ratio_where_floor_takes_over)

# %% [markdown]
# **3.4 Exits that matter more.** Suppose that exit $i$ matters $c_i$ times as much as usual. Minimise
# $\sum_i (B_i \ell_i - c_i \ln B_i)$ over $B$.


# %%
def best_weights(losses, importance):
    """Losses (K,), importance c (K,) -> the weights (K,) that minimise the sum above."""
    ### BEGIN SOLUTION 3.4
    return importance / losses
    ### END SOLUTION


checks.best_weights(best_weights)

# %% [markdown]
# **Think.** Put the best weights of 3.4 back into the objective. Which mean of the losses is
# minimised now?
#
# <details><summary>An answer</summary>
#
# Each term becomes $c_i - c_i \ln c_i + c_i \ln \ell_i$. Up to constants that is
# $\sum_i c_i \ln \ell_i$, the logarithm of the *weighted* geometric mean $\prod_i \ell_i^{c_i}$. The
# extra $e$ for the last exit has a similar aim by other means: it is added, not multiplied, and so
# it acts most when the last exit would have had little.
#
# </details>
#
# **Think.** AdaLoss looks at the *values* of the losses. Notebook 02 measured how hard the exits
# *pull*. When do the two disagree?
#
# <details><summary>An answer</summary>
#
# A loss can be large and flat: a first exit that has reached what it can do has a large loss and
# hardly a gradient. And a constant added to a loss (an *offset*) changes its value and not its
# gradient. AdaLoss cancels unknown scales, not unknown offsets. The authors name first-order
# variants as future work, and their released code has one, which weighs by gradient norms. It is a
# subject of notebook 09.
#
# </details>
#
# ## What next
#
# [Notebook 04](04_train_every_weighting.ipynb) trains networks under each scheme, and watches the exits learn.
