# %% [markdown]
# # 00 · Start here
#
# **Does everything work on this computer, and what does an anytime prediction look like?**
#
# **You will**
#
# - see whether all that the course needs is installed,
# - train a small network that answers six times, and watch one answer get better,
# - solve a first exercise, to know how the exercises work.
#
# **Before:** Python, and a little PyTorch: tensors, modules, a training step.
# **Time:** 10 minutes. **Paper:** the introduction.

# %% [markdown]
# ## How to read a notebook
#
# Run the marked cell with Shift+Enter, from the top to the bottom. Later cells need earlier ones.
# If something is in a muddle, choose *Kernel → Restart Kernel and Run All Cells*.
#
# Most sections have the same rhythm. First comes a question in bold: **What do you expect?** Answer
# it for yourself before you run the cell. A guess that turns out wrong teaches more than a picture
# you only look at. After the picture stands **What you should see.**
#
# You can change any cell. Nothing you do here can harm the kit: `git checkout notebooks` fetches the
# notebooks back as they were, without your changes.

# %% [markdown]
# ## Is everything in place?
#
# The kit has a doctor. It looks at Python, the packages, the data, and the controls of the
# notebooks. What is not `OK` is shown with what to do about it.

# %%
from anytime.course import doctor

needed = [check for check in doctor.report() if check.required]
for check in needed:
    print(check.verdict, check.name, "" if check.ok else f"-> {check.fix}")

# %%
all(check.ok for check in needed)

# %% [markdown]
# **What you should see.** `OK` on each line, and `True`. The command `python -m anytime doctor`
# prints the long report, with versions and folders.

# %% [markdown]
# ## Look at the data
#
# Two sets of images come with the kit, so that nothing has to be downloaded. The first is a part of
# Fashion-MNIST: grey photographs of clothes, in ten classes.

# %%
from anytime import datasets

fashion = datasets.load("fashion")
print(len(fashion.train), "training images,", len(fashion.test), "test images")
print(fashion.train.pixels.shape, fashion.train.pixels.dtype)
print(", ".join(fashion.classes))

# %% [markdown]
# All images lie in one tensor of shape (images, channels, height, width). Pixels are whole numbers
# from 0 to 255. Here are two images of each class.

# %% alt="Twenty grey photographs of clothes in two rows, two of each of ten classes."
import matplotlib.pyplot as plt
import torch

from anytime import plots

plots.theme()
torch.set_num_threads(1)  # the networks here are small; more threads help only large ones
firsts = torch.arange(0, 1000, 100)  # the test images lie class by class
plt.figure(figsize=(9, 2.6))
picture = fashion.test.pixels[torch.cat([firsts, firsts + 1])]
plots.draw_images(plt.gca(), picture, titles=[*fashion.classes] * 2, columns=10)
plt.show()

# %% [markdown]
# **What you should see.** Some classes are easy to tell apart, such as trousers and bags. Others are
# not: a shirt, a T-shirt, a pullover and a coat can look alike.

# %% [markdown]
# ## A network that answers six times
#
# A usual network has one output, at its end. An *anytime* network has several. After each part of
# it stands an **exit**: a small classifier that answers from what has been computed so far. Whoever
# runs the network may stop after any exit and has an answer. The longer it runs, the better the
# answer should be.
#
# `networks.build` makes such a network from its name. This one has 2 residual units in each of 3
# blocks, and an exit after each unit. (The rest of the name says: 8 channels at first, and a first
# convolution that takes only every fourth pixel, so that training is quick.)

# %%
from anytime import networks

network = networks.build("resann-2-8-stride4", num_classes=10, in_channels=1, seed=0)
network.num_exits

# %% [markdown]
# **What do you expect?** We give it 5 images. Which shape has the output, if each of the 6 exits
# answers for each image with one number per class?

# %%
logits = network(fashion.test.pixels[:5])
logits.shape

# %% [markdown]
# The three axes are (exits, images, classes). The numbers are *logits*: the larger, the more the
# exit believes in a class. `softmax` turns them into probabilities.
#
# The network is not trained yet. **What do you expect** of the share of wrong answers, with ten
# classes?

# %%
from anytime.training.evaluation import evaluate

losses, errors = evaluate(network, fashion.test)
print(bool(((errors > 0.8) & (errors < 1.0)).all()))

# %% [markdown]
# **What you should see.** `True`: each exit is wrong in 80 to 100 % of the images. Guessing would be
# wrong in 90 %. `evaluate` gives the mean loss and the **error** of each exit. The error is the share
# of wrong answers, between 0 and 1.

# %% [markdown]
# ## Train it
#
# Each exit has a loss: the usual cross-entropy of its answers. With $K$ exits there are losses
# $\ell_1, \dots, \ell_K$. Training needs one number to make small, so the losses are weighted and
# added:
#
# $$\sum_{i=1}^{K} B_i \, \ell_i .$$
#
# The weights $B_i$ say how much each exit matters. How to choose them is the question of this course.
# For now all are 1. That scheme is called CONST.

# %%
from anytime import weighting

const = weighting.build("const", num_exits=network.num_exits)
const.weights.tolist()

# %% [markdown]
# The next cell goes four times through the 6,000 training images. It takes some seconds.

# %%
from anytime.training import Recipe, train

recipe = Recipe(epochs=4, batch_size=64, augmentation=())
run = train(network, const, fashion, recipe, seed=0, progress=False)
run.finished

# %% [markdown]
# `train` returns a record of what happened. **What do you expect?** Which exit will be best after
# each epoch, the first or the last? By how much?

# %% alt="Six falling lines: the test error of each exit after each of four epochs."
plots.draw_history(plt.gca(), run, "test_error")
plt.title("Error on the test images while training")
plt.show()

# %% alt="Six bars: the test error of each exit after training."
errors = run.final("test_error")
plt.bar(range(1, 7), 100 * errors)
plt.grid(False, axis="x")
plt.xlabel("exit")
plt.ylabel("test error (%)")
plt.title("The error of each exit after training")
plt.show()

# %%
bool(errors[-1] < errors[0] - 0.05), bool(errors[0] < 0.5)

# %% [markdown]
# **What you should see.** All six exits learn at the same time. The first is wrong in more than a
# quarter of the images, the last in less than a fifth. The steps are uneven: from exit 2 to exit 3 the
# error falls most, and the last step brings next to nothing. `(True, True)` says that the last exit is
# better than the first by at least 0.05, and the first is far from guessing.
#
# This falling row of bars is what an anytime network is for. Notebook 01 draws it over the cost of
# each exit.

# %% [markdown]
# ## One image, exit by exit
#
# Errors are means over a thousand images. Let us follow one image through the network. We look for
# images where the first exit is wrong and the last exit is right.

# %%
from anytime.training.evaluation import predict

probabilities = predict(network, fashion.test).softmax(-1)
answers, labels = probabilities.argmax(-1), fashion.test.labels
learned = (answers[0] != labels) & (answers[-1] == labels)
bool(learned.any())

# %% [markdown]
# There are many such images. We choose the one on which the last exit is surest.

# %% alt="Left, a grey photograph. Right, the probabilities of ten classes at each of six exits: the early rows are spread over several classes, the last is nearly sure of one."
chosen = int(torch.where(learned, probabilities[-1].amax(-1), 0.0).argmax())
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), width_ratios=(1, 3.2))
true_class = fashion.classes[labels[chosen]]
plots.draw_images(left, fashion.test.pixels[chosen : chosen + 1], [f"label: {true_class}"])
plots.draw_probabilities(right, probabilities[:, chosen], fashion.classes)
right.set_title("probability of each class")
plt.show()

# %% [markdown]
# **What you should see.** In the upper rows the probability is spread over several classes. Further
# down one column turns dark: the network has made up its mind, and it is right. This is one chosen
# image, on which it goes well. There are also images on which a late exit spoils a right answer.

# %% alt="Two bars: the share of test images that the last exit gets right and the first wrong, and, much smaller, the reverse."
spoiled = (answers[0] == labels) & (answers[-1] != labels)
shares = [100 * group.float().mean().item() for group in (learned, spoiled)]
plt.figure(figsize=(6, 3))
plt.barh(["only exit 6 right", "only exit 1 right"], shares)
plt.grid(False, axis="y")
plt.xlabel("test images (%)")
plt.title("Where the first and the last exit disagree")
plt.show()

# %% [markdown]
# **What you should see.** Going on corrects many answers and spoils a few. On the whole it pays.
#
# ## Stop when you like
#
# So far all six answers came at once. `refine` gives them one by one. It is a generator: each
# `next` computes one part of the network more, up to the next exit, and then waits.

# %%
image = fashion.test.pixels[chosen : chosen + 1]
network.eval()
answer_by_answer = network.refine(image)
given = [next(answer_by_answer), next(answer_by_answer)]
given[0].shape, given[1].shape

# %% [markdown]
# If the time is over now, the second is the answer, and exits 3 to 6 are never computed. If there is
# time left, `next` goes on where it stopped. In the end the answers are those that came at once.

# %%
given += answer_by_answer  # all that are left
torch.allclose(torch.stack(given), network(image), atol=1e-5)

# %% [markdown]
# ## When something goes wrong
#
# The kit's error messages name what is wrong and how to mend it. Read the last line first. Here are
# two mistakes, made on purpose.

# %%
try:
    fashion.test[3]
except TypeError as error:
    print(error)

# %%
try:
    train(networks.build("resann-1-4"), const, fashion, recipe)
except ValueError as error:
    print(error)

# %% [markdown]
# The help of any function is a question mark away: `train?` in a cell shows what it takes and gives.
# `python -m anytime doctor` looks after the installation.
#
# ## Summary
#
# - The kit works here, without network and without GPU.
# - An anytime network has several exits. It answers early, and better if it may run on.
# - All exits are trained together, by a weighted sum of their losses.
# - `network(images)` gives all answers, of shape (exits, images, classes). `network.refine(images)`
#   gives them one by one.
#
# ## Exercises
#
# An exercise is a function to fill in. It comes with a check that says "right", or what is off. You
# may try as often as you like. As long as an exercise is not done, the check says so, and the
# notebook runs on. The solved notebooks are in the folder `solutions`.
#
# **Exercise 0.1.** Write the function that was used all the time: the share of wrong answers. In the
# place of `raise NotImplementedError(...)` write your own lines, run the cell, then run the check.


# %%
def error_rate(predicted, labels):
    """(N,) predicted classes, (N,) labels, both whole numbers -> the share that is wrong."""
    ### BEGIN SOLUTION 0.1
    return (predicted != labels).float().mean().item()
    ### END SOLUTION


# %%
from anytime.course import checks

checks.error_rate(error_rate)

# %% [markdown]
# **Think.** An exit has an error of 0.9 on ten classes that are equally frequent. Another one has an
# error of 1.0. Which one is more useful?
#
# <details><summary>Answer</summary>
#
# 0.9 is what guessing gives, so the first exit may know nothing. The second is never right, which
# nobody achieves by guessing: it knows the right class and avoids it. With two classes one would
# only have to turn its answers round. With ten classes, "not this one" leaves nine. After a proper
# training, an error clearly above that of guessing is a sign of a mistake in the code, such as labels
# in another order.
#
# </details>

# %% [markdown]
# ## What next
#
# | notebook | what it is about |
# |---|---|
# | 01 | what anytime prediction is; a network with exits built from scratch; what each exit costs |
# | 02 | why weighting losses is hard: static schemes, and what the exits compete for |
# | 03 | AdaLoss, derived in three ways |
# | 04 | each weighting scheme in training, live |
# | 05 | the schemes compared on recorded runs: how far from the optimum is each? |
# | 06 | small networks with AdaLoss against large ones without |
# | 07 | EANN, a chain of ever deeper networks: its bound, the proof, a simulation |
# | 08 | easy and hard data sets, and the weights AdaLoss ends with |
# | 09 | beyond AdaLoss: its first-order variant, several tasks, its relatives |
# | 10 | early exit: another way to save computation, and how both go together |
# | 11 | the reproduction at full scale, and the ledger of the paper's claims |
#
# **You want to learn.** Go on with [01](01_anytime_prediction.ipynb) and take them in order. 01 to 05
# are the core. After them 06 to 10 can be read in any order.
#
# **You teach.** Each notebook says how many minutes it takes. The pictures with sliders can be
# projected: moving a slider trains nothing. Hand out the notebooks without the folder `solutions`.
#
# **You do research.** Read 05 and 11 first. A network is one file in `anytime/networks`, a weighting
# one class in `anytime/weighting`. `python -m anytime train --help` and `python -m anytime run --help`
# say how runs are made, resumed and recorded.
