# %% [markdown]
# # 01 · Anytime prediction
#
# **How can a network give an answer at any moment, and what does each answer cost?**
#
# **You will**
#
# - tell anytime prediction from early exit;
# - build an anytime network from nothing but PyTorch, equal to the kit's;
# - count what each exit costs, train all exits at once, and draw the error over the cost.
#
# **Before:** notebook 00; convolutions, batch normalisation and residual networks in PyTorch.
# **Time:** 45 minutes. **Paper:** the introduction, and the networks of its experiments.

# %%
from itertools import islice

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from anytime import datasets, networks, plots
from anytime.course import checks

plots.theme()
torch.set_num_threads(1)  # small networks gain nothing from more
device = "cuda" if torch.cuda.is_available() else "cpu"

# %% [markdown]
# ## What is an anytime prediction?
#
# A car's camera sees something on the road. How much time is there to find out what it is? That
# depends on the speed, on the distance, and on what else the computer has to do just then. Nobody
# knows the time when the network is built, and often nobody knows it when the network starts to
# run. All that is certain is that at some moment an answer will be demanded.
#
# A small network has its answer early, but never a better one. A large network has a good answer at
# its end, and nothing at all until then. An **anytime predictor** gives a crude answer soon and
# improves it for as long as it is allowed to run, so that it has a valid answer whenever it is
# interrupted. Whether its last answer can be as good as that of the large network is the hard part,
# and the reason why the paper was written.
#
# Networks with several exits are also built for another purpose. In **early exit** the network
# stops by itself, at the first exit that is sure enough of its answer. Easy images leave early, and
# computation is saved on average.
#
# | | anytime prediction | early exit |
# |---|---|---|
# | who ends it? | the world: a deadline, an interruption | the network: it is sure enough |
# | what is known before? | nothing of the budget | the budget for the average image |
# | after an answer | it goes on and improves it | the image is done |
#
# Both can be combined, as a later notebook does. Until then every image passes all exits in order,
# as far as the time reaches.
#
# ## The interface: always an answer
#
# Algorithms of this kind are old, and Newton's method for square roots is one of them. Python has
# the right tool to write them down. In a *generator*, `yield` hands out an answer, and the
# computation rests until somebody asks for the next one.


# %%
def square_root(x):
    """Yields better and better guesses of the square root of x, the first at once."""
    guess = x
    while True:
        yield guess
        guess = (guess + x / guess) / 2


for guess in islice(square_root(2.0), 4):
    print(f"{guess:.3f}")

# %% [markdown]
# Whoever uses it needs to know nothing of its inside: take answers while there is time, and keep
# the last one. A network with exits has the same interface, with two differences. It has a last
# answer: with $K$ exits there are $K$ answers, and then it is done. And while Newton's guess gets
# better each time, a network's answer gets better *on average*; on a single image a later exit may
# be wrong where an earlier one was right.
#
# ## An anytime network from scratch
#
# The paper's main network is called **ResANN(n, c)**. It is a residual network of three blocks with
# $n$ residual units each. Its features have $c$ channels in the first block, $2c$ in the second and
# $4c$ in the third, and at the start of the second and of the third block their height and width
# are halved. Behind the units stand the exits. This is ResANN(2, 8):
#
# ```text
#             block 1: 8 channels    block 2: 16 channels    block 3: 32 channels
#
# image ─ stem ─ unit 1 ─── unit 2 ───── unit 3 ─── unit 4 ───── unit 5 ─── unit 6
#                   │          │            │          │            │          │
#                head 1     head 2       head 3     head 4       head 5     head 6
#                   │          │            │          │            │          │
#               answer 1   answer 2     answer 3   answer 4     answer 5   answer 6
# ```
#
# We build it from the inside outwards. A **unit** normalises its input, applies ReLU and a 3×3
# convolution, does all of this once more, and normalises again. Then it adds its input. Where it
# changes the shape, the input has to be made to fit, and a **shortcut** without any parameters does
# that: it takes means over 2×2 pixels, and adds channels of zeros, half of them on each side.


# %%
def shortcut(features, channels, stride):
    """(N, C, H, W) -> (N, channels, H / stride, W / stride), without any parameters."""
    if stride > 1:
        features = F.avg_pool2d(features, stride)
    new = channels - features.shape[1]
    return F.pad(features, (0, 0, 0, 0, new // 2, new - new // 2))


# %%
class Unit(nn.Module):
    """BN-ReLU-3x3-BN-ReLU-3x3-BN plus the shortcut."""

    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.channels, self.stride = channels, stride
        self.residual = nn.Sequential(
            nn.BatchNorm2d(channels_in),
            nn.ReLU(),
            nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features):
        return self.residual(features) + shortcut(features, self.channels, self.stride)


# %% [markdown]
# A **head** is small: ReLU, the mean of each channel over all pixels, and one linear layer from the
# channels to the classes.


# %%
def exit_head(channels, num_classes):
    """(N, channels, H, W) features -> (N, num_classes) logits."""
    pool = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(nn.ReLU(), pool, nn.Flatten(), nn.Linear(channels, num_classes))


# %% [markdown]
# Now the network: a first convolution, called the **stem**, then units in a row, and a head behind
# each of them. Look at `refine`. It is a generator like the one above: go one unit further, and
# yield what the head there says. The input is (pixel − mean) / 128, as in the paper.


# %%
class AnytimeNet(nn.Module):
    """ResANN(n, channels) with an exit after each of its 3 n units."""

    def __init__(self, n, channels, stem_stride=1, num_classes=10, in_channels=1):
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 1, 1))
        self.stem = nn.Conv2d(in_channels, channels, 3, stem_stride, padding=1, bias=False)
        self.units, self.heads = nn.ModuleList(), nn.ModuleList()
        for i in range(3 * n):
            starts_block = i in (n, 2 * n)
            before, channels = channels, 2 * channels if starts_block else channels
            self.units.append(Unit(before, channels, stride=2 if starts_block else 1))
            self.heads.append(exit_head(channels, num_classes))

    def refine(self, images):
        """Yields the logits (N, num_classes) of exit 1, 2, ..., K."""
        features = self.stem((images - self.mean) / 128)
        for unit, head in zip(self.units, self.heads, strict=True):
            features = unit(features)
            yield head(features)


# %% [markdown]
# Is it the network of the kit? Both hold the same tensors in the same order. So we can copy the
# kit's parameters into ours, and then both must give the same logits on some images.


# %%
def ours_like(kits, *shape):
    """Our network of this shape with a copy of all parameters of the kit's."""
    ours = AnytimeNet(*shape)
    values = kits.state_dict().values()
    ours.load_state_dict(dict(zip(ours.state_dict(), values, strict=True)))
    return ours.to(device)


# %%
fashion = datasets.load("fashion")
some = fashion.test[::16].to(device)
kits = networks.build("resann-2-8", num_classes=10, in_channels=1, seed=0).to(device)
ours = ours_like(kits, 2, 8)
torch.allclose(torch.stack(list(ours.refine(some.pixels))), kits(some.pixels), atol=1e-4)

# %% [markdown]
# Now we take three answers from `refine` and stop. PyTorch calls a *forward hook* whenever a module
# has run; ours notes the number of the unit.

# %%
ran, watched = [], ours_like(kits, 2, 8)
for number, unit in enumerate(watched.units, start=1):
    unit.register_forward_hook(lambda *_, number=number: ran.append(number))
answers = list(islice(watched.refine(some.pixels), 3))
print(ran)

# %% [markdown]
# **What you should see.** Units 1, 2 and 3 have run, once each. No early answer was computed again,
# and units 4 to 6 never ran. So the cost up to exit 3 is a fixed number, and we can count it.
#
# ## What does an exit cost?
#
# Nearly all the work of such a network is in its convolutions, and a convolution consists of
# **multiply-adds**: multiply an input by a parameter, add the product to a sum. Counting them gives
# a cost that is the same on every computer. Each number of the output, and there are $C_\text{out}
# \cdot H_\text{out} \cdot W_\text{out}$ of them, is a sum over $C_\text{in}$ channels and $k \times
# k$ pixels, so
#
# $$\text{multiply-adds} = C_\text{out} \cdot H_\text{out} \cdot W_\text{out} \cdot C_\text{in} \cdot k^2 .$$
#
# The cost of exit $k$ is the cost of everything that has to be computed to have predictions 1 to
# $k$: the stem, $k$ units and $k$ heads. A head costs (channels × classes) multiply-adds.
# Batch normalisation, ReLU and pooling are not counted.
#
# **What do you expect?** In the second block the features have twice the channels, and half the
# height and width. Does a unit there cost more than one in the first block, or less?


# %%
def convolution(channels_in, channels_out, side):
    return 9 * channels_in * channels_out * side**2


def resann_costs(n, channels, in_channels=1, side=32, num_classes=10):
    """The multiply-adds up to each exit of a ResANN(n, channels), (3 n,)."""
    costs = [convolution(in_channels, channels, side)]
    for i in range(3 * n):
        before = channels
        if i in (n, 2 * n):
            channels, side = 2 * channels, side // 2
        unit = convolution(before, channels, side) + convolution(channels, channels, side)
        costs.append(costs[-1] + unit + channels * num_classes)
    return np.array(costs[1:])


# %%
from anytime.networks import cost

macs = resann_costs(2, 8)
np.array_equal(macs, cost.multiply_adds(kits, image_shape=(1, 32, 32)))

# %% alt="Six rising bars: the multiply-adds up to each exit grow in nearly even steps to 6.6 million."
plots.draw_cost(plt.gca(), macs)
plt.title("Multiply-adds up to each exit of ResANN(2, 8)")
plt.show()

# %% [markdown]
# **What you should see.** The steps are nearly even. Twice the channels going in and twice the
# channels coming out make four times the work, and a quarter of the pixels takes it back. Only the
# first unit of a block is cheaper, because its first convolution still reads the few channels of
# the block before. So exit $k$ costs roughly $k/K$ of the whole, and "a quarter of the budget"
# means an exit at about a quarter of the depth.
#
# ## Train all exits at once
#
# Every exit has a loss $\ell_i$, the mean cross-entropy of its answers over a batch. The simplest
# way to train all exits is to make the sum $\sum_i \ell_i$ small. That is CONST: every weight is 1.
# A step looks as it always does; only the loss is a sum. The stem takes every fourth pixel here,
# which makes training sixteen times as cheap. (The paper's stem takes every pixel.)


# %%
def exit_losses(network, images, labels):
    """The loss of each exit, (K,)."""
    return torch.stack([F.cross_entropy(logits, labels) for logits in network.refine(images)])


# %%
def train(network, steps=375, seed=0):
    """Trains all exits on the clothes; the learning rate falls evenly to almost nothing."""
    pixels, labels = fashion.train.pixels.to(device), fashion.train.labels.to(device)
    network.mean = pixels.float().mean(0)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=steps)
    draw = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = torch.randint(len(labels), (64,), generator=draw)
        optimizer.zero_grad()
        exit_losses(network, pixels[batch], labels[batch]).sum().backward()
        optimizer.step()
        schedule.step()


# %% [markdown]
# A loss teaches the parameters that it depends on. Before we train: which units does each loss
# reach?

# %%
quick = networks.build("resann-2-8-stride4", in_channels=1, seed=0)
ours = ours_like(quick, 2, 8, 4)
firsts = [unit.residual[2].weight for unit in ours.units]
losses = exit_losses(ours, some.pixels, some.labels)
for exit, loss in enumerate(losses, start=1):
    gradients = torch.autograd.grad(loss, firsts, retain_graph=True)
    reached = [number for number, gradient in enumerate(gradients, start=1) if gradient.any()]
    print(f"the loss of exit {exit} reaches units", *reached)

# %% [markdown]
# **What you should see.** A triangle. The loss of exit $i$ reaches units 1 to $i$ and nothing
# deeper. Read it by columns: unit 6 learns for exit 6 alone, while unit 1 is taught by six losses
# at once, and nothing says that they agree. That is the subject of notebook 02. Now train; this
# takes some seconds.

# %%
ours = ours_like(quick, 2, 8, 4)
train(ours)

# %% [markdown]
# ## The anytime curve
#
# Now the two halves come together: what an exit costs, and how good it is. **What do you expect?**
# How does the error fall over the cost: evenly, fast at first, or late?

# %%
from anytime.training import evaluate

losses, errors = evaluate(ours, fashion.test)
costs = cost.multiply_adds(ours, image_shape=(1, 32, 32)) / 1e3

# %% alt="A falling staircase: the error of the answer at hand over the budget, from the first exit on. Left of it a shaded strip in which there is no answer. The error falls from a third to a fifth by half of the cost, and little after that."
plt.step([*costs, 450], [*errors, errors[-1]], "o-", where="post")
plt.axvspan(0, costs[0], color="0.85")
plt.text(costs[0] / 2, 0.02, "no answer yet", rotation=90, ha="center")
plt.axis((0, 450, 0, 0.5))
plt.xlabel("budget (thousands of multiply-adds)")
plt.ylabel("test error")
plt.title("The error of the answer at hand")
plt.show()

# %%
bought = (errors[0] - errors[2]) / (errors[0] - errors[-1])
print(f"exit 3 costs {costs[2] / costs[-1]:.0%} of the whole")
print("and brings more than half of what the later exits improve:", bool(bought > 0.5))

# %% [markdown]
# **What you should see.** A staircase. In the shaded strip there is no answer, since even the first
# exit costs something, and between two exits the answer stays as it is. The error falls fast at
# first: half of the cost brings most of the improvement. That makes it attractive to stop early,
# and it also means that the last exits fight for little. A later exit may even come out a little
# worse. Do not read much into small steps: with 1,000 test images, an error of 18 % has a standard
# error of $\sqrt{0.18 \cdot 0.82 / 1000}$, or 1.2 percentage points.
#
# This is the **anytime curve**, by which the course compares networks: the lower, the better, at
# each budget.
#
# ### With a real clock
#
# A budget in multiply-adds can be checked by anybody, but people wait for seconds. The next cell
# takes answers until a millisecond is over. How far it comes depends on your computer and on what
# else that is doing, so the answer is not stored here. Try other deadlines.

# %% tags=["live"]
from time import perf_counter

ours.eval()
deadline = perf_counter() + 0.001  # one millisecond from now
for exit, logits in enumerate(ours.refine(some.pixels[:1]), start=1):
    said = f"exit {exit} says {fashion.classes[logits.argmax()]}"
    if perf_counter() > deadline:
        break
print(said)

# %% [markdown]
# The loop looks at the clock after each exit, so it can be late by the time that one unit takes.
# `anytime.prediction.AnytimePredictor` measures its units beforehand, and starts none that would
# end too late.
#
# ## Summary
#
# - An anytime predictor has an answer whenever it is interrupted, and a better one the later that
#   happens. With early exit the network itself decides to stop.
# - Heads along its depth make a network an anytime network. Its interface is a generator, and
#   nothing beyond the exit asked for is computed.
# - The cost of exit $k$ is the multiply-adds of all that predictions 1 to $k$ need. In a ResANN it
#   grows almost evenly.
# - The loss of exit $i$ reaches units 1 to $i$ and nothing deeper, so the first units have many
#   teachers.
#
# ## Exercises

# %% [markdown]
# **Exercise 1.1 ★ The answer at hand.** Read the staircase: which error has the answer that a
# network has at a budget? A budget of exactly the cost of an exit pays for that exit. Where the
# budget pays for no exit there is no answer, which counts as wrong: an error of 1.


# %%
def error_at_budget(costs, errors, budget):
    """(K,) rising costs, (K,) errors, a budget in the unit of the costs -> the error there."""
    ### BEGIN SOLUTION 1.1
    paid = int((np.asarray(costs) <= budget).sum())
    return errors[paid - 1] if paid else 1.0
    ### END SOLUTION


# %%
checks.error_at_budget(error_at_budget)

# %% [markdown]
# **Exercise 1.2 ★★ Predict, train, explain.** A network with twice the channels costs about four
# times as much at each exit. Somebody says: then it is better from its first exit on. Predict: at
# which budget does ResANN(2, 16) begin to have the better answer than our ResANN(2, 8)?
#
# Write the function first; your `error_at_budget` is of use. Then train the wider network, `wide =
# ours_like(networks.build("resann-2-16-stride4", in_channels=1, seed=0), 2, 16, 4)`, measure its
# costs and errors as above, and compare. Explain in five sentences why the curves cross, or why
# they do not, and what your numbers cannot show.


# %%
def overtaking_budget(costs, errors, other_costs, other_errors):
    """The smallest budget at which the other network's answer at hand has the lower error.

    None where there is no such budget.
    """
    ### BEGIN SOLUTION 1.2
    for budget in sorted([*costs, *other_costs]):
        ours_there = error_at_budget(costs, errors, budget)
        if error_at_budget(other_costs, other_errors, budget) < ours_there:
            return budget
    return None
    ### END SOLUTION


# %%
checks.overtaking_budget(overtaking_budget)

# %% tags=["rubric"]
wide = ours_like(networks.build("resann-2-16-stride4", in_channels=1, seed=0), 2, 16, 4)
train(wide)
wide_errors = evaluate(wide, fashion.test)[1]
wide_costs = cost.multiply_adds(wide, image_shape=(1, 32, 32)) / 1e3
budget = overtaking_budget(costs, errors, wide_costs, wide_errors)
print("the wide network is ahead only beyond its own first exit:", bool(budget > wide_costs[0]))

# %% [markdown] tags=["rubric"]
# **What a good explanation says** (a point each):
#
# 1. It compares the prediction with the budget that was measured.
# 2. At a small budget the wide network has no answer at all, or only that of its first exit, while
#    the narrow one is through with several units for the same cost.
# 3. At equal depth the wide network has more to work with, but at equal cost depth and width
#    compete for the multiply-adds.
# 4. So neither network is better as such; that depends on which budgets occur.
# 5. One training of each on 6,000 images, tested on 1,000, cannot tell differences of one or two
#    points from chance.

# %% [markdown]
# **Exercise 1.3 ★★★ A better first exit (open).** The first exit is the weakest, and its head is as
# simple as a head can be. Change `exit_head` or `AnytimeNet`: a hidden layer, a convolution before
# the pooling, the maximum instead of the mean. Train the new network from at least three seeds (of
# `networks.build` and of the order), and draw its anytime curve beside the old one. What did the
# first exit gain, what did it cost, and what happened to the last one? There is no single right
# answer; a convincing one has bars over seeds and counts the additional multiply-adds.

# %% [markdown]
# ## References
#
# - S. Zilberstein: *Using Anytime Algorithms in Intelligent Systems*, AI Magazine 17(3), 1996.
#   [doi:10.1609/aimag.v17i3.1232](https://doi.org/10.1609/aimag.v17i3.1232). The idea before it met
#   networks.
# - K. He, X. Zhang, S. Ren, J. Sun: *Identity Mappings in Deep Residual Networks*, ECCV 2016.
#   [arXiv:1603.05027](https://arxiv.org/abs/1603.05027). Units that normalise first.
# - S. Teerapittayanon, B. McDanel, H. T. Kung: *BranchyNet*, ICPR 2016.
#   [arXiv:1709.01686](https://arxiv.org/abs/1709.01686). Early exit.
# - G. Huang et al.: *Multi-Scale Dense Networks for Resource Efficient Image Classification*, ICLR
#   2018. [arXiv:1703.09844](https://arxiv.org/abs/1703.09844). Both settings, in a network made for
#   them.
#
# ## What next
#
# We gave all losses the same weight because that was simplest. In
# [02](02_why_weighting_is_hard.ipynb) the exits begin to compete, and we measure what that costs.
