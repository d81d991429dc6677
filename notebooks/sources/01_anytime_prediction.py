# %% [markdown]
# # 01 · Anytime prediction
#
# **How can a network give an answer at any moment, and what does each answer cost?**
#
# **You will**
#
# - tell anytime prediction from early exit,
# - build an anytime network from nothing but PyTorch, equal to the kit's,
# - count what each exit costs, train all exits at once, and draw the error over the cost.
#
# **Before:** notebook 00; convolutions, batch normalisation and residual networks in PyTorch.
# **Time:** 45 minutes. **Paper:** the introduction, and the networks of its experiments.

# %%
from itertools import islice, product

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from anytime import datasets, plots

plots.theme()
torch.set_num_threads(1)  # small networks gain nothing from more, and results repeat better

# %% [markdown]
# ## What is an anytime prediction?
#
# A car's camera sees something on the road. How much time is there to find out what it is? That
# depends on the speed, on the distance, and on what else the computer has to do. Nobody knows it
# when the network is built, and often nobody knows it when the network starts. What is sure is that
# at some moment an answer will be demanded.
#
# An **anytime predictor** gives a crude answer at once and improves it until it is interrupted.
# Whenever that happens, it has a valid answer.
#
# Compare it with two usual networks, a small one and a large one. A predictor that is interrupted
# at time $t$ has what stands above $t$ in this picture.

# %% alt="Three bars over time: a small network has a fair answer from early on, a large network has nothing until the end, an anytime network has answers from early on that become better step by step."
blues = plt.get_cmap("Blues")
rows = {
    "small network": [(0.2, 1.1, 0.35)],
    "large network": [(1.0, 1.1, 0.9)],
    "anytime network": [(k / 6, (k + 1) / 6, 0.15 * k) for k in range(1, 6)] + [(1.0, 1.1, 0.9)],
}
for row, answers in enumerate(rows.values()):
    plt.barh(row, 1.1, color="0.93", height=0.6)
    for start, end, quality in answers:
        plt.barh(row, end - start, left=start, color=blues(quality), height=0.6)
plt.yticks(range(3), rows)
plt.grid(False)
plt.xlabel("time of the interruption (cost of the large network = 1)")
plt.title("What there is when time is up: the darker, the better")
plt.show()

# %% [markdown]
# **What you should see.** The picture is a sketch, nothing in it was measured. The small network
# has an answer early and never a better one. The large network has nothing until it is through.
# The anytime network has the advantages of both, at least in the sketch. Whether its last answer
# really is as good as the large network's is the hard part, and what the paper is about.
#
# ### Not the same as early exit
#
# Networks with exits are also built for another purpose. In **early exit** (also: budgeted
# prediction, a cascade) the network stops by itself at the first exit that is sure of its answer.
# Easy images leave early, hard ones stay longer.
#
# | | anytime prediction | early exit |
# |---|---|---|
# | who ends it? | the world: a deadline, an interruption | the network: it is sure enough |
# | what is known before? | nothing of the budget | a budget for the average over many images |
# | after an answer | it goes on and improves it | the image is done; its answer stays |
# | which exits matter? | each exit, on all images | each exit, on the images that leave there |
#
# Both can be combined. Notebook 10 does so. Until then every image passes all exits in order, as far
# as the time reaches.

# %% [markdown]
# ## The interface: always an answer
#
# Algorithms that work like this are old. Newton's method for square roots is one. In Python, a
# *generator* says it best: `yield` hands out an answer, and the computation rests until the next one
# is asked for.


# %%
def square_root(x):
    """Yields better and better guesses of the square root of x, the first at once."""
    guess = x
    while True:
        yield guess
        guess = (guess + x / guess) / 2


print(" ".join(f"{guess:.3f}" for guess in islice(square_root(2.0), 5)))

# %% [markdown]
# Who uses it needs to know nothing of its inside. Take answers while there is time, and keep the
# last.


# %%
def latest(answers, steps):
    """The last of the first so many answers; None where there was no time for any."""
    answer = None
    for newer in islice(answers, steps):
        answer = newer
    return answer


print(latest(square_root(2.0), 0), f"{latest(square_root(2.0), 3):.3f}")

# %% [markdown]
# This is the whole interface: a generator that yields answers. A network with exits has the same.
# Three differences are worth noting:
#
# - The network has a last answer. With $K$ exits there are $K$ answers, and then it is done.
# - Between two exits it has the old answer only. How close the exits stand decides how promptly it
#   uses what it has computed.
# - Newton's guess becomes better each time. A network's answer becomes better *on average*. On a
#   single image a later exit may be wrong where an earlier one was right.

# %% [markdown]
# ## An anytime network from scratch
#
# The paper's main network is called **ResANN(n, c)**. It is a residual network of three blocks with
# $n$ residual units each. The features have $c$, $2c$ and $4c$ channels in the three blocks. Where the
# second and the third block start, height and width are halved. Behind the units stand the exits.
#
# We build it from the inside outwards. First the **shortcut**: it carries the features past a unit.
# Where the unit halves the resolution, the shortcut takes means over 2×2 pixels. Where the unit adds
# channels, the shortcut adds channels of zeros, half of them on each side. It has no weights.


# %%
def shortcut(features, channels, stride):
    """(N, C, H, W) -> (N, channels, H / stride, W / stride), without any weights."""
    if stride > 1:
        features = F.avg_pool2d(features, stride)
    new = channels - features.shape[1]
    return F.pad(features, (0, 0, 0, 0, new // 2, new - new // 2))


# %% [markdown]
# Then the **unit**: normalise, ReLU, 3×3 convolution, and the same again, and normalise. The result
# is added to the shortcut.


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
# **What do you expect?** Features of 8 channels and 32×32 pixels go into the first unit of the second
# block. What comes out?

# %%
Unit(8, 16, stride=2)(torch.zeros(1, 8, 32, 32)).shape

# %% [markdown]
# An **exit** is small: ReLU, the mean of each channel over all pixels, and one linear layer from the
# channels to the classes. It is also called a *head*.


# %%
def exit_head(channels, num_classes):
    """(N, channels, H, W) features -> (N, num_classes) logits."""
    pool = nn.AdaptiveAvgPool2d(1)
    return nn.Sequential(nn.ReLU(), pool, nn.Flatten(), nn.Linear(channels, num_classes))


# %% [markdown]
# Now the network: a first convolution (the *stem*), units in a row, and a head after each. Look at
# `refine`. It is the generator of the section before, four lines long: go one unit further, and yield
# what the exit there says. `forward` takes all answers at once, as training needs them.
#
# The input is what the paper uses: (pixel − mean) / 128. The mean image is set when training starts.


# %%
class AnytimeNet(nn.Module):
    """ResANN(n, channels) with an exit after each of its 3 n units."""

    def __init__(self, n, channels, num_classes, in_channels, stem_stride=1):
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

    def forward(self, images):
        """(N, in_channels, H, W) -> (K, N, num_classes)."""
        return torch.stack(list(self.refine(images)))


# %% [markdown]
# ### Is it the kit's network?
#
# The kit builds a ResANN(2, 8) by its name. Both networks hold the same tensors in the same order.
# So we can copy the kit's weights into ours, and then both should say the same.


# %%
def copy_state(source, target):
    """Copies all parameters and buffers from one network to another of the same build."""
    pairs = zip(source.state_dict().values(), target.state_dict().values(), strict=True)
    for from_tensor, to_tensor in pairs:
        assert from_tensor.shape == to_tensor.shape
        to_tensor.copy_(from_tensor)


# %%
from anytime import networks

kits = networks.build("resann-2-8", num_classes=10, in_channels=1, seed=0)
ours = AnytimeNet(2, 8, num_classes=10, in_channels=1)
copy_state(kits, ours)

# %% [markdown]
# We compare the logits of all exits on some images, in training mode (where batch normalisation uses
# the batch) and in evaluation mode (where it uses its running means).

# %%
fashion = datasets.load("fashion")
some = fashion.test[::16]
for training in (True, False):
    pair = [network.train(training)(some.pixels) for network in (ours, kits)]
    print("training" if training else "evaluation", torch.allclose(*pair, atol=1e-5))

# %% [markdown]
# ### Nothing beyond the exit asked for
#
# **What do you expect?** We take three answers from `refine` and stop. How often does each of the
# six units run?
#
# PyTorch calls a *forward hook* each time a module runs. Ours notes the unit's number.

# %%
ran = []
hooks = [
    unit.register_forward_hook(lambda *_, number=number: ran.append(number))
    for number, unit in enumerate(ours.units, 1)
]
answer = latest(ours.refine(some.pixels), 3)
print(ran)

# %% [markdown]
# **What you should see.** Units 1, 2 and 3, once each. The early answers were not computed again,
# and units 4 to 6 never ran. So the cost up to exit 3 is a fixed number that we can count.

# %%
for hook in hooks:
    hook.remove()

# %% [markdown]
# ## What does an exit cost?
#
# Nearly all the work of such a network is in its convolutions, and a convolution consists of
# **multiply-adds**: multiply a weight by a pixel, add it to a sum. Counting them gives a cost that
# is the same on every computer.
#
# Here is a convolution written out, one multiply-add at a time. It pads the image with zeros, as the
# network does.


# %%
def slow_convolution(image, weight):
    """(C_in, H, W), (C_out, C_in, 3, 3) -> the result (C_out, H, W) and the multiply-adds."""
    padded, count = F.pad(image, (1, 1, 1, 1)), 0
    result = torch.zeros(len(weight), *image.shape[1:])
    for o, y, x in product(*map(range, result.shape)):
        for i, dy, dx in product(range(len(image)), range(3), range(3)):
            result[o, y, x] += weight[o, i, dy, dx] * padded[i, y + dy, x + dx]
            count += 1
    return result, count


# %%
generator = torch.Generator().manual_seed(0)
image = torch.randn(2, 5, 6, generator=generator)
weight = torch.randn(4, 2, 3, 3, generator=generator)
result, count = slow_convolution(image, weight)
print(torch.allclose(result, F.conv2d(image[None], weight, padding=1)[0], atol=1e-5), count)

# %% [markdown]
# The result is right. And the count can be read off the two loops. The outer one goes over all
# numbers of the output, $C_\text{out} \cdot H \cdot W$. For each of them, the inner one goes over the
# weights that it needs, $C_\text{in} \cdot k^2$ with kernel size $k$:
#
# $$\text{multiply-adds} = C_\text{out} \cdot H_\text{out} \cdot W_\text{out} \cdot C_\text{in} \cdot k^2 .$$
#
# $H_\text{out}$ and $W_\text{out}$ are the height and width of the *output*. Multiplications by the
# zeros of the padding count as well; that is the custom.

# %%
print(4 * 5 * 6 * 2 * 3**2 == count)

# %% [markdown]
# ### A whole network
#
# **What do you expect?** In the second block the features have twice the channels, and half the
# height and width. Does a unit there cost more or less than one in the first block?
#
# The cost of exit $k$ is that of everything which must be computed to have predictions $1 \dots k$:
# the stem, $k$ units and $k$ heads. A head costs (channels × classes) multiply-adds. Batch
# normalisation, ReLU and pooling are not counted.


# %%
def convolution(channels_in, channels_out, side):
    return 9 * channels_in * channels_out * side**2


def resann_costs(n, channels, in_channels, side, num_classes=10):
    """The multiply-adds up to each exit of a ResANN(n, channels), (3 n,)."""
    stem, per_exit = convolution(in_channels, channels, side), []
    for i in range(3 * n):
        before = channels
        if i in (n, 2 * n):
            channels, side = 2 * channels, side // 2
        unit = convolution(before, channels, side) + convolution(channels, channels, side)
        per_exit.append(unit + channels * num_classes)
    return stem + np.cumsum(per_exit)


# %%
from anytime.networks import cost

macs = resann_costs(2, 8, in_channels=1, side=32)
print(macs)
print(np.array_equal(macs, cost.multiply_adds(kits, image_shape=(1, 32, 32))))

# %% alt="Six rising bars: the multiply-adds up to each exit grow in nearly even steps to 6.6 million."
plots.draw_cost(plt.gca(), macs)
plt.title("Multiply-adds up to each exit of ResANN(2, 8)")
plt.show()

# %% [markdown]
# **What you should see.** The steps are nearly even. Twice the channels going in and twice the
# channels coming out make four times the work; a quarter of the pixels takes it back. Only the first
# unit of a block is cheaper: its first convolution still reads the few channels of the block before.
# That makes (1/2 + 1) / 2, three quarters of a unit, at exits 3 and 5.
#
# So exit $k$ costs roughly $k/K$ of the whole. "A quarter of the budget" means an exit at about a
# quarter of the depth.
#
# The authors count the convolutions alone. **What do you expect:** how much does that change?

# %%
convolutions = cost.multiply_adds(kits, image_shape=(1, 32, 32), convolutions_only=True)
print(macs - convolutions)
print(f"at most {100 * max(1 - convolutions / macs):.2f} %")

# %% [markdown]
# Next to nothing. With a hundred classes and few channels the heads weigh more, so the kit counts
# them.
#
# ### And in seconds?
#
# Multiply-adds are a good currency: each computer counts the same. But what people wait for is time.
# Let us measure how long it takes to reach each exit, for one image and for 64 at a time.
#
# **What do you expect?** If time were proportional to multiply-adds, all three lines of the next
# picture would be one.

# %% alt="Three rising lines over the exits, from a fifth or a third of the full cost to all of it: multiply-adds, time for one image, and time for 64 images. The line for 64 images lies above the others."
batch = fashion.test.pixels[::16][:64]
kits.eval()
costs = {
    "multiply-adds": macs,
    "time, 1 image": cost.latency(kits, batch[:1], repeats=30),
    "time, 64 images": cost.latency(kits, batch, repeats=10),
}
for (name, values), marker in zip(costs.items(), "osD", strict=True):
    plt.plot(range(1, 7), 100 * values / values[-1], marker=marker, label=name)
plt.xlabel("exit")
plt.ylabel("share of the full cost (%)")
plt.title("The cost of each exit, counted and measured")
plt.legend()
plt.show()

# %% [markdown]
# **What you should see.** On the computer that made the stored picture, the time for one image follows
# the multiply-adds closely, but for another reason: such small operations take hardly longer than it
# takes to start them, and each unit starts as many. With 64 images at a time the line bends. The
# early units are dearer than their multiply-adds say. Normalising, ReLU and addition have to read and
# write all numbers of the features, and a unit of the first block handles 8·32·32 of them, one of the
# last block 32·8·8, a quarter.
#
# So two costs are worth knowing: multiply-adds, which anybody can check, and the time on the computer
# that counts. The course uses the first, as the paper does.

# %% [markdown]
# ## Six losses in one call
#
# Each exit has a loss $\ell_i$, the mean cross-entropy of its answers over the batch, in **nats**
# (the unit that belongs to the natural logarithm). A loop over
# the exits computes them.


# %%
def slow_exit_losses(logits, labels):
    """(K, N, classes), (N,) -> (K,) losses."""
    return torch.stack([F.cross_entropy(one_exit, labels) for one_exit in logits])


# %% [markdown]
# The loop makes PyTorch start a small computation per exit. On a GPU, starting it takes longer than
# doing it. But to the loss, an image at exit 1 and the same image at exit 2 are just two rows of
# logits. So put the exits one behind the other, as if the batch were $K$ times as large, and take
# the means afterwards.


# %%
def exit_losses(logits, labels):
    """(K, N, classes), (N,) -> (K,) losses, computed at once."""
    exits, batch_size, _ = logits.shape
    losses = F.cross_entropy(logits.flatten(0, 1), labels.repeat(exits), reduction="none")
    return losses.view(exits, batch_size).mean(1)


# %%
from anytime.training import evaluation

logits = ours.train()(some.pixels)
losses = exit_losses(logits, some.labels)
for other in (slow_exit_losses, evaluation.exit_losses):
    print(torch.allclose(losses, other(logits, some.labels)))

# %% [markdown]
# ## Which weights does an exit teach?
#
# A loss teaches all weights that it depends on: its gradient reaches them. Exit 2 depends on the
# stem, on units 1 and 2, and on its own head.
#
# **What do you expect?** Draw a table with a row for each exit and a column for each unit, and put a
# cross where the gradient of the exit's loss reaches the unit. Which half of it is empty?
#
# All losses came out of one call, so PyTorch walks back through all of it. Where a loss doesn't depend
# on a weight, the gradient it finds is exactly zero.

# %%
first_weights = [unit.residual[2].weight for unit in ours.units]


def gradient_lengths(loss):
    """The length of the loss's gradient at the first convolution of each unit, (K,)."""
    gradients = torch.autograd.grad(loss, first_weights, retain_graph=True)
    return [gradient.norm().item() for gradient in gradients]


reach = np.array([gradient_lengths(loss) for loss in losses])
deeper = np.triu(np.ones((6, 6), dtype=bool), k=1)  # the units behind each exit
print(np.array_equal(reach == 0, deeper))

# %% alt="A triangular table of gradient lengths: row i is filled in columns 1 to i and empty to the right of them."
plt.figure(figsize=(6.5, 4.6))
plt.imshow(reach, cmap="Blues", vmin=0, extent=(0.5, 6.5, 6.5, 0.5))
for (i, j), length in np.ndenumerate(reach):
    color = "white" if length > 0.6 * reach.max() else "black"
    text = f"{1000 * length:.0f}" if length > 0 else ""
    plt.text(j + 1, i + 1, text, ha="center", va="center", color=color)
plt.grid(False)
plt.xlabel("unit")
plt.ylabel("loss of exit")
plt.title("Length of each loss's gradient at each unit, times 1000")
plt.show()

# %% [markdown]
# **What you should see.** A triangle. The loss of exit $i$ reaches units $1 \dots i$ and nothing
# deeper. Read it by columns: unit 6 learns for exit 6 alone, while unit 1 is pulled by all six losses
# at once. Nothing says that they pull in the same direction. Whose wish counts how much is decided by
# the weights $B_i$, and that is the subject of notebook 02.

# %% [markdown]
# ## Train all exits at once
#
# The simplest way to train all exits is to make the sum of their losses small, $\sum_i \ell_i$. That
# is CONST, the scheme with all weights $B_i = 1$. One step looks as always; only the loss is a sum.


# %%
def train_step(network, optimizer, pixels, labels):
    """One step down the sum of all losses; returns the losses (K,) before it."""
    losses = exit_losses(network(pixels), labels)
    optimizer.zero_grad()
    losses.sum().backward()
    optimizer.step()
    return losses.detach()


# %% [markdown]
# Is it a step of the kit's `train`? We let both take a single one, from the same weights, with plain
# SGD. The stem's stride of 4 makes the network 16 times as cheap. It is not the paper's, but trains
# within seconds.

# %%
from dataclasses import replace

from anytime import weighting
from anytime.training import Recipe, train

kits = networks.build("resann-2-8-stride4", num_classes=10, in_channels=1, seed=0)
ours = AnytimeNet(2, 8, num_classes=10, in_channels=1, stem_stride=4)
copy_state(kits, ours)
const = weighting.build("const", num_exits=6)

# %% [markdown]
# The training set of this comparison is one batch of 64 images of noise. An epoch is then one step.
# (Why not clothes? Their black margins are the same in each image. Once the mean of the very same
# batch is taken away, nothing is left there but rounding errors around 0, and the ReLU behind them
# passes some and blocks others as chance has it. For the same reason we leave out `channels_last`, which
# sorts the numbers in memory in another way and rounds differently.)

# %%
draw = torch.Generator().manual_seed(0)
pixels = torch.randint(256, (64, 1, 32, 32), dtype=torch.uint8, generator=draw)
noise = datasets.Images(pixels, torch.randint(10, (64,), generator=draw))
plain = {"schedule": "milestones", "weight_decay": 0.0, "augmentation": (), "channels_last": False}
once = Recipe(epochs=1, batch_size=64, **plain)
train(kits, const, replace(fashion, train=noise), once, progress=False)

ours.mean = noise.pixels.float().mean(0)
optimizer = torch.optim.SGD(ours.parameters(), lr=once.lr, momentum=once.momentum)
losses = train_step(ours, optimizer, noise.pixels, noise.labels)

# %%
pairs = zip(kits.state_dict().values(), ours.state_dict().values(), strict=True)
print(all(torch.allclose(theirs, mine, atol=1e-4) for theirs, mine in pairs))

# %% [markdown]
# So it is. Now the whole training set, four times, again from fresh weights. The learning rate falls
# evenly to nearly zero. The second cell takes some seconds.

# %%
ours = AnytimeNet(2, 8, num_classes=10, in_channels=1, stem_stride=4)
copy_state(networks.build("resann-2-8-stride4", in_channels=1, seed=0), ours)
EPOCHS, BATCH = 4, 64
images, labels = fashion.train.pixels, fashion.train.labels
ours.mean = images.float().mean(0)

# %%
optimizer = torch.optim.SGD(ours.parameters(), lr=0.1, momentum=0.9)
steps = EPOCHS * (len(labels) // BATCH)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, total_iters=steps)
order = torch.Generator().manual_seed(0)
history = []
for _ in range(EPOCHS):
    for batch in torch.randperm(len(labels), generator=order).split(BATCH):
        history.append(train_step(ours, optimizer, images[batch], labels[batch]))
        schedule.step()

# %% alt="Six falling lines: the training loss of each exit over the epochs. The first exit's stays highest."
by_epoch = torch.stack(history).unflatten(0, (EPOCHS, -1)).mean(1)
plots.draw_losses(plt.gca(), by_epoch)
plt.title("Mean training loss in each epoch")
plt.show()

# %% [markdown]
# **What you should see.** All six losses fall, and exits 1 to 5 stay in order: the later the exit, the
# lower its loss. Exits 5 and 6 lie almost on one line.

# %% [markdown]
# ## The anytime curve
#
# Now both halves come together: what an exit costs, and how good it is. `evaluate` takes our own
# network as well, since all it needs is a forward that returns all logits.
#
# **What do you expect?** How does the error fall over the cost: evenly, fast at first, or late?

# %%
_, errors = evaluation.evaluate(ours, fashion.test)
macs = cost.multiply_adds(ours, image_shape=(1, 32, 32))
full = macs[-1]
bool(errors[-1] < errors[0] - 0.05)

# %% alt="A falling staircase: the error of the answer at hand over the budget, from the first exit on. Left of it, a shaded strip in which there is no answer."
plt.step([*macs / full, 1.1], [*errors, errors[-1]], where="post", color=plots.PALETTE[0])
plt.plot(macs / full, errors, "o", color=plots.PALETTE[0])
plt.axvspan(0, macs[0] / full, color="0.85")
plt.text(macs[0] / full / 2, 0.1, "no answer yet", rotation=90, ha="center")
plt.xlim(0, 1.1)
plt.ylim(0, None)
plt.gca().xaxis.set_major_formatter(plots.PERCENT)
plt.gca().yaxis.set_major_formatter(plots.PERCENT)
plt.xlabel("budget (share of the full cost)")
plt.ylabel("test error")
plt.title("The error of the answer at hand")
plt.show()

# %% [markdown]
# **What you should see.** A staircase. In the shaded strip there is no answer, since even the first
# exit costs something. Between two exits the answer stays as it is. The error falls fast at first:
# half of the full cost buys most of what the whole buys. That makes stopping early attractive, and it
# also means that the last exits fight for little.
#
# Neighbouring exits can be about equally good, and a later one can even be a little worse. Do not read
# much into that: with 1,000 test images, an error of 18 % has a standard error of
# $\sqrt{0.18 \cdot 0.82 / 1000}$, that is 1.2 percentage points.
#
# This is the **anytime curve**. The course compares networks by it: the lower the curve, the better,
# at each budget.

# %% [markdown]
# ## The interruption game
#
# An error is a mean. Here you can watch single images. You set a budget; the network runs as far as
# the budget pays; you see what it says. The twenty images are drawn at random from those on which
# the exits do not all agree.
#
# First what the network says, recorded once.

# %%
answers = evaluation.predict(ours, fashion.test).argmax(-1)
disputed = (answers != answers[0]).any(0).nonzero().flatten()
draw = torch.Generator().manual_seed(1)
chosen = disputed[torch.randperm(len(disputed), generator=draw)[:20]]
shown = fashion.test[chosen]


# %%
def draw_answers(ax, exit):
    """The images, each below the answer of an exit, counted from 1; 0 is before any answer."""
    if exit == 0:
        return plots.draw_images(ax, shown.pixels, ["?"] * 20, columns=10)
    said = answers[exit - 1, chosen]
    right = (said == shown.labels).tolist()
    marks = ["✓" if good else "✗" for good in right]
    titles = [f"{mark} {fashion.classes[k]}" for mark, k in zip(marks, said, strict=True)]
    plots.draw_images(ax, shown.pixels, titles, columns=10)
    for text, good in zip(ax.texts, right, strict=True):
        text.set_color(plots.PALETTE[0 if good else 3])


# %% alt="The same twenty photographs twice, first below the answers of exit 1, then below those of exit 6. Right answers have a tick, wrong ones a cross."
figure, axes = plt.subplots(2, 1, figsize=(11, 6))
for ax, exit in zip(axes, (1, 6), strict=True):
    draw_answers(ax, exit)
    right = int((answers[exit - 1, chosen] == shown.labels).sum())
    share = 100 * macs[exit - 1] / full
    ax.set_title(f"exit {exit}, {share:.0f} % of the cost: {right} of 20 right", loc="left")
plt.show()

# %%
right = (answers == fashion.test.labels)[:, disputed].float().mean(1)
print(f"disputed: {round(len(disputed) / len(fashion.test), 1):.0%} of the test images")
print("exit 6 is right on them more than twice as often as exit 1:", bool(right[5] > 2 * right[0]))

# %% [markdown]
# **What you should see.** Twenty images are too few to tell how much better exit 6 is: the lines below the
# pictures count all images on which the exits disagree, and there exit 6 is right far more often.
# The way is not straight, though: look for an image that exit 1 gets right and exit 6 wrong. As
# the exits disagree on all these images, each exit is wrong here more often than on the whole test set.
#
# Now make the same picture for any budget. There are only seven of them: one before the first answer,
# and one for each exit. So the next cell draws all seven into memory, and the slider chooses.

# %%
from io import BytesIO

import ipywidgets as widgets
from matplotlib.figure import Figure


def picture_of(exit):
    """The images below an exit's answers, as the bytes of a PNG."""
    figure, file = Figure(figsize=(11, 2.8)), BytesIO()
    draw_answers(figure.subplots(), exit)
    figure.savefig(file, format="png", dpi=80)
    return file.getvalue()


pictures = [picture_of(exit) for exit in range(7)]
sentences = ["There is no answer yet."] + [
    f"Exit {exit} answers. Over the whole test set it is wrong in {error:.0%}."
    for exit, error in enumerate(errors.tolist(), 1)
]

# %% tags=["widget"]
budget = widgets.IntSlider(value=20, max=100, step=5, description="budget (%)")
picture, sentence = widgets.Image(format="png"), widgets.HTML()


def update(change=None):
    exit = int((100 * macs / full <= budget.value).sum())
    picture.value, sentence.value = pictures[exit], sentences[exit]


budget.observe(update, "value")
update()
widgets.VBox([budget, sentence, picture])

# %% [markdown]
# ### With a real clock
#
# A slider waits for you, a clock doesn't. The function below takes answers until the time is over. We
# call it with three deadlines, and it tells how far the network came. The result depends
# on your computer and on what else it is doing, so it is not stored here.

# %% tags=["live"]
import time


def answer_until(deadline):
    """What the network says of the first image when the clock reaches the deadline."""
    for exit, logits in enumerate(ours.refine(shown.pixels[:1]), 1):
        said = f"exit {exit} says {fashion.classes[logits.argmax()]}"
        if time.perf_counter() > deadline:
            break
    return said


ours.eval()
with torch.inference_mode():
    for milliseconds in (0.2, 0.7, 5.0):
        print(f"{milliseconds} ms:", answer_until(time.perf_counter() + milliseconds / 1000))

# %% [markdown]
# The loop looks at the clock after each exit. So it is late by up to the time of one unit: a network
# can be interrupted *between* its exits only. To be on time, keep the answer before, and throw away
# what was not ready.
#
# ## Summary
#
# - An anytime predictor has an answer whenever it is interrupted, and a better one the later that
#   is. Early exit is something else: there the network decides to stop, and saves average cost.
# - A network becomes an anytime network by exits: small classifiers along its depth. Its interface is
#   a generator, and nothing beyond the exit asked for is computed.
# - The cost of exit $k$ is the multiply-adds of all that predictions $1 \dots k$ need. In a ResANN it
#   grows almost evenly. Time is another matter, and depends on the computer.
# - All exits are trained at once. The gradient of exit $i$ reaches units $1 \dots i$ and nothing
#   deeper, so the early units have many teachers.
# - The result is a curve: error over cost.
#
# ## Exercises
#
# **Exercise 1.1.** Count the multiply-adds of any square convolution: with an odd kernel size, a stride,
# and groups. In a *grouped* convolution the channels are split into groups, and each output sees
# only the input channels of its own group. The padding is `kernel // 2`, so an image with a side of
# $s$ pixels becomes one with $\lceil s / \text{stride} \rceil$.


# %%
def convolution_multiply_adds(channels_in, channels_out, kernel, size, stride=1, groups=1):
    """The multiply-adds of a convolution of one image, size x size pixels."""
    ### BEGIN SOLUTION 1.1
    side = (size + stride - 1) // stride
    return channels_out * side**2 * (channels_in // groups) * kernel**2
    ### END SOLUTION


# %%
from anytime.course import checks

checks.convolution_multiply_adds(convolution_multiply_adds)

# %% [markdown]
# **Exercise 1.2.** Which exit answers at a budget? Exits are counted from 1. Return 0 where the
# budget pays for none. A budget of exactly the cost of an exit pays for it.


# %%
def exit_at_budget(cost, budget):
    """(K,) rising costs of the exits, a budget in the same unit -> the exit, or 0."""
    ### BEGIN SOLUTION 1.2
    return int((np.asarray(cost) <= budget).sum())
    ### END SOLUTION


# %%
checks.exit_at_budget(exit_at_budget)

# %% [markdown]
# **Exercise 1.3.** Large ResANNs have an exit only after every $s$-th unit. The exits are *aligned to
# the end*: the last unit always has one, and from there one goes back in steps of $s$. After which
# units, counted from 1, does a ResANN(n, c) with its $3n$ units have exits?


# %%
def exit_positions(n, s):
    """The numbers of the units after which there is an exit, from the first to the last."""
    ### BEGIN SOLUTION 1.3
    return list(range(3 * n, 0, -s))[::-1]
    ### END SOLUTION


# %%
checks.exit_positions(exit_positions)

# %% [markdown]
# **Think.** Network A has the lower error at small budgets, network B at large ones. Which one is
# better?
#
# <details><summary>Answer</summary>
#
# That depends on which budgets occur. If you know how likely each budget is, the mean error under
# that distribution decides. `metrics.anytime_auc` computes it for budgets that are all equally
# likely. If you know nothing of them, neither is better. Then look at the whole curve, or at several
# points of it, such as 1/4, 1/2, 3/4 and all of the full cost, where the paper compares.
#
# </details>
#
# **Think.** Could one get the same curve by training six separate networks, one for each budget?
#
# <details><summary>Answer</summary>
#
# Each of the six could be better at its own budget, since it serves one loss only. But one has to know
# the budget in advance to choose among them. Running them one after the other instead costs the sum
# of all their costs, and nothing of one is used by the next. In this course such separate networks
# are the yardstick, called OPT. Notebook 07 asks what can be gained by running several networks one
# after the other after all.
#
# </details>
#
# ## What next
#
# We gave all losses the same weight because that was simplest. In
# [02](02_why_weighting_is_hard.ipynb) the exits begin to compete.
