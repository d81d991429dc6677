# %% [markdown]
# # 10 · Early exit
#
# **Anytime prediction is told by the clock when to stop; budgeted prediction decides for itself,
# image by image: what is the difference, and can one network do both?**
#
# **You will**
#
# - build early exit from a trained anytime network, with four rules that say when an answer is good
#   enough, and choose thresholds that keep a wanted average cost;
# - look behind the rules: which exits know how sure they may be, and which images get worse when a
#   network thinks on;
# - combine early exit with interruptions in one prediction, and ask whether AdaLoss or CONST made the
#   better network for it.
#
# **Before:** notebook 01 (exits and their cost) and notebook 03 (AdaLoss). **Time:** 50 minutes.
# **Paper:** the introduction and the related work, on anytime and budgeted prediction.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from anytime import datasets, metrics, networks, plots
from anytime.course import checks
from anytime.networks import cost
from anytime.paths import DATA
from anytime.prediction import AnytimePredictor, policies, predict_early
from anytime.training import evaluation

plots.theme()
torch.set_num_threads(1)

# %% [markdown]
# ## Two tasks
#
# A network with exits can serve two masters.
#
# **Anytime prediction.** Somebody else ends it. A car's camera must have an answer when the brake has
# to decide, and how long that is depends on the street. The budget is **unknown** while the network
# computes, and every image may be interrupted at any moment. So each exit has to be as good as it
# can be, on *all* images.
#
# **Budgeted prediction**, also called early exit or a cascade. The network ends it itself. A service
# sorts a million pictures a day, and the bill is for the sum. The **average** cost is limited, and no
# single image is in a hurry. So an easy image should leave early and a hard one may stay.
#
# | | anytime | budgeted |
# |---|---|---|
# | who ends it? | the clock, at any moment | the network, when it is sure enough |
# | the limit | one image's cost, unknown | the average cost, known |
# | after an answer | goes on and improves it | the image has left, its answer is final |
# | wrong when | an exit is bad on all images | an exit is sure and wrong |
#
# The third row is the heart of it. The paper keeps the two tasks apart for this reason: once a
# cascade has let an image go, it **cannot improve** the answer, however much time is left. But the
# tasks need the same thing, a network with good exits. The paper therefore says that AdaLoss can be
# combined with early exit, and names Guan et al. (2017) and Bolukbasi et al. (2017), who choose the
# exit image by image.
#
# ## A trained network
#
# This course comes with networks of twelve exits that have learned clothes under AdaLoss and under
# CONST. We start with AdaLoss's.


# %%
def shipped(scheme):
    """The network of twelve exits that was trained on clothes with a weighting."""
    (file,) = (DATA / "networks").glob(f"fashion_resann-4-16-stride2_{scheme}_seed0_*.pt")
    return networks.load(file)


network = shipped("adaloss")
macs = cost.multiply_adds(network, (1, 32, 32))
share = macs / macs[-1]
print(network.num_exits, "exits; their shares of the full cost:")
print(*(f"{100 * part:.0f}%" for part in share))

# %% [markdown]
# Who decides something with images must not have learned them. So of the 6,000 training images only
# 5,000 were learned. The other 1,000 are the **validation images**: with them we choose thresholds.
# The 1,000 **test images** choose nothing. They tell what the choice was worth.

# %%
clothes = datasets.load("fashion")
aside = clothes.set_aside(1000)
learned, validation, test = aside.train, aside.test, clothes.test
print(len(learned), "learned,", len(validation), "to choose with,", len(test), "to test")

# %% [markdown]
# Early exit can be studied without running it. We record the logits of *all* exits for all images
# once. Then every rule can be replayed on the record: what would it have answered, and at which cost?

# %%
recorded = {
    "validation": evaluation.predict(network, validation).numpy(),
    "test": evaluation.predict(network, test).numpy(),
}
labels = {"validation": validation.labels.numpy(), "test": test.labels.numpy()}
logits, truth = recorded["test"], labels["test"]
print("(exits, images, classes):", logits.shape)

# %%
mistakes = logits.argmax(-1) != truth
errors = mistakes.mean(1)
pd.DataFrame({"test error (%)": 100 * errors}, index=pd.RangeIndex(1, 13, name="exit")).T.round(1)

# %% [markdown]
# **What do you expect?** The last exit is right much more often than the first. Take only the images
# on which the *first* exit is very sure, at 90 % and more. How often is it wrong on those?

# %%
after = metrics.probabilities(logits)
sure = after[0].max(-1) >= 0.9
print(f"exit 1 is that sure of {sure.mean():.0%} of the images")
print(f"exit 1 is wrong on {mistakes[0, sure].mean():.1%} of them, and on {errors[0]:.1%} of all")
print(f"exit 12 is wrong on {mistakes[-1, sure].mean():.1%} of them")

# %% [markdown]
# There it is: on a part of the images the first exit is about as good as the last one, at a small
# part of the cost, **and it knows which images these are**. Let's look at some of both kinds.

# %% alt="Two rows of eight pictures of clothes: above clear shapes of which the first exit is sure, such as a bag, trousers and shoes; below dresses, coats and tops of which no exit is sure."
order = after.max(-1).max(0).argsort(kind="stable")  # by the most that any exit dares to say
easy = np.random.default_rng(0).choice(np.flatnonzero(sure), 8, replace=False)
picked = np.concatenate([easy, order[:8]])
titles = [clothes.classes[truth[i]] for i in picked]
plt.figure(figsize=(10, 3))
plots.draw_images(plt.gca(), test.pixels[torch.from_numpy(picked)], titles, columns=8)
plt.show()

# %% [markdown]
# **What you should see.** Above, things with a clear outline: the first exit is sure of them. Below,
# the images on which no exit is ever very sure, with their right names. They are tops, coats and
# dresses, and of many of them you would not be sure either.
#
# ## The simplest rule: confidence
#
# After each exit, look at the largest probability. If it has reached a threshold, stop. By hand:


# %%
def confidence_by_hand(logits):
    """Logits (K, N, classes) -> the largest probability of each image at each exit, (K, N)."""
    powers = np.exp(logits.astype(float))
    probabilities = powers / powers.sum(-1, keepdims=True)
    return probabilities.max(-1)


by_hand = confidence_by_hand(logits)
np.allclose(by_hand, policies.exit_scores("confidence", logits))

# %% [markdown]
# `exit_scores` is the package's: for any rule it gives a **score** for each image at each exit. The
# image stops at the first exit whose score reaches the threshold, and at the last one in any case.


# %%
def stop_by_hand(scores, threshold):
    """The exit, from 0, at which each image stops: a plain loop."""
    stops = []
    for image in scores.T:
        sure = [k for k, score in enumerate(image) if score >= threshold]
        stops.append(sure[0] if sure else len(image) - 1)
    return np.array(stops)


np.array_equal(stop_by_hand(by_hand, 0.9), policies.stops("confidence", logits, 0.9))

# %% [markdown]
# **What do you expect?** With a threshold of 0.9: how many of the 1,000 images stop at exit 1, and how
# many go all the way?

# %% alt="Bars of the number of images over the exit at which they stop, for a threshold of 0.9: most at the first two exits, few from the seventh on, many at the last, where most mistakes are."
stops = policies.stops("confidence", logits, 0.9)
counts = np.bincount(stops, minlength=12)
wrong = np.bincount(stops, weights=mistakes[stops, np.arange(1000)], minlength=12)
exits = range(1, 13)
plt.bar(exits, wrong, color=plots.PALETTE[1], hatch="//", label="wrong")
plt.bar(exits, counts - wrong, bottom=wrong, color=plots.PALETTE[0], label="right")
plt.xticks(exits)
plt.xlabel("exit at which the image stops")
plt.ylabel("test images")
plt.title("Confidence, threshold 0.9")
plt.legend()
plt.show()

# %%
print(f"average cost: {policies.average_cost(stops, share):.0%} of the full cost")
print(f"error: {policies.error(logits, truth, stops):.1%}; of exit 12 on all: {errors[-1]:.1%}")

# %% [markdown]
# **What you should see.** A good part of the images leaves at the first exits, and nearly all of these
# are right. The last bar is high again: images that no exit was sure of. There the mistakes gather.
# Little is lost, and most of the cost is saved.
#
# ## Four rules
#
# Confidence looks at one number. The package knows three other rules.
#
# | rule | its score | stops when |
# |---|---|---|
# | `confidence` | the largest probability | one class has nearly all |
# | `entropy` | 1 − entropy / ln(classes) | the probabilities are far from equal |
# | `patience` | how many exits in a row said the same | the answer has settled |
# | `agreement` | the probability that this exit and the one before share | the exits agree |
#
# The first two ask how sure *one* exit is. The last two ask whether *several* exits say the same, and
# so they cannot stop at exit 1 and be choosy at the same time. Here are the scores of two images.

# %% alt="Two panels with the four rules' scores over twelve exits. For an easy image confidence and entropy are near 1 from the start and patience counts up in steps of a twelfth. For a hard one confidence and entropy stay near a third, agreement is high, and patience falls back once."
pair = {"an easy image": easy[0], "a hard image": order[0]}
figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.8), sharey=True)
for ax, (title, i) in zip(axes, pair.items(), strict=True):
    for k, policy in enumerate(policies.POLICIES):
        scores = policies.exit_scores(policy, logits[:, [i]])[:, 0]
        scale, name = (12, "patience / 12") if policy == "patience" else (1, policy)
        ax.plot(range(1, 13), scores / scale, "osv^"[k] + plots.LINES[k], label=name)
    ax.set(title=f"{title} ({clothes.classes[truth[i]]})", xlabel="exit", ylim=(-0.05, 1.05))
axes[0].set_ylabel("score")
axes[1].legend(loc="upper left", bbox_to_anchor=(1.01, 1))
plt.show()

# %% [markdown]
# **What you should see.** On the left confidence and entropy are near 1 from the start. Agreement
# needs a second exit. Patience rises by one at each exit, since the answer never changes. On the
# right confidence and entropy stay low to the end. But agreement is high: the exits share their doubts.
# Patience falls back once, where the answer changes, and then counts up again. **Settled is not sure.**
#
# ## Which threshold?
#
# A threshold is nothing anyone wants. What one wants is an average cost. On the validation images we
# can see which threshold gives which cost.

# %% alt="Two panels over the confidence threshold from 0.3 to 1: the average cost rises slowly and then steeply near 1; the error falls and levels out."
thresholds = np.linspace(0.3, 1, 141)
outcomes = [
    policies.outcome("confidence", recorded["validation"], labels["validation"], share, t)
    for t in thresholds
]
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.6))
for ax, values, name in zip(axes, np.transpose(outcomes), ("average cost", "error"), strict=True):
    ax.plot(thresholds, values)
    ax.set(xlabel="threshold of confidence", title=f"{name}, validation images")
    ax.yaxis.set_major_formatter(plots.PERCENT)
plt.show()

# %% [markdown]
# **What you should see.** The more sure an exit has to be, the more an image costs. Mistakes get fewer
# up to about 0.85; beyond that only the cost grows. Near 1 the cost climbs steeply: differences like that between 0.99 and 0.999
# matter. Guessing a threshold such as 0.9 fixes a cost that nobody has chosen.
#
# `threshold_for` searches this curve: it spends as much of a wanted average budget as it can, and no
# more.

# %%
chosen = policies.threshold_for("confidence", recorded["validation"], share, budget=0.3)
spent, error = policies.outcome(
    "confidence", recorded["validation"], labels["validation"], share, chosen
)
print(f"threshold {chosen:.2f} costs {spent:.1%} on the validation images")

# %% [markdown]
# **What do you expect?** On the validation images it keeps the budget, it was made to. Does it on the
# test images?
#
# We ask for many budgets. The average over 1,000 images has a standard error of its own: the
# deviation of the images' costs divided by $\sqrt{1000}$.


# %%
def kept(policy, budget, chosen_on, chosen_with):
    """What a threshold chosen on some logits spends on test images, and its standard error."""
    threshold = policies.threshold_for(policy, chosen_on, chosen_with, budget)
    each = share[policies.stops(policy, logits, threshold)]
    return each.mean(), each.std() / np.sqrt(len(each))


budgets = np.linspace(0.15, 0.95, 9)
spent = {p: [kept(p, b, recorded["validation"], share) for b in budgets] for p in policies.POLICIES}

# %% alt="Spent minus wanted average cost on test images over the wanted budget, four rules with error bars. Confidence, entropy and agreement lie between zero and three percent above it; patience lies up to nine percent below."
for k, (policy, values) in enumerate(spent.items()):
    mean, error = np.transpose(values)
    shifted = budgets + 0.006 * (k - 1.5)
    plt.errorbar(shifted, mean - budgets, error, fmt="osv^"[k], capsize=3, label=policy)
plt.axhline(0, color="0.5", linewidth=1)
plt.gca().xaxis.set_major_formatter(plots.PERCENT)
plt.gca().yaxis.set_major_formatter(plots.PERCENT)
plt.xlabel("wanted average cost")
plt.ylabel("spent on test images − wanted")
plt.title("Does the budget hold? (bars: one standard error)")
plt.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
plt.show()

# %%
off = {
    p: np.max([mean - b for (mean, _), b in zip(v, budgets, strict=True)]) for p, v in spent.items()
}
print("no budget is exceeded by more than 5 % of the full cost:", max(off.values()) < 0.05)

# %% [markdown]
# **What you should see.** The budget is a promise about the *average*, and it is kept to within a few
# percent. Confidence, entropy and agreement lie above the line at most budgets. Is something wrong? The
# bars show what is due to the test images alone. The thresholds were chosen on a sample as well, of the
# same size, so a miss of $\sqrt2$ bars is an ordinary one. And the points are no independent trials:
# they are the same images at each budget, so they lie off in the same direction. Whoever *must not*
# exceed a budget asks for a little less.
#
# Patience stays below: it counts whole exits, so it must often leave a part of the budget unused. At
# the smallest budget agreement does, too. It needs two exits for everyone, and 15 % pays for one.
#
# Why not choose with the images that were learned? There are five times as many.

# %%
known = learned[torch.arange(0, len(learned), 5)]
on_learned = evaluation.predict(network, known).numpy()
tempting, _ = kept("confidence", 0.3, on_learned, share)
honest, _ = kept("confidence", 0.3, recorded["validation"], share)
print(
    f"wanted 30 %; spent {honest:.1%} if chosen with validation images, {tempting:.1%} with learned"
)

# %% [markdown]
# A network is surer of what it has learned than of anything new. On learned images a high threshold
# seems cheap, and on new ones it costs more than was wanted. It is the mistake of measuring an error
# on training images, only that it shows on the bill. Here the effect is no larger than chance, as the
# bars above show: this network saw each image shifted and mirrored, and has not learned them by heart.
# One that has is sure of all of them.
#
# ## Anytime and budgeted, side by side
#
# Now the comparison. An anytime network that is stopped at exit $k$ spends the same on each image. A
# budgeted one spends what each image needs. Both have an average cost and an error.
#
# How good could early exit be at all? Suppose an **oracle** told us for each image the first exit that
# is right; where none is, it sends the image off at exit 1, as no exit would help. No rule can do
# that. It would have to know the labels. It is a bound, **not something to reach**.

# %%
right = ~mistakes
oracle = np.where(right.any(0), right.argmax(0), 0)
oracle_cost = policies.average_cost(oracle, share)
oracle_error = policies.error(logits, truth, oracle)
print(
    f"oracle: {oracle_cost:.0%} of the cost, {oracle_error:.1%} errors; exit 12: {errors[-1]:.1%}"
)


# %%
def budgeted_curve(policy, chosen_on, tested_on, answers):
    """Average cost and error (2, budgets) on test images, thresholds chosen on other images."""
    grid = [*np.linspace(share[0], 0.3, 15), *np.linspace(0.32, 1, 18)]
    chosen = [policies.threshold_for(policy, chosen_on, share, budget) for budget in grid]
    return np.transpose([policies.outcome(policy, tested_on, answers, share, t) for t in chosen])


curves = {p: budgeted_curve(p, recorded["validation"], logits, truth) for p in policies.POLICIES}

# %% [markdown]
# **What do you expect?** Early exit at half of the average cost, against stopping every image at half
# of the cost. How many mistakes less? Which rule is the best, and where?

# %% alt="Test error over average cost. The anytime curve falls slowly from the first exit to the last. Confidence and entropy fall fastest and reach the last exit's error at about a third of the cost. Patience and agreement lie between. The oracle's cross is far below at the lower left."
plt.figure(figsize=(8.5, 4.8))
plt.plot(share, errors, "o-", color="0.4", label="anytime: exit k for all")
for k, (policy, (spent_on_test, error)) in enumerate(curves.items()):
    plt.plot(spent_on_test, error, plots.LINES[k], linewidth=2, label=f"budgeted: {policy}")
plt.plot(oracle_cost, oracle_error, "X", color="k", markersize=11, label="oracle (not reachable)")
plt.gca().xaxis.set_major_formatter(plots.PERCENT)
plt.gca().yaxis.set_major_formatter(plots.PERCENT)
plt.xlabel("average cost (share of the full cost)")
plt.ylabel("test error")
plt.title("One network, two tasks")
plt.legend(loc="upper right")
plt.show()

# %%
# Between two exits: some images stop at one, the others at the next, whatever they look like.
rows = {"anytime": np.interp((0.2, 0.3, 0.5, 1.0), share, errors)}
for policy, (spent_on_test, error) in curves.items():
    rows[policy] = np.interp((0.2, 0.3, 0.5, 1.0), spent_on_test, error)
table = pd.DataFrame(rows, index=["20 %", "30 %", "50 %", "100 %"]).T
(100 * table).round(1)

# %% [markdown]
# **What you should see.** Errors in percent, at four average costs. At 20 and 30 % of the cost early exit
# by confidence makes more than three points fewer mistakes than the anytime network for the same average
# cost, at 50 % still 1.4 points. Towards the full cost nothing is left of the difference. At about
# a third of the cost it is about as good as the whole network, and from there on more cost buys nothing
# that these images could show.
# Confidence and entropy lead at small budgets. Patience and agreement need several exits to say
# anything, and the first of them are what a small budget consists of.
#
# The oracle is far away: fewer mistakes than the last exit, at a fraction of the cost. How can it beat
# the last exit? There are images which some exit gets right and the last one wrong. We come back to
# them.
#
# **The curves answer two questions, not one.** A budgeted curve at 30 % says: *on average* 30 %. A few
# images cost everything, and nobody may interrupt those.
#
# ## For real
#
# So far everything was replayed from a record, in which all exits had been computed. Now images really
# leave. `predict_early` takes them in batches, runs one unit, lets those go that are sure, and runs
# the next unit for the rest alone.

# %%
answer = predict_early(network, test.pixels, "confidence", chosen, batch_size=250)
replayed = policies.stops("confidence", logits, chosen)
print("exits as replayed:", bool((answer.exit.numpy() - 1 == replayed).mean() > 0.995))
same = answer.label.numpy() == logits.argmax(-1)[replayed, np.arange(1000)]
print("answers as replayed:", bool(same.mean() > 0.995))

# %% [markdown]
# The same answers at the same exits. (At an unlucky rounding one image in a thousand could differ: a
# batch of another size adds up its numbers in another order.)
#
# And the time? Replaying counts multiply-adds. A processor takes time for other things, too. It depends
# on your machine, so the next cell's output is not stored. It compares early exit at 30 % of the
# multiply-adds with the full pass, for batches of three sizes.


# %% tags=["live"]
def milliseconds(work, repeats=3):
    """The least time of a few repeats, of which the first warms up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return min(times[1:])


predictor, some = AnytimePredictor(network), test.pixels[::2]
for size in (10, 50, 500):
    whole = milliseconds(lambda size=size: [predictor.predict(p) for p in some.split(size)])
    early = milliseconds(
        lambda size=size: predict_early(predictor, some, "confidence", chosen, size)
    )
    print(f"batches of {size}: {early:.0f} ms, {early / whole:.0%} of the full pass's time")

# %% [markdown]
# **What you should see.** Early exit is faster, but in small batches it saves much less than the 70 %
# of the multiply-adds. There are two reasons. First, a multiply-add in the first units takes longer than
# one in the last: few channels and large images keep a processor busy moving numbers. Second, a batch
# from which most images have left is small, and running a unit has a cost that doesn't depend on the
# number of images. In batches of 10 the few that stay till the end pay for it alone. Multiply-adds
# are a fair currency between networks, but **your time is measured by a clock**.
#
# ## How sure may an exit be?
#
# The rules trust the probabilities. May they? An exit is **calibrated** if of all answers that it gives
# with a confidence of, say, 80 %, it gets 80 % right. We sort the answers of an exit into bins of equal
# confidence, and compare each bin's mean confidence with its share of right answers.


# %%
def reliability(exit, bins=10):
    """Mean confidence, share of right answers and number of images of each filled bin."""
    confidence = after[exit].max(-1)
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    filled = [places == b for b in range(bins) if (places == b).any()]
    return np.transpose([(confidence[b].mean(), right[exit, b].mean(), b.sum()) for b in filled])


# %% alt="Three reliability diagrams, for the first, the sixth and the last exit: share of right answers over confidence, dots sized by the number of images, beside a diagonal."
figure, axes = plt.subplots(1, 3, figsize=(11, 3.9), sharey=True)
for ax, exit in zip(axes, (0, 5, 11), strict=True):
    confidence, accuracy, number = reliability(exit)[:, reliability(exit)[2] >= 5]
    ax.plot([0, 1], [0, 1], ":", color="0.4", label="calibrated")
    spread = metrics.binomial_std_error(accuracy, number)
    ax.errorbar(confidence, accuracy, spread, fmt="o", capsize=3, label="exit's answers")
    ax.set(title=f"exit {exit + 1}", xlabel="confidence", xlim=(0, 1.02), ylim=(0, 1.05))
axes[0].set_ylabel("share of right answers")
axes[0].legend(loc="upper left")
plt.show()

# %% [markdown]
# **What you should see.** Points on the dotted line are calibrated. Above it an exit is better than it
# thinks, below it is too sure of itself. The first exit is modest: of the answers that it gives with
# about 65 % it gets more than 75 % right. The sixth and the last exit lie near the line, as far as 1,000
# images can tell. (The bars are one standard error. Bins with fewer than five images are left out.)
#
# One number for each exit is the **expected calibration error**: the distance between confidence and
# accuracy, averaged over the bins, each weighed by its share of the images.

# %%
confidence, accuracy, number = reliability(0, bins=15)
by_hand = (number * np.abs(confidence - accuracy)).sum() / number.sum()
ece = metrics.calibration_error(logits, truth, bins=15)
print("by hand as the package's:", np.isclose(by_hand, ece[0]))

# %% [markdown]
# This number is never zero, not even for a calibrated exit: in a bin of 30 images the share of right
# answers is off by chance. How much is that? We draw labels from an exit's own probabilities. With
# these labels it *is* calibrated.


# %%
def calibration_by_chance(exit, generator):
    """The calibration error of an exit whose labels are drawn from what it says."""
    below = after[exit].cumsum(-1) < generator.random((len(truth), 1))
    drawn = np.minimum(below.sum(-1), 9)
    return metrics.calibration_error(logits[[exit]], drawn)[0]


generator = np.random.default_rng(0)
chance = [np.mean([calibration_by_chance(k, generator) for _ in range(20)]) for k in range(12)]

# %% alt="Two panels over the exit. Left, bars of the calibration error fall from over seven percent to two, with a line of what chance alone would give at about two percent. Right, mean confidence starts below accuracy and ends slightly above it."
figure, axes = plt.subplots(1, 2, figsize=(10, 3.7))
axes[0].bar(range(1, 13), ece, color=plots.PALETTE[0])
axes[0].plot(range(1, 13), chance, "o:", color="k", label="a calibrated exit, by chance")
axes[0].set(title="Expected calibration error", ylabel="distance from accuracy")
axes[0].legend()
axes[1].plot(range(1, 13), after.max(-1).mean(1), "o-", label="mean confidence")
axes[1].plot(range(1, 13), right.mean(1), "s--", label="share of right answers")
axes[1].set(title="Confidence and accuracy")
axes[1].legend(loc="lower right")
for ax in axes:
    ax.set(xlabel="exit", xticks=range(1, 13))
    ax.yaxis.set_major_formatter(plots.PERCENT)
plt.show()

# %%
each = after.max(-1) - right
for k in range(12):
    deviation = each[k].std() / np.sqrt(len(truth))
    print(f"exit {k + 1}: confidence − accuracy = {each[k].mean():+.1%} ± {deviation:.1%}")

# %% [markdown]
# **What you should see.** The first two exits are clearly too modest, by about seven and three standard
# errors. From exit 6 on the bars are about as high as chance makes them. Confidence exceeds accuracy at
# each of these exits, at 7 and 8 by about two and a half standard errors, at the others by two or less.
# As all of them answer for the same images, that is one hint and not seven, and no proof. A network that
# is trained until it knows its images by heart looks different: its late exits are far too sure.
#
# For early exit this matters in a particular way. **One threshold serves all exits.** An image that is not
# sure enough at exit 1 is asked the same question at exit 2. If exit 1 says 65 % where it could say 75 %,
# images go on that might have left. Note what a threshold needs: not that 75 % means 75 %, only that the
# same score means the same at each exit. Calibration changes early exit where exits are off
# *differently*, as they are here.
#
# ## Thinking too long
#
# The oracle made fewer mistakes than the last exit. So there are images that some exit gets right and
# the last one wrong. This is **overthinking** of the destructive kind (Kaya, Hong and Dumitraș, 2019; the
# wasteful kind is to think on after the right answer is there). And does an answer get better from exit to exit?
# **Monotonicity** asks it: in how many images does the probability of the right class not fall?

# %%
over = metrics.overthinking(logits, truth)
steady = metrics.monotonicity(logits, truth)
to_gain, to_lose = (~right & right[-1]).mean(1), (right & ~right[-1]).mean(1)
print(f"right at some exit, wrong at the last: {over[-1]:.1%} of the images")
print(f"wrong at every exit: {(~right.any(0)).mean():.1%}")

# %% alt="Left: over the exit, images wrong now and right at the last fall from 12 percent to nothing, those right now and wrong at the last from 3 percent to nothing, and from exit 9 on both are alike; those right at any exit so far and wrong at the last grow to 5 percent. Right: bars of the share of images whose right class becomes no less likely fall from about 80 to below 60 percent."
figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.8))
axes[0].plot(range(1, 13), to_gain, "o-", label="wrong now, right at the last")
axes[0].plot(range(1, 13), to_lose, "s--", label="right now, wrong at the last")
axes[0].plot(range(1, 13), over, "v:", label="right up to now, wrong at the last")
axes[0].set(title="Gained and lost by thinking on", xlabel="exit", xticks=range(1, 13))
axes[0].legend()
axes[1].bar(range(1, 12), steady, color=plots.PALETTE[0])
axes[1].axhline(0.5, color="0.4", linestyle=":")
axes[1].set(title="The right class gets no less likely", xlabel="from exit k to k + 1")
axes[1].set(xticks=range(1, 12), ylim=(0, 1))
for ax in axes:
    ax.yaxis.set_major_formatter(plots.PERCENT)
plt.show()

# %% [markdown]
# **What you should see.** At exit 1 four times as many images have something to gain as have something to
# lose. From exit 9 on both are of a size: the last exits repair about as many answers as they spoil.
# That is where early exit costs nothing, and why a part of the budget can be as good as the whole. The
# dotted line collects all that was ever right and got lost: about half as many as the last exit's mistakes.
#
# On the right, the first step helps four images of five. The last steps help only 55 to 62 % of the
# images, where a coin would give 50 %: the probability of the right class goes a little up or down. Nothing in the training asks for
# monotony. The loss of each exit is a mean over images, and no exit is told to be at least as good as
# the one before *on each*.
#
# ## Both at once
#
# Can one prediction do both? An image that is sure leaves. One that is not goes on, and **if the clock
# interrupts it, it answers with what it has**. `AnytimePredictor` takes both limits. As the clock is
# different on each computer, we interrupt by a budget of multiply-adds, a random one for each image,
# spread evenly up to the full cost. Nobody told the network.

# %%
interrupted = np.random.default_rng(0).uniform(macs[0], macs[-1], len(test))
anytime = AnytimePredictor(network)
alone = anytime.predict(test.pixels, budget=interrupted)
both = anytime.predict(test.pixels, budget=interrupted, early=("confidence", chosen))
free = anytime.predict(test.pixels, early=("confidence", chosen))

# %%
results = {"interrupted": alone, "interrupted, early exit": both, "early exit alone": free}
rows = []
for a in results.values():
    wrong = (a.label != test.labels).float().mean()
    rows.append([100 * share[a.exit - 1].mean(), 100 * wrong.item()])
pd.DataFrame(rows, index=list(results), columns=["average cost (%)", "error (%)"]).round(1)

# %% [markdown]
# **What you should see.** The first two rows have the same interruptions. Adding early exit saves more
# than half of the cost, and the error stays nearly the same: the images that leave by themselves would
# mostly not have improved. Without interruptions, in the last row, some images go further. The difference of the
# last two rows is **what the interruptions cost**.
#
# How does it depend on *when* they come? The record can be replayed for that, too: an image ends at the
# exit where it is sure, or at the one that the interruption allows, whichever comes first.


# %%
def interrupted_at(limit, threshold):
    """Average cost and error if all images are interrupted after exit `limit`, from 0."""
    ends = np.minimum(policies.stops("confidence", logits, threshold), limit)
    return policies.average_cost(ends, share), policies.error(logits, truth, ends)


never = np.inf  # a threshold that no score reaches
lines = {"no early exit": never, "sure from 0.98 on": 0.98, "sure from 0.6 on": 0.6}
replays = {n: np.transpose([interrupted_at(k, t) for k in range(12)]) for n, t in lines.items()}

# %% alt="Left: error over the moment of the interruption; the curve with threshold 0.98 runs with that of no early exit, the one with 0.6 levels out above it. Right: average cost over that moment; without early exit a diagonal, with it flatter curves, the flattest for 0.6."
figure, axes = plt.subplots(1, 2, figsize=(10.5, 4))
for k, (name, (average, error)) in enumerate(replays.items()):
    axes[0].plot(share, error, "osv"[k] + plots.LINES[k], label=name)
    axes[1].plot(share, average, "osv"[k] + plots.LINES[k], label=name)
axes[0].set(title="What is answered", ylabel="test error")
axes[1].set(title="What is spent", ylabel="average cost")
for ax in axes:
    ax.set(xlabel="when the interruption comes (share of the full cost)")
    ax.xaxis.set_major_formatter(plots.PERCENT)
    ax.yaxis.set_major_formatter(plots.PERCENT)
axes[0].legend()
plt.show()

# %% [markdown]
# **What you should see.** With a high threshold the error follows the anytime curve, whenever the
# interruption comes, and the cost is far below the diagonal. With a low one more is saved, and the error
# stops falling before the end: images left that would have improved. This is the paper's point about
# cascades, drawn: **what has left cannot be improved**, even when there was time.
#
# So one network can do both, and the threshold says how much of the one is given up for the other. A
# deadline on a real clock works the same way. `calibrate` measures how long each unit takes on your
# machine; after that a unit is begun only if it should end in time. If other programs keep the machine
# busy, some answers will be late all the same: the clock runs on while they compute.

# %% tags=["live"]
anytime.calibrate(test.pixels[:1])
whole = milliseconds(lambda: anytime.predict(test.pixels[:1]))
for limit in (0.3 * whole, 0.6 * whole, 2 * whole):
    answers = [
        anytime.predict(image[None], deadline=limit, early=("confidence", chosen))
        for image in test.pixels[::50]
    ]
    exits = [a.exit.item() for a in answers]
    late = sum(a.late.item() for a in answers)
    print(f"{limit:.1f} ms: {late} of 20 late; last exit {max(exits)}, mean {np.mean(exits):.1f}")

# %% [markdown]
# ## AdaLoss or CONST?
#
# AdaLoss leaves more to the late exits than CONST does. Early exit lives by the first ones: which network
# is the better one for it? The other network was trained in the same way, with CONST.
#
# An error that was measured on $n$ images has a standard error of $\sqrt{e(1-e)/n}$. For 10 % on 1,000
# images:

# %%
print(f"{100 * metrics.binomial_std_error(0.10, 1000):.2f} %")

# %%
other = shipped("const")
const = {name: evaluation.predict(other, part) for name, part in (("v", validation), ("t", test))}
const = {name: values.numpy() for name, values in const.items()}
both_curves = {
    "adaloss": curves["confidence"],
    "const": budgeted_curve("confidence", const["v"], const["t"], truth),
}
anytime_errors = {"adaloss": errors, "const": (const["t"].argmax(-1) != truth).mean(1)}

# %% alt="Two panels of test error over cost for AdaLoss and CONST with error bars: left the anytime curves, CONST a little lower at most exits up to two thirds of the cost; right early exit by confidence, CONST lower below 20 percent and no difference from there on. Most bars overlap."
figure, axes = plt.subplots(1, 2, figsize=(10.5, 4), sharey=True)
for scheme in ("adaloss", "const"):
    look = {"label": plots.scheme_name(scheme), "capsize": 3, **plots.scheme_style(scheme)}
    e = anytime_errors[scheme]
    axes[0].errorbar(share, e, metrics.binomial_std_error(e, 1000), **look)
    x, e = both_curves[scheme][:, ::3]
    axes[1].errorbar(x, e, metrics.binomial_std_error(e, 1000), **look)
axes[0].set(title="anytime", xlabel="cost of the exit", ylabel="test error")
axes[1].set(title="budgeted, by confidence", xlabel="average cost")
for ax in axes:
    ax.xaxis.set_major_formatter(plots.PERCENT)
    ax.yaxis.set_major_formatter(plots.PERCENT)
axes[1].legend()
plt.show()

# %% [markdown]
# Both networks saw the same test images, so we can do better than compare two bars. Take the difference
# image by image: +1 where only AdaLoss is wrong, −1 where only CONST is. Images that both get right, or
# both wrong, drop out. The mean of these numbers is the difference of the errors, and their deviation
# divided by $\sqrt{1000}$ is its standard error.


# %%
def mistakes_at(budget, chosen_on, tested_on):
    """For each test image whether early exit at an average budget is wrong, (N,)."""
    threshold = policies.threshold_for("confidence", chosen_on, share, budget)
    stops = policies.stops("confidence", tested_on, threshold)
    return tested_on.argmax(-1)[stops, np.arange(len(truth))] != truth


rows = []
for budget in (0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0):
    one = mistakes_at(budget, recorded["validation"], logits)
    two = mistakes_at(budget, const["v"], const["t"])
    difference = one.astype(float) - two
    deviation = difference.std() / np.sqrt(len(truth))
    rows.append([100 * budget, *(100 * m.mean() for m in (one, two, difference)), 100 * deviation])
columns = ["budget (%)", "AdaLoss (%)", "CONST (%)", "difference", "its standard error"]
compared = pd.DataFrame(rows, columns=columns).set_index("budget (%)")
compared.round(1)

# %%
clear = compared["difference"].abs() > 2 * compared["its standard error"]
named = ["AdaLoss" if d < 0 else "CONST" for d in compared["difference"]]
for budget, is_clear, name in zip(compared.index, clear, named, strict=True):
    print(f"budget {budget:3.0f} %:", f"{name} is better" if is_clear else "undecided")

# %% [markdown]
# **What you should see.** "Better" here means a difference of more than two standard errors. That is a
# mild standard: with seven budgets one of them may pass it by luck. Where it says "undecided", these 1,000
# images cannot tell the networks apart, and the lower of the two numbers is no winner.
#
# Only the smallest budget favours CONST, and one of seven may do so by luck. It would fit: there the first exits answer nearly everything, and CONST
# gives them a full weight where AdaLoss gives about a third. With more budget the difference is gone, sooner than in
# the anytime curves on the left: early exit asks the first exits only for the answers of which they
# are sure, and a weaker exit is sure of fewer.
#
# **What 1,000 test images can show:** that early exit saves a large part of the cost, which rule is
# clearly worse than another at small budgets, that the first two exits are too modest.
#
# **What they cannot show:** differences of one percent between two networks. For a standard error of
# a tenth of a percent one would need about a hundred times as many. And even then we would know about
# *these two networks*. There is one of each weighting, and another seed makes another network. Whether a
# **weighting** is better needs several seeds; that was the subject of notebook 05.

# %% [markdown]
# ## Summary
#
# - Anytime: the clock ends it, at any moment, for each image. Budgeted: the network ends it, and the
#   *average* cost is kept. What has left cannot be improved.
# - A rule gives a score at each exit; the first score over a threshold stops the image. Thresholds are
#   chosen on images set aside, for a wanted average cost. It holds on new images as well as so many
#   images can tell.
# - On these images confidence and entropy make the most of a small budget. About a third of the
#   cost on average is enough for the error of the whole network. The oracle is a bound, not a rule.
# - Time is not multiply-adds: early exit saves less time than it saves multiply-adds, above all in small
#   batches.
# - One threshold serves exits that are calibrated differently. At the end, thinking on spoils about as many
#   answers as it repairs.
# - AdaLoss or CONST: at the smallest budget CONST's first exits may help; beyond, 1,000 images and one
#   network of each cannot tell them apart.
# - Early exit and interruptions combine in one prediction. The threshold trades what is saved against
#   what could still have improved.
#
# ## Exercises
#
# **Exercise 10.1.** A rule of your own. Confidence doesn't ask who is second: 0.5 beside 0.49 is the same
# to it as 0.5 beside ten small ones. The **margin** does: the largest probability minus the second
# largest. A rule gets the probabilities at this exit, those at the exit before, and its own scores there;
# the margin needs only the first.


# %%
def margin(now, before, scores):
    """(N, classes) probabilities at this exit -> (N,) the largest minus the second largest."""
    ### BEGIN SOLUTION 10.1
    ordered = np.sort(now, axis=-1)
    return ordered[:, -1] - ordered[:, -2]
    ### END SOLUTION


# %%
checks.margin_policy(margin)

# %% [markdown]
# Wherever a rule is asked for by name, the function itself will do, too. Done? Then compare it with
# confidence, at an average of 20 % of the cost.

# %%
try:
    own = policies.threshold_for(margin, recorded["validation"], share, 0.2)
except (NotImplementedError, TypeError):  # TypeError: the function returns nothing
    print("Solve exercise 10.1 first.")
else:
    for name, policy in (("margin", margin), ("confidence", "confidence")):
        threshold = policies.threshold_for(policy, recorded["validation"], share, 0.2)
        spent, error = policies.outcome(policy, logits, truth, share, threshold)
        print(f"{name:10} costs {spent:.0%}, error {error:.1%}")

# %% [markdown]
# **Exercise 10.2.** The exit at which each image stops, without a loop. You have scores (K, N) and a
# threshold. Return the first exit, counted from 0, with a score that reaches the threshold. An image of
# which no exit is sure stops at the last one. Hint: `argmax` of booleans finds the first `True`. What does
# it find where there is none?


# %%
def first_sure_exit(scores, threshold):
    """(K, N) scores, a threshold -> (N,) the exit, from 0, at which each image stops."""
    ### BEGIN SOLUTION 10.2
    sure = scores >= threshold
    sure[-1] = True
    return sure.argmax(axis=0)
    ### END SOLUTION


# %%
checks.first_sure_exit(first_sure_exit)

# %% [markdown]
# **Exercise 10.3.** Early exit under interruptions. Image $i$ would stop at exit `stops[i]` by itself. It
# is interrupted when it has spent `budgets[i]`. At which exit does it end? A budget of exactly an exit's
# cost pays for it. The first exit is always finished, even where the budget doesn't pay for it.


# %%
def interrupted_exits(stops, cost, budgets):
    """(N,) own exits from 0, (K,) costs, (N,) budgets -> (N,) the exits at which images end."""
    ### BEGIN SOLUTION 10.3
    paid = np.searchsorted(cost, budgets, side="right") - 1
    return np.minimum(stops, np.maximum(paid, 0))
    ### END SOLUTION


# %%
checks.interrupted_exits(interrupted_exits)

# %%
try:
    ends = interrupted_exits(policies.stops("confidence", logits, chosen), macs, interrupted)
except (NotImplementedError, TypeError):
    print("Solve exercise 10.3 first.")
else:
    print("as the predictor:", bool((both.exit.numpy() - 1 == ends).mean() > 0.995))

# %% [markdown]
# **Think.** A rule throws a die: at each exit an image leaves with the same probability, whatever it
# looks like. Where would its curve lie in "One network, two tasks"?
#
# <details><summary>Answer</summary>
#
# Who leaves at exit $k$ is then a random sample of all images, so its error there is that of exit $k$ on
# all. The average cost and the average error are both means over the exits, with the same shares. So the
# point is a mean of points of the anytime curve. Where that curve is convex, the mean lies on it or above
# it, and ours is convex but for small dents. What early exit gains over the anytime curve is all due to knowing *which* images are easy.
#
# </details>
#
# **Think.** A network is perfectly calibrated at every exit. Can overthinking still happen?
#
# <details><summary>Answer</summary>
#
# Yes. Calibration is about averages over many images: of those with 80 % a fifth may be wrong. It doesn't
# say that the *same* images are wrong at each exit. An image can be among the right four fifths at exit 3
# and among the wrong fifth at exit 12. Calibration alone excludes it only where the *last* exit is right
# on all images.
#
# </details>
#
# **Think.** You train a network for early exit alone and know the threshold in advance. Should the last
# exit's loss be taken over all images?
#
# <details><summary>Answer</summary>
#
# It will only ever see the images that no earlier exit was sure of. Taken over all, its loss cares about
# easy images that never come. One could train each exit on the images that reach it. But then it is no
# good on the others: the network can no longer be interrupted, nor can the threshold be changed later.
# An anytime network, with each exit trained on all images, keeps both open. That is the price and the
# gain of serving two masters.
#
# </details>
#
# ## What next
#
# You have seen what one network with good exits is good for: for the clock, for the bill, and for both.
# [Notebook 11](11_full_scale.ipynb) asks what it takes to repeat the paper in full, and puts its claims
# beside what was found here.
