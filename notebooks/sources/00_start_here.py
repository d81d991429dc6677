# %% [markdown]
# # 00 · Start here
#
# **Does everything work on this computer, and what does an anytime prediction look like?**
#
# **You will**
#
# - watch a trained network look at a photograph and change its mind;
# - train a small network that answers six times, and stop it before it has finished;
# - solve two exercises, to see how exercises and their checks work.
#
# **Before:** Python, and a little PyTorch: tensors, modules, a training step.
# **Time:** 25 minutes. **Paper:** the introduction.

# %% [markdown]
# ## A network at work
#
# Click into the next cell and press Shift+Enter. After some seconds you see a photograph and a
# trained network that answers twelve times on its way through. Each row of the picture is one
# answer, a probability for each class, and each row has taken a little more computation than the
# row above it. Drag *Budget* to the left, as if the time ran out earlier, and read how the sentence
# below changes. Then let *Images* show only those on which the network changed its mind.

# %% tags=["widget"]
from anytime import explore

watching = explore.watch_one_image()
watching

# %% [markdown]
# Here is one of these images, for readers on paper:

# %% alt="Left, the photograph of a bag with a long strap. In the middle, the probabilities at twelve exits: up to exit 5 the likeliest class is the dress, from exit 6 on it is the bag, and the last exits are nearly certain. Right, the time until each exit; the first five answers are wrong, the others right."
watching.figure(show="changed its mind", image=828)

# %% [markdown]
# **What you should see.** The first five answers take the bag for a dress, and none of them is sure
# of it: the highest probability is 0.66. The sixth says bag, and the rest agree with growing
# certainty. A network that can be stopped at any time and has its best answer so far at hand is an
# **anytime predictor**. How to build and train one is what this course teaches.
#
# ## Is everything in place?
#
# The kit has a doctor, which looks at Python, the packages, the data and the controls of the
# notebooks.

# %%
from anytime.course import doctor

for check in doctor.report():
    if check.required:
        print(check.verdict, check.name, "" if check.ok else f"-> {check.fix}")

# %% [markdown]
# **What you should see.** `OK` on each line. What is not OK is followed by what to do about it.
#
# Run every notebook from the top, since later cells need earlier ones. Where you read **What do you
# expect?**, make a guess before you run the cell: a wrong guess teaches more than a picture that is
# only looked at. You can change any cell, and `git checkout notebooks` brings back the notebooks as
# they were.
#
# ## A network that answers six times
#
# Now for a network of your own. It learns from a part of Fashion-MNIST, small grey photographs of
# clothes in ten classes, which comes with the kit. A GPU is used if there is one.

# %%
import matplotlib.pyplot as plt
import torch

from anytime import datasets, networks, plots, weighting

plots.theme()
torch.set_num_threads(1)  # small networks gain nothing from more
device = "cuda" if torch.cuda.is_available() else "cpu"
fashion = datasets.load("fashion")
print(fashion.train, "and", len(fashion.test), "to test on")

# %% [markdown]
# A usual network has one output, at its end. This one has several. Along the way there are
# **exits**, and at each exit stands a small classifier, its **head**, which answers from what has
# been computed so far. Whoever runs the network may stop at any exit and has an answer.
#
# `networks.build` makes a network from its name. This one is a residual network of three **blocks**
# with two residual **units** each, and it has an exit after every unit. The 8 is the number of
# channels in the first block. With `stride4` the first convolution takes only every fourth row and
# column of pixels, so that training is a matter of seconds.

# %%
network = networks.build("resann-2-8-stride4", num_classes=10, in_channels=1, seed=0).to(device)
network.num_exits

# %% [markdown]
# **What do you expect?** We show it 5 images. What is the shape of the output, if each exit gives
# one number per class for each image?

# %%
logits = network(fashion.test.pixels[:5].to(device))
logits.shape

# %% [markdown]
# The axes are (exits, images, classes). The numbers are *logits*: the larger one is, the more the
# exit believes in that class. So far they mean nothing, because the network has learned nothing
# yet.
#
# ## Train it
#
# Each exit has a **loss**, the usual cross-entropy of its answers. With $K$ exits there are $K$
# losses $\ell_1, \dots, \ell_K$, but training can only make one number small. So the losses are
# added up, each with a **weight** $B_i$ that says how much exit $i$ matters:
#
# $$\sum_{i=1}^{K} B_i \, \ell_i .$$
#
# How to choose the weights is the question of the whole course. For now all of them are 1, a choice
# that is called CONST. In this course *weights* are always these $B_i$; what the network learns are
# its *parameters*. The cell below begins with a fresh network, however often you run it.

# %%
from anytime.training import Recipe, train

network = networks.build("resann-2-8-stride4", num_classes=10, in_channels=1, seed=0).to(device)
const = weighting.build("const", num_exits=network.num_exits).to(device)
recipe = Recipe(epochs=4, augmentation=())  # four times through the images as they are
run = train(network, const, fashion, recipe, seed=0, progress=False)
run.finished

# %% alt="Six falling lines: the error of each exit on the test images after each of four epochs. The lines of exits 1 and 2 end near a third, far above the others; those of exits 5 and 6 end lowest and are nearly one."
plots.draw_history(plt.gca(), run, "test_error")
plt.title("All six exits learn at once")
plt.show()

# %%
errors = run.final("test_error")
print("exit 1 is wrong on more than a fifth of the images:", bool(errors[0] > 0.2))
print("exit 6 is wrong on less than a fifth:", bool(errors[-1] < 0.2))

# %% [markdown]
# **What you should see.** The **error** is the share of test images that an exit gets wrong. All
# six errors fall together, and later exits end with fewer mistakes. The steps are uneven: from exit
# 2 to exit 3 the error falls most, and the last exit hardly improves on the one before.
#
# ## Stop when you like
#
# `network(images)` computes all six answers. `network.refine(images)` gives them one by one. It is
# a generator: each `next` runs the network up to the next exit, and then it waits.

# %%
network.eval()
image = fashion.test.pixels[100:101].to(device)
answers = network.refine(image)
print("exit 1 says", fashion.classes[next(answers).argmax()])
print("exit 2 says", fashion.classes[next(answers).argmax()])

# %% [markdown]
# If time is up now, the second answer counts, and exits 3 to 6 are never computed. Usually one
# writes a loop, and leaves it when there is no time left. Here that is so after exit 4:

# %%
for exit, answer in enumerate(network.refine(image), start=1):
    print(f"exit {exit} says", fashion.classes[answer.argmax()])
    if exit == 4:
        break

# %% [markdown]
# ## Where this leads
#
# AdaLoss, the method of the paper, does not fix the weights. It lets them follow the losses during
# training. The weights that it ends with differ from one data set to the next, and what they tell
# about the data is a question that the course returns to in notebook 08. You can look at them
# already:

# %% tags=["widget"]
explore.final_weights()

# %% [markdown]
# ## Summary
#
# - An anytime network has exits along its depth. It answers early, and as a rule better if it may
#   run on.
# - All exits are trained together, by a weighted sum of their losses.
# - `network(images)` gives all answers, of shape (exits, images, classes); `network.refine(images)`
#   gives them one by one.
#
# ## Exercises
#
# An exercise asks for a function. Replace `raise NotImplementedError(...)` by lines of your own,
# and its check says "right", or what is off. You may try as often as you like, and nothing stops
# the notebook. Stars tell how hard an exercise is. Solved copies are in the folder `solutions`.

# %% [markdown]
# **Exercise 0.1 ★ The error of every exit.** You have the classes that each exit answers, for all
# images, and the right classes. Which share of the images does each exit get wrong? Both are
# tensors of whole numbers.

# %%
from anytime.course import checks


def exit_errors(answers, labels):
    """(K, N) answered classes, (N,) right classes -> (K,) errors, each between 0 and 1."""
    ### BEGIN SOLUTION 0.1
    return (answers != labels).float().mean(1)
    ### END SOLUTION


checks.exit_errors(exit_errors)

# %% [markdown]
# **Exercise 0.2 ★★ Predict, measure, explain.** Exit 6 is wrong less often than exit 1. Is there
# any image that exit 1 gets right and exit 6 wrong? Write down how many of the 1,000 test images
# you expect. Then fill in the function, and apply it to `answers` and `fashion.test.labels` in a
# cell of your own:
#
# `answers = predict(network, fashion.test).argmax(-1)`
#
# Explain in five sentences what you found: how both shares are linked with the errors of exits 1
# and 6, how a later exit can spoil an answer, and what follows for somebody who uses such a
# network.

# %%
from anytime.training import predict


def gained_and_spoiled(answers, labels):
    """(K, N) answers, (N,) labels -> (share right at the last exit only, at the first only)."""
    ### BEGIN SOLUTION 0.2
    first, last = answers[0] == labels, answers[-1] == labels
    gained = (last & ~first).float().mean()
    spoiled = (first & ~last).float().mean()
    return gained, spoiled
    ### END SOLUTION


checks.gained_and_spoiled(gained_and_spoiled)

# %% tags=["rubric"]
answers = predict(network, fashion.test).argmax(-1)
gained, spoiled = gained_and_spoiled(answers, fashion.test.labels)
print("some answers are spoiled:", bool(spoiled > 0))
print("at least three times as many are gained:", bool(gained > 3 * spoiled))
fewer = errors[0] - errors[-1]
print("their difference is that of the errors:", bool(abs(fewer - (gained - spoiled)) < 1e-3))

# %% [markdown] tags=["rubric"]
# **What a good explanation says** (a point each):
#
# 1. It compares the guess with the number that was measured.
# 2. The error of exit 1, less the gained share, plus the spoiled share, is the error of exit 6:
#    images that both get right or both get wrong cancel out.
# 3. A later exit has more computation but also features and a head of its own; it is better on
#    average, and nothing in training asks that it be right wherever an earlier exit was.
# 4. Therefore "later is better" is a statement about means over images, not about a single image.
# 5. Whoever uses the network takes the last answer there was time for, since nobody knows on which
#    images it is the spoiled one; confidence can help, but it is not proof.

# %% [markdown]
# ## References
#
# - H. Hu, D. Dey, M. Hebert, J. A. Bagnell: *Learning Anytime Predictions in Neural Networks via
#   Adaptive Loss Balancing*, AAAI 2019.
#   [doi:10.1609/aaai.v33i01.33013812](https://doi.org/10.1609/aaai.v33i01.33013812),
#   [arXiv:1708.06832](https://arxiv.org/abs/1708.06832). The paper that this course is about.
# - H. Xiao, K. Rasul, R. Vollgraf: *Fashion-MNIST*, 2017.
#   [arXiv:1708.07747](https://arxiv.org/abs/1708.07747).
#
# ## What next
#
# To **learn**, go on with [01](01_anytime_prediction.ipynb) and take the notebooks in order. To
# **teach**, look at the table in the README: it has the question and the minutes of each notebook.
# For **research**, `python -m anytime train --help` and `python -m anytime run --help` say how runs
# are made and recorded.
