# %% [markdown]
# # 00 Start here
#
# **Does everything work on this computer, and what is an anytime prediction?**
#
# **You will** check the installation, see how the notebooks work, and try a first exercise.
#
# **Before you start:** nothing. **Time:** 5 minutes. **Paper:** section 1.

# %% [markdown]
# ## Check the installation
#
# Run a cell with Shift+Enter. The next one says what is installed here.

# %% tags=["live"]
from anytime import doctor

doctor.main()

# %% [markdown]
# ## A first picture
#
# A network with $K$ exits has $K$ losses $\ell_1, \dots, \ell_K$. They are trained together, by
#
# $$\sum_{i=1}^{K} B_i \, \ell_i .$$
#
# The weights $B_i$ say how much each exit matters.

# %%
import matplotlib.pyplot as plt

# %% alt="Weights of eight exits that grow evenly from a quarter to one."
exits = range(1, 9)
weights = [0.25 + 0.75 * (exit - 1) / 7 for exit in exits]
plt.bar(exits, weights)
plt.xlabel("exit")
plt.ylabel("weight $B_i$")
plt.show()

# %% [markdown]
# **What you should see.** The weights grow evenly from 0.25 to 1.

# %% [markdown]
# ## Summary
#
# The kit is installed, and you have run your first cells.
#
# ## Next
#
# Choose a notebook in the list of files.
