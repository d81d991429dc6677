import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from matplotlib.colors import same_color, to_hex
from matplotlib.figure import Figure

from anytime import paper, plots
from anytime.runs import Run


@pytest.fixture
def ax():
    """Axes off screen: no pyplot."""
    return Figure(figsize=(7, 4), layout="constrained").add_subplot()


def summary(weightings=("const", "adaloss:gamma=0.07"), **columns) -> pd.DataFrame:
    rows = [
        {"weighting": spec, "cost": cost, "share": cost / 4e6, "mean": 0.1 * i + 1e5 / cost}
        for i, spec in enumerate(weightings)
        for cost in (1e6, 2e6, 4e6)
    ]
    return pd.DataFrame(rows).assign(std=0.02, seeds=3, **columns)


def labelled(ax) -> dict:
    """Drawn lines by their label in the legend."""
    return {line.get_label(): line for line in ax.lines if line.get_label()[0] != "_"}


def heights(ax) -> list[list[float]]:
    return [[bar.get_height() for bar in container] for container in ax.containers]


def tick_texts(axis) -> list[str]:
    axis.get_figure().draw_without_rendering()
    low, high = sorted(axis.get_view_interval())
    shown = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [tick.label1.get_text() for tick in shown]


def test_every_scheme_has_its_own_colour_of_the_colourblind_palette():
    colours = [to_hex(style["color"]) for style in plots.SCHEME_STYLE.values()]
    assert set(colours) <= set(sns.color_palette("colorblind").as_hex())
    markers = [style["marker"] for style in plots.SCHEME_STYLE.values()]
    assert len(set(colours)) == len(set(markers)) == len(plots.SCHEME_STYLE)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("const", "CONST"),
        ("linear:first=0.1", "LINEAR"),
        ("half-end:total=9", "HALF-END"),
        ("sieve", "SIEVE"),
        ("exponential:base=2", "EXPONENTIAL"),
        ("opt:exit=3", "OPT"),
        ("adaloss", "AdaLoss"),
        ("adaloss:gamma=0.07,extra=0", "AdaLoss"),
        ("adaloss:extra=1,gamma=0.07", "AdaLoss e=1"),
    ],
)
def test_a_weighting_is_named_in_words(spec, name):
    assert plots.scheme_name(spec) == name
    assert plots.scheme_style(spec) is plots.SCHEME_STYLE[name]


def test_a_weighting_without_a_style_of_its_own_is_drawn_under_its_own_text(ax):
    plots.draw_error_against_cost(ax, summary(["home-made:speed=3"]))
    assert list(labelled(ax)) == ["home-made:speed=3"]


def test_the_bars_of_the_cost_are_the_multiply_adds_shown_in_millions(ax):
    plots.draw_cost(ax, [1_000_000, 2_500_000, 4_000_000])
    assert heights(ax) == [[1_000_000, 2_500_000, 4_000_000]]
    assert {"1", "4"} <= set(tick_texts(ax.yaxis)) and ax.get_ylabel() == "multiply-adds (millions)"
    assert tick_texts(ax.xaxis) == ["1", "2", "3"] and ax.get_xlabel() == "exit"


def test_the_error_curve_is_the_mean_and_its_band_one_standard_deviation(ax):
    table = summary()
    plots.draw_error_against_cost(ax, table.sample(frac=1, random_state=0))
    line = labelled(ax)["AdaLoss"]
    rows = table[table["weighting"] != "const"]
    np.testing.assert_array_equal(line.get_xdata(), rows["cost"])
    np.testing.assert_array_equal(line.get_ydata(), rows["mean"])
    band = next(c for c in ax.collections if same_color(c.get_facecolor()[0][:3], line.get_color()))
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
    assert {(c, m + d) for c, m in rows[["cost", "mean"]].values for d in (-0.02, 0.02)} <= corners


def test_errors_are_shown_in_percent(ax):
    plots.draw_error_against_cost(ax, summary())
    assert "20%" in tick_texts(ax.yaxis)


def test_one_seed_is_drawn_without_a_band(ax):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.draw_error_against_cost(ax, summary().assign(std=np.nan))
        ax.figure.draw_without_rendering()
    assert all(len(band.get_paths()) == 0 for band in ax.collections)


def test_networks_differ_in_dashes_and_schemes_in_colour(ax):
    table = pd.concat([summary(network="small"), summary(network="large")])
    plots.draw_error_against_cost(ax, table, log=True)
    lines = labelled(ax)
    assert set(lines) == {f"{n}, {s}" for n in ("small", "large") for s in ("CONST", "AdaLoss")}
    assert lines["small, CONST"].get_linestyle() != lines["large, CONST"].get_linestyle()
    assert lines["small, CONST"].get_color() == lines["large, CONST"].get_color()


def test_options_of_one_scheme_are_told_apart(ax):
    plots.draw_error_against_cost(ax, summary(["adaloss:gamma=0", "adaloss:gamma=0.14", "const"]))
    lines = labelled(ax)
    assert set(lines) == {"adaloss:gamma=0", "adaloss:gamma=0.14", "CONST"}
    assert len({lines[f"adaloss:gamma={g}"].get_linestyle() for g in ("0", "0.14")}) == 2


def test_a_logarithmic_cost_axis_keeps_its_unit(ax):
    plots.draw_error_against_cost(ax, summary(), log=True)
    assert tick_texts(ax.xaxis) == ["1", "2"] and ax.get_xscale() == "log"


def test_the_same_scheme_has_the_same_colour_in_every_figure(ax):
    plots.draw_error_against_cost(ax, summary())
    other, third, fourth = Figure().subplots(1, 3)
    plots.draw_relative_increase(other, summary())
    plots.draw_weights(third, [[1, 1], [0.5, 1]], ["const", "adaloss"])
    plots.draw_toy(fourth, [0, 1], [0, 1], np.eye(2)[None], {"AdaLoss": (0, 0)})
    colours = [labelled(axes)["AdaLoss"].get_color() for axes in (ax, other, fourth)]
    colours.append(third.containers[1][0].get_facecolor())
    assert len({to_hex(colour) for colour in colours}) == 1


def test_the_relative_increase_is_drawn_as_given_with_bars_of_its_spread(ax):
    table = summary()
    plots.draw_relative_increase(ax, table)
    const = table[table["weighting"] == "const"]
    np.testing.assert_array_equal(labelled(ax)["CONST"].get_ydata(), const["mean"])
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([b[1, 1] - b[0, 1] for b in bars], 0.04)
    assert tick_texts(ax.xaxis) == ["25%", "50%", "100%"]


def test_an_increase_far_above_the_others_hides_no_difference_between_them(ax):
    table = summary()
    table["mean"] = [2.0, 4.0, 300.0, 3.0, 6.0, 12.0]
    plots.draw_relative_increase(ax, table)
    ax.figure.draw_without_rendering()
    low, high = ax.get_ylim()
    assert low < 0 < 300 < high
    heights = [ax.transData.transform((0, value))[1] for value in (2, 4, 300)]
    # Two points are a twentieth of the picture, however far the highest is away.
    assert heights[1] - heights[0] > 0.05 * ax.bbox.height
    assert {"0%", "10%", "100%"} <= set(tick_texts(ax.yaxis))


def test_errors_that_differ_by_a_thirtieth_are_seen_apart_beside_errors_of_most_images(ax):
    table = summary()
    table["mean"] = [0.8, 0.3, 0.18, 0.75, 0.29, 0.174]
    plots.draw_error_against_cost(ax, table)
    ax.figure.draw_without_rendering()
    one, other = (ax.transData.transform((1, value))[1] for value in (0.18, 0.174))
    assert one - other > 0.015 * ax.bbox.height
    assert {"20%", "50%"} <= set(tick_texts(ax.yaxis))


def test_the_papers_figures_are_never_drawn_without_their_mark(ax):
    figures = paper.relative_increase_table()
    plots.draw_relative_increase(ax, summary(), figures)
    drawn = {name: line for name, line in labelled(ax).items() if "paper" in name}
    assert len(drawn) == 3 and all("not confirmed" in name for name in drawn)
    line = next(line for name, line in drawn.items() if name.startswith("AdaLoss"))
    adaloss = figures[figures["weighting"] == "adaloss"]
    np.testing.assert_array_equal(line.get_ydata(), adaloss["increase"])


def test_the_bars_of_the_weights_are_the_weights_of_each_scheme(ax):
    plots.draw_weights(ax, [[1, 1, 1], [0.25, 0.5, 1]], ["const", "linear"])
    assert heights(ax) == [[1, 1, 1], [0.25, 0.5, 1]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["CONST", "LINEAR"]


def test_the_weights_of_one_scheme_stand_over_their_exits(ax):
    plots.draw_weights(ax, [0.2, 0.4, 1], ["adaloss"])
    centres = [bar.get_x() + bar.get_width() / 2 for bar in ax.containers[0]]
    assert heights(ax) == [[0.2, 0.4, 1]] and centres == pytest.approx([1, 2, 3])


def test_weights_of_several_data_sets_have_different_colours(ax):
    plots.draw_weights(ax, np.ones((3, 4)), ["svhn", "cifar10", "cifar100"])
    assert len({container[0].get_facecolor() for container in ax.containers}) == 3


VALUES = np.random.default_rng(0).uniform(size=(6, 15))


@pytest.mark.parametrize("draw", [plots.draw_weight_evolution, plots.draw_losses])
def test_each_exit_has_its_line_over_the_epochs(ax, draw):
    draw(ax, VALUES)
    np.testing.assert_array_equal([line.get_ydata() for line in ax.lines], VALUES.T)
    assert ax.lines[3].get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert list(labelled(ax)) == [f"exit {k}" for k in range(1, 16)]
    assert len(ax.get_legend().get_texts()) == 15


def test_more_exits_than_a_legend_holds_have_a_colour_bar(ax):
    plots.draw_losses(ax, np.ones((4, 75)))
    (bar,) = [other for other in ax.figure.axes if other is not ax]
    assert bar.get_ylabel() == "exit" and bar.get_ylim() == (0.5, 75.5)
    assert ax.get_legend() is None and len({line.get_color() for line in ax.lines}) == 75


def test_colours_of_data_sets_differ_in_lightness(ax):
    plots.draw_weights(ax, np.ones((5, 3)), list("abcde"))
    shades = [np.dot(one[0].get_facecolor()[:3], (0.299, 0.587, 0.114)) for one in ax.containers]
    assert (np.diff(shades) > 0.05).all()


@pytest.mark.parametrize("width", [6, 7.5, 8])
def test_letters_are_no_smaller_than_the_text_of_a_page(width):
    with plt.rc_context():
        plots.theme()
        fig, ax = plt.subplots(figsize=(width, 4))
        plots.draw_losses(ax, VALUES)
        texts = [*ax.get_xticklabels(), ax.xaxis.label, *ax.get_legend().get_texts()]
        sizes = [text.get_fontsize() for text in texts]
        plt.close(fig)
    # A page shows a figure 761 pixels wide, and its text is 16 pixels high.
    assert min(sizes) / 72 * 761 / width >= 16


def test_the_map_of_the_weights_has_exits_upwards_and_epochs_to_the_right(ax):
    plots.draw_weight_evolution(ax, VALUES, epochs=range(2, 8), as_map=True)
    (cells,) = [c for c in ax.collections if c.get_array() is not None]
    np.testing.assert_array_equal(np.reshape(cells.get_array(), (15, 6)), VALUES.T)
    assert (ax.get_xlim(), ax.get_ylim()) == ((1.5, 7.5), (0.5, 15.5))


def run() -> Run:
    history = [{"epoch": e, "lr": 0.1 / e, "train_loss": [2.0 / e, 1.0 / e]} for e in range(1, 5)]
    for entry in history[1::2]:
        entry["test_error"] = [0.8 / entry["epoch"], 0.4 / entry["epoch"]]
    return Run({}, cost=[1, 2], history=history)


def test_a_history_is_drawn_at_the_epochs_that_were_evaluated(ax):
    plots.draw_history(ax, run(), "test_error")
    assert [list(line.get_xdata()) for line in ax.lines] == [[2, 4], [2, 4]]
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines], [[0.4, 0.2], [0.2, 0.1]])
    assert ax.get_ylabel() == "test error" and "20%" in tick_texts(ax.yaxis)


def test_the_learning_rate_is_one_line(ax):
    plots.draw_history(ax, run(), "lr")
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_ydata(), [0.1, 0.05, 0.1 / 3, 0.025])


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_shown_pixel_by_pixel_under_their_titles(ax, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (5, channels, 8, 8)).astype(np.uint8)
    plots.draw_images(ax, pixels, list("abcde"), columns=3)
    for image, given in zip(ax.images, pixels, strict=True):
        shown = np.atleast_3d(image.get_array()).transpose(2, 0, 1)
        np.testing.assert_array_equal(shown, given)
    assert [text.get_text() for text in ax.texts] == list("abcde")
    places = [(image.get_extent()[0], image.get_extent()[3]) for image in ax.images]
    assert len(set(places)) == 5 and len({top for _, top in places}) == 2


def test_the_cost_factor_is_drawn_with_its_levels(ax):
    plots.draw_eann_cost_factor(ax, [1, 2, 3], [1, 2, 1.5], 2, supremum=3.0, mean=2.443)
    plots.draw_eann_cost_factor(ax, [1, 2, 3], [1, 2, 1.2], 4)
    lines = labelled(ax)
    assert list(lines) == ["C, b = 2", "supremum 3.00", "mean 2.44", "C, b = 4"]
    assert list(lines["C, b = 2"].get_ydata()) == [1, 2, 1.5]
    assert list(lines["supremum 3.00"].get_ydata()) == [3.0, 3.0]
    assert lines["C, b = 2"].get_color() != lines["C, b = 4"].get_color()


def test_the_toy_shows_each_loss_each_descent_and_where_it_ends(ax):
    x, y = np.linspace(-1, 1, 20), np.linspace(-1, 1, 10)
    losses = np.array([(x + s) ** 2 + y[:, None] ** 2 for s in (-0.5, 0.5)])
    path = np.array([[0.0, 1.0], [0.2, 0.3]])
    plots.draw_toy(ax, x, y, losses, {"CONST": path[-1]}, {"CONST": path})
    assert {"loss 1", "loss 2", "CONST"} == set(labelled(ax))
    drawn = [np.transpose(line.get_data()).tolist() for line in ax.lines]
    assert path.tolist() in drawn
    assert labelled(ax)["CONST"].get_xydata().tolist() == [[0.2, 0.3]]


def test_probabilities_are_shown_exit_by_exit_and_the_small_ones_not_written(ax):
    plots.draw_probabilities(ax, [[0.5, 0.48, 0.02], [0.0, 0.9, 0.1]], ["cat", "dog", "bird"])
    np.testing.assert_array_equal(ax.images[0].get_array(), [[0.5, 0.48, 0.02], [0.0, 0.9, 0.1]])
    assert [text.get_text() for text in ax.texts] == ["0.50", "0.48", "0.90", "0.10"]
    assert ax.texts[2].get_position() == (1, 2)
    assert tick_texts(ax.xaxis) == ["cat", "dog", "bird"]
    assert ax.get_ylim() == (2.5, 0.5)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: plots.draw_error_against_cost(ax, summary()),
        lambda ax: plots.draw_relative_increase(ax, summary(), paper.relative_increase_table()),
        lambda ax: plots.draw_weights(ax, np.ones((2, 9)), ["const", "linear"]),
        lambda ax: plots.draw_losses(ax, VALUES),
    ],
)
def test_the_legend_covers_no_data_and_stays_in_the_figure(ax, draw):
    draw(ax)
    ax.figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert legend.x0 >= ax.get_window_extent().x1
    assert legend.x1 <= ax.figure.bbox.x1


def test_the_theme_lets_a_legend_of_pyplot_stay_in_the_figure():
    with plt.rc_context():
        plots.theme()
        fig, ax = plt.subplots()
        plots.draw_losses(ax, VALUES)
        fig.draw_without_rendering()
        inside = ax.get_legend().get_window_extent().x1 <= fig.bbox.x1
        plt.close(fig)
    assert inside
