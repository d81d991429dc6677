"""Friendly checks of the course's exercises: each says "right", or what is off and why."""

from .notebook_00 import exit_errors, gained_and_spoiled
from .notebook_01 import error_at_budget, overtaking_budget
from .notebook_02 import even_weights, in_every_seed
from .notebook_03 import best_weights, spread_of_weighted_losses
from .notebook_04 import exits_where_all_win, share_of_gap_closed
from .notebook_05 import exit_at_share, mean_increase, standard_errors_from_zero
from .notebook_06 import break_even, cheapest_exit, difference_bar
from .notebook_07 import average_label, cost_factor, costs_in_a_row, smallest_base
from .notebook_08 import loss_ratio, mean_position, value_at_fit
from .notebook_09 import gls_weights, learned_step, offset_weights
from .notebook_10 import first_sure_exit, interrupted_exits, margin_policy
from .notebook_11 import milestone_rate, own_verdict, training_days
