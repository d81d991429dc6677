# %% [markdown]
# # 07 · EANN: a chain of networks
#
# **AdaLoss makes the late exits of a network good and leaves the early ones poor: can a chain of
# networks be good at any budget, and what does that cost?**
#
# **You will**
#
# - check on recorded runs where a network trained with AdaLoss is near the optimum;
# - build a chain of networks, and derive what its answers cost, at worst and on average;
# - measure a real chain against one large network, and find out when it doesn't pay.
#
# **Before:** notebooks 03 and 04 (AdaLoss). OPT, the error of a network of its own, helps.
# **Time:** 50 minutes. **Paper:** the part on exponentially deepening anytime networks (EANN).

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from anytime import datasets, explore, metrics, networks, paper, plots, runs, theory
from anytime.course import checks
from anytime.datasets import catalogue
from anytime.networks import EANN, cost
from anytime.paths import DATA
from anytime.prediction import AnytimePredictor
from anytime.training.evaluation import evaluate, exit_mistakes, predict

plots.theme()
torch.set_num_threads(1)

# %% [markdown]
# ## Where AdaLoss is good
#
# AdaLoss favours the exits whose losses fall far, and those are the late ones. The paper observes: a
# network trained with AdaLoss is **near-optimal in its later part**. Optimal means as good as
# OPT, a network of the same depth that was trained for this one answer.
#
# The measure is the percentage by which the error exceeds OPT's, at the quarters of the full cost.
# These are the paper's figures, as far as they are known here:

# %%
for row in paper.relative_increase_table().itertuples():
    if row.weighting in ("const", "adaloss"):
        print(f"{row.weighting:8} {row.share:4.0%} of the cost: {row.shown}")

# %% [markdown]
# If they are right, AdaLoss is far from OPT at a quarter of the cost, and near it from three quarters
# on. Does it show in our own runs? They train a network with twelve exits on photographs, for 20 epochs
# on whole training sets. OPT at exits 3, 6 and 9 is the same network cut after that exit and trained
# for it alone.

# %%
NETWORK = "resann-4-16-stride2"
CUTS = [f"{NETWORK}-to{k}" for k in (3, 6, 9)]
TEST_IMAGES = {"cifar10": 10_000, "tiny-imagenet-100": 5_000}
DATA_SETS = list(TEST_IMAGES)


def recorded(dataset, network, weighting):
    """The finished runs of 20 epochs on a whole training set of 50,000 images."""
    found = runs.find(dataset=dataset, network=network, weighting=weighting, train_images=50_000)
    return [run for run in found if run.config["recipe"]["epochs"] == 20]


# %% [markdown]
# **What do you expect?** CONST treats all exits alike. Will AdaLoss be above or below it at the
# first quarter? And at the last?


# %%
def above_opt(dataset):
    """Percent above OPT at each quarter at which OPT was trained; mean and deviation over seeds."""
    opt = recorded(dataset, [NETWORK, *CUTS], "opt")
    trained = {run.num_exits for run in opt}
    shares = [share for share in metrics.QUARTERS if 12 * share in trained]
    large = recorded(dataset, NETWORK, ["const", "adaloss"])
    return metrics.summary(metrics.relative_increase_table(large, opt, shares))


increases = {dataset: above_opt(dataset) for dataset in DATA_SETS}

# %% alt="For each data set, percent above OPT at quarters of the cost for CONST and AdaLoss, and the paper's figures, not confirmed, as hollow marks."
table = paper.relative_increase_table()
known = table[table["weighting"].isin(["const", "adaloss"])]
for dataset in DATA_SETS:
    figure, ax = plt.subplots(figsize=(8.5, 3.6))
    plots.draw_relative_increase(ax, increases[dataset], known)
    ax.set(xticks=metrics.QUARTERS, title=catalogue.copy_title(dataset))
    plt.show()

# %%
for dataset, table in increases.items():
    rows = table.pivot(index="weighting", columns="share", values="mean")
    opt_seeds = [len(recorded(dataset, cut, "opt")) for cut in [*CUTS, NETWORK]]
    print(
        f"{catalogue.copy_title(dataset)}: percent above OPT; seeds: {table['seeds'].min()},",
        end=" ",
    )
    print("of OPT at the four quarters:", *opt_seeds)
    print(rows.rename_axis(None).rename(columns="{:.0%}".format).round(1).to_string())
    fewer = rows.columns[rows.loc["adaloss"] < rows.loc["const"]]
    print("AdaLoss makes fewer errors than CONST at:", *map("{:.0%}".format, fewer), "\n")


# %% [markdown]
# How much of this is noise? Errors are counted on 10,000 and on 5,000 test images. A percentage above
# OPT compares two of them. If both had independent test images, its standard error would be, in
# percent:

# %%
for dataset, images in TEST_IMAGES.items():
    errors = [run.final("test_error") for run in recorded(dataset, NETWORK, "adaloss")]
    noise = metrics.binomial_std_error(errors[0], images) / errors[0] * np.sqrt(2)
    print(f"{catalogue.copy_title(dataset)}: {noise[2]:.1%} at exit 3, {noise[-1]:.1%} at exit 12")

# %% [markdown]
# (Both networks see the same test images, so the true noise is smaller. Other seeds make it larger.)
#
# **What you should see.** Two questions decide whether the observation shows. Does AdaLoss come down
# to OPT towards the right end? On Tiny-ImageNet it does: from some percent above, it comes down to the
# level of OPT at the last exit. On CIFAR-10 it stays 7 to 9 % above. And does it make fewer errors than CONST there? The last line of
# each table answers that. A gap of less than two standard errors is no gap, and the spread of OPT itself
# is in none of these numbers. Mind what is ours: 20 epochs instead of 300, one small network, other data.
#
# The clearest case is not among them: GTSRB (every second frame), which has 19,605 training images. In
# notebook 05 AdaLoss is there 305, 5, 2 and −3 % above OPT at the quarters of the cost, and CONST 32, 16,
# 20 and 13 %. AdaLoss is very far from OPT at the first quarter, and level with it from the second on, as
# far as three seeds can tell.
#
# ### Where it does not show
#
# An earlier set of records trained a smaller network on 10,000 images for 80 epochs. Here OPT is
# not the yardstick that it should be:

# %%
SMALLER = "resann-3-16-stride2"
few = {"dataset": "cifar10", "train_images": 10_000}
opt = runs.find(**few, network=[SMALLER, *(f"{SMALLER}-to{k}" for k in (2, 4, 7))], weighting="opt")
trained = runs.find(**few, network=SMALLER, weighting=["const", "adaloss"])
table = metrics.relative_increase_table(trained, opt)
table.pivot_table(index="weighting", columns="share", values="increase").round(1)

# %% [markdown]
# **What you should see.** Negative numbers: AdaLoss makes *fewer* errors than OPT from the second
# quarter on. (So does CONST, but its last two gaps are within the noise, and all this is one seed.) Do
# the other exits' losses keep the network from learning its few images by heart? The training errors
# say no:

# %%
ends = [run for run in (*opt, *trained) if "-to" not in run.config["network"]]
for run in ends:
    print(f"{run.config['weighting']:8}", f"{run.final('train_error')[-1]:.2%} of the images wrong")

# %% [markdown]
# All of them know their images by heart. So the other losses rather decide *which* of the networks that
# fit the images is found. However that may be: sharing helps here and does not cost, and "near the
# optimum" says nothing where OPT is not the best one can do. To see what sharing costs, one needs
# training sets that are large for the network.

# %% [markdown]
# ## The idea: put a smaller network in front
#
# The later part of a network is good, the early part is not. So let something else answer early: a
# smaller network, in *its* later part. And before that a smaller one still. An **EANN**,
# exponentially deepening anytime network, is a chain of networks of the depths
#
# $$1, \; b, \; b^2, \; b^3, \dots \qquad b > 1 .$$
#
# They run one after another. Each starts again from the image: nothing is shared, so nothing
# competes. While a network is in its early part, the last answer of the network before still stands.

# %% alt="Boxes of length 1, 2, 4 and 8 in a row over the budget. The first half of each box but the first is pale: the network before still answers. The second half is in the network's own colour."
blues = plt.get_cmap("viridis")
figure, ax = plt.subplots(figsize=(9, 2.4))
for j, (left, depth) in enumerate([(0, 1), (1, 2), (3, 4), (7, 8)]):
    waits = depth / 2 if j else 0
    ax.barh(
        0, waits, left=left, color=blues((j - 1) / 4), alpha=0.35, edgecolor="white", hatch="//"
    )
    ax.barh(0, depth - waits, left=left + waits, color=blues(j / 4), edgecolor="white")
    ax.text(left + depth / 2, 0.45, depth, ha="center", va="bottom")
ax.set(ylim=(-0.45, 0.75), yticks=[], xlabel="budget (cost of the first network = 1)")
ax.set_title("A chain with b = 2, networks of depth 1, 2, 4, 8: who answers when")
plt.show()

# %% [markdown]
# **What you should see.** Each network is twice as long as the one before. Full colours: the network
# answers itself. Hatched: it runs, but is not yet deeper than the network before has been, so that one
# still answers, in its colour. With base $b$ the hatched part is $1/b$ of the network.
#
# ## Build one
#
# Depths are given by the package, and a chain is built from names. In a ResANN with $n$ units per
# block, the depth is $3n$ units, and exit $k$ comes after unit $k$.

# %%
depths = networks.member_depths(2, 3)
chain = networks.eann([f"resann-{n}-4-stride4" for n in depths], in_channels=1, seed=0).eval()
print(depths, chain.name)
print([member.num_exits for member in chain.members], "exits,", chain.num_exits, "in all")

# %% [markdown]
# **By hand.** First the predictions: all exits of all members in a row.

# %%
images = datasets.load("fashion").test.pixels[::125]
with torch.inference_mode():
    logits = torch.cat([member(images) for member in chain.members])
    print(tuple(logits.shape), torch.equal(chain(images), logits))

# %% [markdown]
# Then the rule: which exit answers after exit 1, 2, 3, …? Of those so far, the one that costs most in
# its own network; of two that cost the same the later. In a network the deeper exit costs more.
#
# **What do you expect?** The second member has the exits 4 to 9 of the chain. Which exit answers when
# exit 5 is finished?


# %%
def answering_exits(costs):
    """Own cost of each exit in a row -> the exit, from 0, that answers once each is finished."""
    answering, best = [], 0
    for k, own in enumerate(costs):
        if own >= costs[best]:
            best = k
        answering.append(best)
    return answering


parts = [cost.multiply_adds(member, (1, 32, 32)) for member in chain.members]
answering = answering_exits(np.concatenate(parts))
print([exit + 1 for exit in answering])

# %%
with torch.inference_mode():
    answers = chain.answers(logits)
print("the same exits as the package:", answering == chain.standing.tolist())
print("the same answers:", torch.equal(answers, logits[answering]))

# %% [markdown]
# **What you should see.** Exit 3, the last of the first member, answers until exit 6 is finished,
# which is as deep and costs a little more. Exit 9 answers until exit 15 is.
#
# The costs add up, since each member starts from the image:

# %%
before = np.cumsum([0, *(part[-1] for part in parts[:-1])])
costs = np.concatenate([b + part for b, part in zip(before, parts, strict=True)])
np.array_equal(costs, cost.multiply_adds(chain, (1, 32, 32)))

# %% [markdown]
# ### Another rule: average
#
# A finished member has spent its cost. Is its answer of no use any more? The **average** takes the
# mean of the probabilities: of each finished member's last answer, and of the answer that stands
# now. That is an ensemble, and it costs nothing.


# %%
def average_answers(logits, answering, ends):
    """The mean probability of the finished members' last answers and the one that stands now."""
    means = []
    for k, now in enumerate(answering):
        exits = {answering[end] for end in ends if end < k} | {now}
        means.append(logits[sorted(exits)].softmax(-1).mean(0))
    return torch.stack(means)


ends = np.cumsum([member.num_exits for member in chain.members]) - 1
by_package = EANN(chain.members, combine="average").answers(logits).softmax(-1)
torch.allclose(by_package, average_answers(logits, answering, ends), atol=1e-6)

# %% [markdown]
# ## What does a chain cost?
#
# A chain never has its answer at the lowest price: the networks before have been paid for, and the
# one that runs may not answer yet. We count how much is lost.
#
# **The question.** At a budget $R$ the chain has an answer. Somebody who wanted only this answer could
# have trained one network of just its depth. How many times cheaper would that have been? Call the
# factor $C(R)$.
#
# **The assumption.** Each network is as good as OPT from $1/b$ of its own depth on. That is the
# observation from above. Cost is counted in costs of the first network, and depth is cost.
#
# **Step 1: what is spent before.** Network $j = 0, 1, 2, \dots$ costs $b^j$. Before it runs, the chain
# has spent
#
# $$S_j = 1 + b + \dots + b^{j-1} = \frac{b^j - 1}{b - 1} .$$

# %%
b, j = 3, np.arange(8)
np.allclose(np.cumsum(b**j) - b**j, (b**j - 1) / (b - 1))

# %% [markdown]
# **Step 2: who answers.** At depth $x$ of network $j$ the budget is $S_j + x$. The network before has
# left an answer of depth $b^{j-1}$. It stands until $x$ passes $b^{j-1}$, which is $1/b$ of the present
# network. So for $j \ge 1$
#
# $$C = \frac{S_j + x}{\max(b^{j-1}, \, x)} .$$
#
# The very first network has none before it. It is so small that we take it as optimal throughout:
# there $C = 1$.
#
# **What do you expect?** Take $b = 2$. Where inside a network is $C$ largest: at its start, its
# middle, its end?

# %%
budgets = np.array([1, 2, 3, 4, 5, 7])
factors = theory.eann_cost_factor(budgets, 2)
pd.DataFrame({"budget": budgets, "depth of the answer": budgets / factors, "C": factors})

# %% alt="C over the budget on a logarithmic axis for b = 2 and b = 4: teeth that rise to just below 3 and 2.33 and fall back to about 2 and 1.33."
figure, ax = plt.subplots(figsize=(8, 4))
fine = np.geomspace(0.3, 1000, 3000)
for b in (2, 4):
    plots.draw_eann_cost_factor(
        ax, fine, theory.eann_cost_factor(fine, b), b, supremum=theory.eann_sup(b)
    )
ax.set_title("How many times cheaper the answer could be had")
plt.show()

# %% [markdown]
# **What you should see.** Teeth. A network starts, and $C$ rises: more is spent, the answer stays. Once
# the network is as deep as the one before was, every further step improves the answer, and $C$ falls.
# For $b = 2$ the tip is in the middle of each network, for $b = 4$ after a quarter. The tips come near
# to the dashed line and never reach it.
#
# ### The worst case
#
# **Step 3: the tip.** For $x < b^{j-1}$ the denominator stays and the numerator grows: $C$ rises. For
# $x > b^{j-1}$ we have $C = 1 + S_j / x$, which falls. So the largest $C$ of network $j$ is at
# $x = b^{j-1}$:
#
# $$1 + \frac{S_j}{b^{j-1}} .$$

# %%
b, j = 2, 5
spent = theory.eann_chain_cost(j, b)
x = np.linspace(0, b**j, 10_001)[1:]
C = theory.eann_cost_factor(spent + x, b)
print("the tip is at x = b^(j-1):", x[C.argmax()] == b ** (j - 1))
print("its height is 1 + S_j / b^(j-1):", np.isclose(C.max(), 1 + spent / b ** (j - 1)))

# %% [markdown]
# **Step 4: the limit.** Put $S_j$ in:
#
# $$\frac{S_j}{b^{j-1}} = \frac{b}{b-1} - \frac{1}{(b-1) \, b^{j-1}} .$$
#
# The last term is positive and goes to 0 as the chain grows: the tips rise towards their limit and
# never reach it. With $\frac{b}{b-1} = 1 + \frac{1}{b-1}$
#
# $$\sup_R C(R) = 2 + \frac{1}{b - 1} .$$

# %%
for b in (2, 3, 4):
    tips = [1 + theory.eann_chain_cost(j, b) / b ** (j - 1.0) for j in (1, 2, 4, 8, 16)]
    print(f"b = {b}: tips", *(f"{tip:.3f}" for tip in tips), f" supremum {theory.eann_sup(b):.3f}")

# %% [markdown]
# For $b = 2$ an answer costs at most three times what it would cost alone.
#
# ### The mean
#
# The worst case is rare. What is $C$ on average, if the budget is drawn uniformly?
#
# **Step 5: the mean over one network.** Measure depth in units of the network before, $t = x / b^{j-1}$,
# and what is spent likewise, $s = S_j / b^{j-1}$. Then $t$ runs from 0 to $b$. Up to $t = 1$ we have
# $C = s + t$, after that $C = (s + t) / t = 1 + s / t$. The mean is the area divided by the length:
#
# $$\frac{1}{b} \left( \int_0^1 (s + t) \, dt + \int_1^b \left(1 + \frac{s}{t}\right) dt \right)
# = \frac{1}{b} \left( s + \frac12 + (b - 1) + s \ln b \right)
# = 1 - \frac{1}{2b} + \frac{s \, (1 + \ln b)}{b} .$$

# %%
for b, j in ((2, 3), (3, 2), (4, 5)):
    spent = theory.eann_chain_cost(j, b)
    middles = spent + (np.arange(100_000) + 0.5) / 100_000 * b**j
    measured = theory.eann_cost_factor(middles, b).mean()
    s = spent / b ** (j - 1)
    print(np.isclose(measured, 1 - 1 / (2 * b) + s * (1 + np.log(b)) / b))

# %% [markdown]
# **Step 6: the bound.** By step 4, $s < \frac{b}{b-1}$ for every network. Put it in:
#
# $$\text{mean over any network} \;<\; 1 - \frac{1}{2b} + \frac{1 + \ln b}{b - 1} .$$
#
# **Step 7: the whole chain.** Let the budget be uniform from 0 to the end of a network. Then $E[C]$ is
# the mean over the networks, each counted by its length. All of them are below the bound (the first
# one's mean is 1), so their mean is, too. It grows with the chain, and the bound is its limit:

# %%
for b in (2, 3, 4):
    means = theory.eann_mean(theory.eann_chain_cost([1, 2, 4, 8, 16], b), b)
    bound = theory.eann_mean_bound(b)
    print(f"b = {b}:", *(f"{mean:.3f}" for mean in means), f" bound {bound:.3f}")

# %% [markdown]
# **Simulate it.** So far everything was formulas. Draw budgets at random instead, and look how much
# each answer costs. Can chance and formula disagree? By about twice the standard error, now and then.

# %%
generator, rows = np.random.default_rng(0), []
for b in (2, 3, 4):
    end = theory.eann_chain_cost(6, b)
    mean, error = theory.eann_mean_simulated(end, b, 50_000, generator)
    exact = theory.eann_mean(end, b)
    rows.append((b, mean, error, float(exact), theory.eann_mean_bound(b)))
columns = ["b", "simulated", "standard error", "exact", "bound"]
pd.DataFrame(rows, columns=columns).set_index("b").round(3)

# %% [markdown]
# ### What the bound does not cover
#
# Step 7 needs budgets that reach up to the *end* of a network. **What do you expect** if the largest
# possible budget lies just behind the tip of a tooth?

# %% alt="E[C] over the largest budget for b = 2 and b = 4: each curve swings up and down in waves around its dashed bound, which it exceeds at the top of each wave; black dots at the ends of networks lie below the bound."
figure, ax = plt.subplots(figsize=(8, 4))
for b, color in ((2, "C0"), (4, "C1")):
    largest = np.geomspace(4, 3000, 600)
    ax.plot(largest, theory.eann_mean(largest, b), color=color, label=f"E[C], b = {b}")
    ax.axhline(theory.eann_mean_bound(b), color=color, linestyle="--", label=f"bound, b = {b}")
    stops = theory.eann_chain_cost(np.arange(2, 12), b)
    stops = stops[(stops > 4) & (stops < 3000)]
    ax.plot(stops, theory.eann_mean(stops, b), "o", color="black")
ax.set(xscale="log", xlabel="largest budget (cost of the first network = 1)", ylabel="E[C]")
ax.set_title("The bound holds at the ends of networks (dots)")
ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
plt.show()

# %%
for b in (2, 4):
    inside = np.linspace(*theory.eann_chain_cost([20, 21], b), 4000)
    excess = theory.eann_mean(inside, b).max() / theory.eann_mean_bound(b) - 1
    print(f"b = {b}: inside a late network the mean exceeds the bound by up to {excess:.1%}")

# %% [markdown]
# **What you should see.** The mean swings. It is below the bound at every dot, the end of a network. In
# between, once the chain is long, it exceeds it, because the expensive first part of a network is counted
# and its cheap rest is not. The excess is 1.9 % for $b = 2$ and 7.9 % for $b = 4$. So read the bound as a
# statement about whole chains.
#
# ## Which base?
#
# **What do you expect?** A large base or a small one: which has the smaller worst case, which the
# smaller mean?

# %%
bases = [1.5, 2, 3, 4, 8, 16]
levels = [[f(b) for b in bases] for f in (theory.eann_sup, theory.eann_mean_bound)]
pd.DataFrame(levels, index=["supremum", "bound of the mean"], columns=bases).round(2)

# %% [markdown]
# **What you should see.** Both fall with $b$, without end: the worst case towards 2, the mean towards 1.
# Should one take a huge base, then? No. The formulas rest on an assumption, and $b$ is in it: each
# network is near-optimal from $1/b$ of its depth on. With $b = 16$ a network would have to be good after
# a sixteenth of its depth. If AdaLoss could do that, nobody would need a chain.
#
# So turn it round. Say that AdaLoss makes networks good from a part $f$ of their depth on. This is a
# property of the training, and $b$ is ours to choose. If $f > 1/b$, the answer of the network before has
# to stand longer, up to $t = f b$ instead of $t = 1$. Write $m = \max(1, f b)$. Steps 3 to 6 with $m$ in
# the place of 1, and $s = b / (b - 1)$ for a long chain, give
#
# $$\sup C = s + m, \qquad
# \text{mean} = \frac{1}{b} \left( s m + \frac{m^2}{2} + (b - m) + s \ln \frac{b}{m} \right) .$$
#
# (This step is ours. The paper takes $f = 1/b$.)


# %%
def chain_limits(base, good_from):
    """Supremum and mean of C in a long chain whose networks are good from this part on."""
    s, m = base / (base - 1), np.maximum(1, good_from * base)
    mean = (s * m + m**2 / 2 + base - m + s * np.log(base / m)) / base
    return s + m, mean


[
    np.allclose(chain_limits(b, 1 / b), (theory.eann_sup(b), theory.eann_mean_bound(b)))
    for b in (2, 4)
]

# %% alt="Supremum (left) and mean (right) of C over the base for networks that are good from a quarter, a half or three quarters on. Each curve has one lowest point, marked: the earlier networks are good, the lower it lies and the larger the base."
figure, axes = plt.subplots(1, 2, figsize=(10, 4))
base = np.linspace(1.3, 12, 1071)
for f, dash in ((0.25, "-"), (0.5, "--"), (0.75, ":")):
    for ax, values in zip(axes, chain_limits(base, f), strict=True):
        (line,) = ax.plot(base, values, dash, label=f"good from {f:.0%} on")
        best = values.argmin()
        ax.plot(base[best], values[best], "o", color=line.get_color())
axes[0].set(xlabel="base b", ylabel="supremum of C", ylim=(2, 7), title="At worst")
axes[1].set(xlabel="base b", ylabel="mean of C", ylim=(1, 6), title="On average")
axes[1].legend()
plt.show()

# %%
for f in (0.25, 0.5, 0.75):
    best = [base[values.argmin()] for values in chain_limits(base, f)]
    lowest = [values.min() for values in chain_limits(base, f)]
    print(f"good from {f:.0%} on: smallest supremum {lowest[0]:.2f} at b = {best[0]:.1f},", end=" ")
    print(f"smallest mean {lowest[1]:.2f} at b = {best[1]:.1f}")

# %% [markdown]
# **What you should see.** Now each curve has a lowest point. If networks are good from a half on, the
# worst case is smallest near $b = 2.4$, and $b = 2$ is not far from it. The mean asks for a larger base:
# fewer networks are paid for, at the price of a longer wait now and then. **The worst case wants a small
# base, the mean a larger one.**
#
# ## A real chain
#
# Now with networks that were trained: ResANNs with 1, 2 and 4 units per block, all with AdaLoss. Their
# records hold error and cost of each exit. `metrics.chain_curve` puts them in a row as we did above:
# costs add up, and an answer stands until there is one that costs more in its own network. No error
# decides which exit answers.

# %%
MEMBERS = [f"resann-{n}-16-stride2" for n in (1, 2, 4)]


def by_seed(dataset, network, weighting):
    """The recorded runs, {seed: run}."""
    return {run.config["seed"]: run for run in recorded(dataset, network, weighting)}


def curve(run):
    """Test error and cost of each exit, (12,) each for the large network."""
    return run.final("test_error"), np.array(run.cost)


# %%
def common_seeds(dataset):
    """The seeds that are recorded for all members and for CONST."""
    needed = [(name, "adaloss") for name in MEMBERS] + [(MEMBERS[-1], "const")]
    return sorted(set.intersection(*(set(by_seed(dataset, *one)) for one in needed)))


def competitors(dataset):
    """By name, the curves (error, cost), one for each common seed."""
    members = [by_seed(dataset, name, "adaloss") for name in MEMBERS]
    const, seeds = by_seed(dataset, MEMBERS[-1], "const"), common_seeds(dataset)
    return {
        "chain": [metrics.chain_curve([curve(one[seed]) for one in members]) for seed in seeds],
        "AdaLoss": [curve(members[-1][seed]) for seed in seeds],
        "CONST": [curve(const[seed]) for seed in seeds],
    }


# %% [markdown]
# Against it stands the last member alone, `resann-4-16-stride2`: once with AdaLoss, once with CONST. OPT
# is there where it was trained. It is no competitor: it is a separate network for each budget, and only
# who knows the budget can choose it.

# %%
found = {dataset: competitors(dataset) for dataset in DATA_SETS}
for dataset, by_name in found.items():
    whole, last = (by_name[name][0][1][-1] for name in ("chain", "AdaLoss"))
    print(f"{catalogue.copy_title(dataset)}: seeds: {len(by_name['chain'])};", end=" ")
    print(f"the whole chain costs {whole / last:.2f} times its last member")

# %% [markdown]
# **What do you expect?** The chain ends with the same network as its competitor. At which budgets will
# it be better, at which worse?


# %%
def draw_steps(ax, seeds, end, **look):
    """The error of the latest answer at each budget, mean over seeds, a band of one deviation."""
    budgets = np.append(seeds[0][1], end)
    errors = np.array([np.append(error, error[-1]) for error, _ in seeds])
    mean = errors.mean(0)
    ax.step(budgets, mean, where="post", **look)
    if len(seeds) > 1:
        std = errors.std(0, ddof=1)
        band = {"step": "post", "alpha": 0.25, "linewidth": 0, "color": look["color"]}
        ax.fill_between(budgets, mean - std, mean + std, **band)


def opt_points(dataset):
    """Cost and mean error of OPT, a network for each exit at which it was trained."""
    found = recorded(dataset, [*CUTS, NETWORK], "opt")
    points = pd.DataFrame({"cost": r.cost[-1], "error": curve(r)[0][-1]} for r in found)
    return points.groupby("cost")["error"].mean()


# %% alt="For each data set falling steps, test error over multiply-adds on a logarithmic axis, for the chain, one large network with AdaLoss and one with CONST, with crosses of OPT. The chain has two long flat stretches, in which its next member is not yet deep enough."
looks = {name: plots.scheme_style(name)["color"] for name in ("CONST", "AdaLoss")}
looks["chain"] = plots.PALETTE[3]
for dataset in DATA_SETS:
    figure, ax = plt.subplots(figsize=(8.5, 4))
    end = found[dataset]["chain"][0][1][-1]
    for (name, color), dash in zip(looks.items(), (":", "--", "-"), strict=True):
        draw_steps(ax, found[dataset][name], end, color=color, linestyle=dash, label=name)
    points = opt_points(dataset)
    ax.plot(points.index, points, linestyle="none", label="OPT", **plots.scheme_style("opt"))
    ax.set(xscale="log", xlabel="multiply-adds (millions)", ylabel="test error")
    ax.set_title(catalogue.copy_title(dataset))
    ticks = [1.5e6, 3e6, 6e6, 12e6, 24e6]
    ax.set_xticks(ticks, [f"{tick / 1e6:g}" for tick in ticks])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(plots.PERCENT)
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    plt.show()

# %% [markdown]
# **What you should see.** Steps, one per exit. The chain has two long treads. On each of them the next
# member runs and is not yet as deep as the last. The large networks have no such delay, and at the
# right end the chain needs 1.7 times their cost to say the same. What it gets for that is on the left:
# its first answers come from a small network. That one had three exits to care for, not twelve, and from
# its second exit on it has more channels than the large one has at this depth.
#
# How does that compare with the factor $C$? Every exit has a price in its own network. Put these prices
# in a row instead of the errors, and the curve says what the answer that stands would have cost alone.

# %%
costs = [np.array(by_seed("cifar10", name, "adaloss")[0].cost) for name in MEMBERS]
alone, spent = metrics.chain_curve([(one, one) for one in costs])
ideal = theory.eann_cost_factor(np.arange(1, 22) / 3, 2)
print(
    f"C after each exit: at most {(spent / alone).max():.2f}, at the end {spent[-1] / alone[-1]:.2f}"
)
print(f"in theory, units of equal cost: {ideal.max():.2f} and {ideal[-1]:.2f}")

# %% [markdown]
# The real chain does a little better than in theory. Two units of every network halve the resolution, and
# these are cheaper. They are 2 of 3 units in the smallest network and 2 of 12 in the largest. So twice
# the depth costs a bit more than twice, which acts like a larger base.
#
# ### Was the assumption right?
#
# At the end of a tread a deeper network takes over. The rule assumes that its exit is at least as
# good as the answer that stood. Is it?


# %%
def mean_error(dataset, network, exit):
    """The test error (%) of an exit, from 1, under AdaLoss, mean over seeds."""
    found = by_seed(dataset, network, "adaloss").values()
    return 100 * np.mean([run.final("test_error")[exit - 1] for run in found])


for dataset in DATA_SETS:
    print(catalogue.copy_title(dataset))
    for small, large, exit in zip(MEMBERS, MEMBERS[1:], (3, 6), strict=False):
        stood, takes_over = (mean_error(dataset, name, exit) for name in (small, large))
        print(f"  exit {exit} of {small}: {stood:.1f} %, of {large}: {takes_over:.1f} %")

# %% [markdown]
# **What you should see.** Two exits of equal depth in each line. One is the last of its network, the
# other is half-way down a larger one. The second number is larger, so the chain's curve goes *up* when
# the deeper network takes over. Two causes mix. Half-way down, AdaLoss may not have come down to OPT yet
# (the first table of this notebook). And the small network has already halved the resolution and
# doubled its channels twice, so at equal depth it is another, better network: that is a property of
# these units, and not of AdaLoss. On Tiny-ImageNet it is the larger part. A chain that knows this would
# wait. It may not look at test errors to know it (why is a question at the end). The
# **training errors** are known, and may choose: the exit with the lowest one so far answers.


# %%
def waiting_chains(dataset):
    """The chains of all common seeds, with the lowest training error deciding who answers."""
    members = [by_seed(dataset, name, "adaloss") for name in MEMBERS]
    rows = [[one[seed] for one in members] for seed in common_seeds(dataset)]
    return [
        metrics.chain_curve([curve(run) for run in row], [run.final("train_error") for run in row])
        for row in rows
    ]


for dataset, by_name in found.items():
    by_name["chain, waits"] = waiting_chains(dataset)
    for name in ("chain", "chain, waits"):
        rises = np.mean([np.diff(error).max() for error, _ in by_name[name]])
        print(
            f"{catalogue.copy_title(dataset)}, {name}: the largest rise is {max(100 * rises, 0):.1f} points"
        )

# %% [markdown]
# ### One number
#
# Which one is better *at any budget* depends on which budgets come. `metrics.anytime_auc` is the mean
# error at a random budget. **Log-uniform** budgets: from 2 to 4 million is as likely as from 8 to 16.
# **Uniform** ones: large budgets make up most of it. Smaller is better.


# %%
def mean_errors(seeds, low, high):
    """Mean error in percent at a random budget in a range, log-uniform and uniform, over seeds."""
    texts = []
    for log in (True, False):
        values = [100 * metrics.anytime_auc(*curve, low, high, log=log) for curve in seeds]
        mean, std = metrics.mean_std(values)
        texts.append(f"{mean:.1f}" + (f" ± {std:.1f}" if len(values) > 1 else ""))
    return texts


for dataset, by_name in found.items():
    low, high = by_name["chain"][0][1][[0, -1]]
    table = {name: mean_errors(seeds, low, high) for name, seeds in by_name.items()}
    print(catalogue.copy_title(dataset), "- any budget up to the end of the chain (%)")
    print(pd.DataFrame(table, index=["log-uniform", "uniform"]).T.to_string(), "\n")

# %% [markdown]
# And between a quarter and the whole of the large network's cost, the range of the paper's
# comparison. Here OPT can be put beside them, where it was trained at all four quarters. Between them
# its last answer has to stand. To be fair, AdaLoss gets a second row: with these four exits only.

# %%
for dataset, by_name in found.items():
    points = opt_points(dataset)
    low, high = by_name["AdaLoss"][0][1][[2, -1]]
    opt = [(points.to_numpy(), points.index.to_numpy())]
    four = [(error[2::3], spent[2::3]) for error, spent in by_name["AdaLoss"]]
    only = {"AdaLoss, 4 exits": four, "OPT, 4 exits": opt}
    rivals = by_name | (only if len(points) == 4 else {})
    table = {name: mean_errors(seeds, low, high) for name, seeds in rivals.items()}
    print(catalogue.copy_title(dataset), f"- {low / 1e6:.1f} to {high / 1e6:.1f} million (%)")
    print(pd.DataFrame(table, index=["log-uniform", "uniform"]).T.to_string(), "\n")

# %% [markdown]
# **What you should see.** In the first pair of tables small budgets count, at least for log-uniform
# ones. In the second they don't: there the large network is already in its own second quarter, and the
# chain is held up twice. OPT is the large network, cut at each quarter and trained for that exit alone.
# That is the yardstick for one network with these units, to be compared with the row of four exits. It is
# no bound for the chain: its members are others, which halve the resolution and double the channels
# earlier. "±" is the standard deviation over seeds; differences of a few tenths mean nothing.
#
# In both ranges the chain makes fewer errors on average than either large network. Where does it make
# more? Look at the steps above once more. It is better at small budgets, even on its first tread. It is
# worse on most of the second tread, and at the large network's own cost.
#
# ## A chain that runs
#
# Three networks of this kind ship with the course, trained on 5,000 pictures of clothes. We chain them,
# and let the chain answer.

# %%
stored = [next((DATA / "networks").glob(f"fashion_{name}_adaloss*.pt")) for name in MEMBERS]
chain = EANN([networks.load(path) for path in stored])
clothes = datasets.load("fashion")
macs = cost.multiply_adds(chain, (1, 32, 32))
print(chain.num_exits, "exits,", f"{macs[-1] / 1e6:.1f} million multiply-adds in all")

# %% [markdown]
# So far the exit that costs more counted as the better one. A chain can also be told which exit to
# expect the fewest errors of. A thousand training images were set aside when these networks were
# trained. On them we measure all exits, and tell a second chain. The test images stay untouched.
#
# **What do you expect?** Which exit answers in the end?

# %%
aside = clothes.set_aside(1000).test
expected = evaluate(chain, aside)[1].numpy()
measured = EANN(chain.members)
measured.expect(expected)
print("by cost:    ", *(chain.standing + 1))
print("as measured:", *(measured.standing + 1))

# %%
for exit in (3, 9, 21):
    error = expected[exit - 1]
    noise = metrics.binomial_std_error(error, len(aside))
    print(f"exit {exit:2} on the images set aside: {error:.1%} ± {noise:.1%}")

# %% [markdown]
# **What you should see.** In the second row the last exit of the *first* member answers to the end.
# It has the fewest errors on the images set aside. But its lead is not larger than the noise of a
# thousand images. The chain believes the numbers that it is given.
#
# Third, the average. It need not decide which exit is the best. **What do you expect?** Which of the
# three has the fewest errors on the test images, once all members are there?

# %%
logits, labels = predict(chain, clothes.test), clothes.test.labels
ensemble = EANN(chain.members, combine="average")
rules = {"best, by cost": chain, "best, as measured": measured, "average": ensemble}
answers = {rule: one.answers(logits) for rule, one in rules.items()}
errors = {rule: exit_mistakes(row, labels).numpy() / len(labels) for rule, row in answers.items()}
alone = exit_mistakes(logits, labels).numpy() / len(labels)

# %% alt="Test error over multiply-adds for 21 exits. Grey dots for each exit alone start high again with each member. Three step lines fall together up to exit 3; as measured stays there, by cost falls further with the second member, and the average lies lowest."
figure, ax = plt.subplots(figsize=(8.5, 4))
ax.plot(macs, alone, "o", color="0.6", label="each exit alone")
for (rule, error), dash in zip(errors.items(), ("-", ":", "--"), strict=True):
    ax.step(macs, error, where="post", linestyle=dash, label=rule)
ax.set(xlabel="multiply-adds (millions)", ylabel="test error", title="A chain on clothes")
ax.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g}")
ax.yaxis.set_major_formatter(plots.PERCENT)
ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
plt.show()

# %% [markdown]
# The test set has a thousand images, too, so each error has a noise of one percent here as well. To
# compare two rules on the *same* images, count those on which only one of the two is right. If the
# rules were equally good, a coin would decide each of these images, and the two counts would differ
# by about the root of their sum.


# %%
def only_one_right(rule, other):
    """Images that at the end only the first rule gets right, and those that only the other does."""
    first, second = (answers[name][-1].argmax(-1) == labels for name in (rule, other))
    return int((first & ~second).sum()), int((second & ~first).sum())


print(f"average: {errors['average'][-1]:.1%} errors at the end")
for rule in ("best, as measured", "best, by cost"):
    ours, theirs = only_one_right("average", rule)
    print(f"{rule}: {errors[rule][-1]:.1%}; only the average is right on {ours},", end=" ")
    print(f"only this rule on {theirs}; root of the sum {np.sqrt(ours + theirs):.0f}")

# %% [markdown]
# **What you should see.** Grey dots start high again with each member: every network has to begin at
# the beginning. Up to exit 3 all lines are one. Then the chain that trusted its measurement misses
# what the second member gains. Against it the average is ahead by several times the noise. Against
# "by cost" it is ahead by less than the noise, which is nothing to build on. Two lessons: a thousand
# images are too few to choose among 21 exits, and the average does well **without a choice**. The
# third member adds next to nothing on these data. Keep that in mind.
#
# In use there is a budget and no curve. `AnytimePredictor` runs a chain as it runs a network. We take
# one picture that the first exit gets wrong and the chain in the end gets right, and give it six budgets.

# %%
right = answers["best, by cost"].argmax(-1) == labels
place = int((~right[0] & right[-1]).nonzero()[0])
budgets = np.array([1.3, 2.0, 4.0, 8.0, 16.0, 24.0]) * 1e6
answer = AnytimePredictor(chain).predict(
    clothes.test.pixels[[place] * len(budgets)], budget=budgets
)
print("it is:", clothes.classes[labels[place]])
for k, budget in enumerate(budgets):
    label, sure = clothes.classes[answer.label[k]], answer.confidence[k]
    print(f"{budget / 1e6:4.1f} million: exit {answer.exit[k]:2} says {label} ({sure:.0%} sure)")

# %% [markdown]
# **What you should see.** The same picture, six budgets. The exit that answers is never a shallower
# one than at the smaller budget, and the answers end with the right one.
#
# ## Where a chain does not pay
#
# The paper names two cases:

# %%
print(paper.FACTS["eann_limits"])

# %% [markdown]
# ### A small network does not saturate
#
# $C$ counts cost. What users see is error. How much error a factor of cost is worth depends on how
# steeply the error still falls. Let the error of an optimal network of cost $c$ be
#
# $$e(c) = 0.1 + 0.4 \, c^{-p} .$$
#
# With a large $p$ it is soon near its end, 0.1: a small network saturates. With a small $p$ every
# doubling helps for long. At budget $R$ the chain has the error $e(R / C)$.
#
# **What do you expect?** For which $p$ does the chain lose more?

# %% alt="Two panels of error over budget on a logarithmic axis, the optimum and a chain with b = 2. Left, the error saturates and the curves soon lie together. Right, it falls slowly and the chain stays above throughout."
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
budget = np.geomspace(1, 200, 1000)
depth = budget / theory.eann_cost_factor(budget, 2)
for ax, p in zip(axes, (1.5, 0.3), strict=True):
    ax.plot(budget, 0.1 + 0.4 * budget**-p, label="optimal network")
    ax.plot(budget, 0.1 + 0.4 * depth**-p, "--", label="chain, b = 2")
    ax.set(xscale="log", xlabel="budget", title=f"p = {p:g} (made up)")
axes[0].set_ylabel("error")
axes[0].yaxis.set_major_formatter(plots.PERCENT)
axes[1].legend()
plt.show()

# %%
late = budget > 20
for p in (1.5, 0.3):
    lost = 0.4 * (depth[late] ** -p - budget[late] ** -p)
    print(
        f"p = {p:g}: at budgets above 20 the chain loses {100 * lost.mean():.1f} points on average"
    )

# %% [markdown]
# **What you should see.** The same delay, twice. On the left it costs errors only at small budgets: later
# it delays answers that hardly change. On the right it costs errors at every budget. The paper's
# example is ResANN-26 on ILSVRC, a task that a small network does not saturate.
#
# How steep are our tasks? The members' last exits tell: how many of its errors does a network lose,
# if it is made twice as deep?


# %%
ends = [(name, 3 * n) for name, n in zip(MEMBERS, (1, 2, 4), strict=True)]
rows = {catalogue.copy_title(d): [mean_error(d, *end) for end in ends] for d in DATA_SETS}
rows["clothes, 5,000 images"] = 100 * alone[[2, 8, 20]]
steep = pd.DataFrame(rows, index=["n = 1", "n = 2", "n = 4"]).T
steep["1 to 2"] = 100 * (1 - steep["n = 2"] / steep["n = 1"])
steep["2 to 4"] = 100 * (1 - steep["n = 4"] / steep["n = 2"])
steep.round(1)

# %% [markdown]
# **What you should see.** The last two columns say what a doubling of the depth is still worth. Where
# it is near 0, a smaller network has saturated the task. On the clothes that is so after $n = 2$,
# as far as a thousand test images can tell: from there on a delay costs nothing. Where it is not, each
# delay of the chain costs errors.
#
# ### A constant factor is critical
#
# The worst case is a factor of three for $b = 2$, and above two for every base. If a deadline is known and
# hard, that is a lot. Take the budget at which the large network would be just done. Our chain of three
# has by then spent 71 % of it on the small networks (in theory, 3 of 4 parts):

# %%
for dataset, by_name in found.items():
    deadline = by_name["AdaLoss"][0][1][-1]
    chained, single = (
        np.mean([metrics.at_share(*curve, deadline / curve[1][-1]) for curve in by_name[name]])
        for name in ("chain", "AdaLoss")
    )
    print(f"{catalogue.copy_title(dataset)}: chain {chained:.1%}, one network {single:.1%}")

# %% [markdown]
# **What you should see.** At this deadline the chain answers with its second member, which is half as
# deep, and pays for it in errors. A single network could have been trained for this very budget.
#
# ## Explore the bound
#
# The explorer shows for any base and budget which network runs, which answers, and what the answer
# costs. Its picture for $b = 2$ at a budget of 20:

# %% alt="Above, the cost factor C over the budget for b = 2 with supremum 3.00 and bound of the mean 2.44; below, steps of the network that runs and of the one that answers. A black line marks the budget 20."
explore.eann().figure(base=2, budget=20)

# %% [markdown]
# Try it: for which base are the two lines of the lower picture apart for the largest part of the budgets?
# And where do they lie in relation to the teeth above?

# %% tags=["widget"]
explore.eann()

# %% [markdown]
# ## Summary
#
# - With AdaLoss the late part of a network is near-optimal, says the paper. We saw it on Tiny-ImageNet
#   and (in notebook 05) most clearly on GTSRB, and not on CIFAR-10. A chain of networks of depths
#   $1, b, b^2, \dots$ uses only late parts: while a network is young, the one before answers.
# - An answer of the chain costs at most $2 + \frac{1}{b-1}$ times what it would cost alone, and
#   $1 - \frac{1}{2b} + \frac{1 + \ln b}{b-1}$ times on average over whole chains: 3 and 2.44 for $b = 2$.
# - Both ask for a large base, but the base is bounded by how early a network is good.
# - The chain's members can be averaged at no cost.
# - In our runs the chain is better at small budgets, and on average over budgets that vary. It is worse
#   at a known large budget, such as the large network's own cost, the more so where the error keeps
#   falling with depth.
#
# ## Exercises
#
# **Exercise 7.1.** From the costs of the members' exits to the costs in the chain. Each member starts
# again, after all before it are finished.


# %%
def costs_in_a_row(members):
    """A list of the members' costs (K_1,), (K_2,), … -> the costs of all exits in the chain."""
    ### BEGIN SOLUTION 7.1
    costs, spent = [], 0
    for member in members:
        costs += [spent + one for one in member]
        spent += member[-1]
    return costs
    ### END SOLUTION


checks.costs_in_a_row(costs_in_a_row)

# %% [markdown]
# **Exercise 7.2.** The cost factor without a formula. Walk down the chain with a budget: as long as it
# pays for more than the present network, subtract that network's cost, remember its depth as the best
# so far, and go on to the next. What is left is the depth in the network that runs. The answer's depth
# is the larger of the two.


# %%
def cost_factor(budget, base):
    """A budget (cost of the first network = 1), b -> budget over the depth of the answer."""
    ### BEGIN SOLUTION 7.2
    depth, best, left = 1, 0, budget
    while left > depth:
        left, best, depth = left - depth, depth, depth * base
    return budget / max(best, left)
    ### END SOLUTION


checks.cost_factor(cost_factor)

# %% [markdown]
# **Exercise 7.3.** Somebody accepts that an answer costs at most $C$ times what it would alone. Which is
# the smallest base that keeps this promise? Solve $C = 2 + \frac{1}{b - 1}$ for $b$. How early does a
# network have to be good then?


# %%
def smallest_base(worst):
    """The largest accepted cost factor, above 2 -> the smallest base that keeps below it."""
    ### BEGIN SOLUTION 7.3
    return 1 + 1 / (worst - 2)
    ### END SOLUTION


checks.smallest_base(smallest_base)

# %% [markdown]
# **Exercise 7.4.** The average of several networks' answers: the mean of their *probabilities*, and then
# the likeliest class.


# %%
def average_label(logits):
    """(M, N, classes) logits of M finished networks -> (N,) labels of the mean probability."""
    ### BEGIN SOLUTION 7.4
    return logits.softmax(-1).mean(0).argmax(-1)
    ### END SOLUTION


checks.average_label(average_label)

# %% [markdown]
# **Think.** Each member starts again from the image. Why not let the second network go on from the
# features of the first?
#
# <details><summary>An answer</summary>
#
# Then it would be one network with more exits, and we would be back at the start: the first part
# would be pulled by early and late losses, and its early exits would be poor for the same reason. The
# chain buys independence with cost. It can also be put together from networks that exist already, and
# its members can be averaged: networks that share nothing make different mistakes.
#
# </details>
#
# **Think.** In `metrics.chain_curve` cost decides which exit answers, and for the chain that runs we used
# 1,000 images set aside. Why not take the exit with the lowest *test* error?
#
# <details><summary>An answer</summary>
#
# Then the test images would have chosen the answers on which they are scored. The lowest of many noisy
# numbers is too low: with a standard error of one percent, the best of several equally good exits looks
# about one percent better than it is. In use nobody has test labels. A chain must decide with what is
# known before.
#
# </details>
#
# ## What next
#
# Notebook 08 asks what AdaLoss's final weights tell about a data set: is a chain, or a deeper network,
# worth it there?
