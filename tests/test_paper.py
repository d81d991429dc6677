import re

import pytest

from anytime import paper
from anytime.networks import build
from anytime.weighting import build as build_weighting

RECALLED = [(scheme, share) for scheme in ("const", "linear", "adaloss") for share in paper._SHARES]


@pytest.mark.parametrize(("scheme", "share"), sorted({*RECALLED} - {("const", 1.0)}))
def test_a_recalled_figure_is_never_text_without_its_mark(scheme, share):
    fact = paper.reported_increase(scheme, share)
    assert fact.shown.endswith("% (not confirmed)")
    assert str(fact).endswith(fact.shown)


def test_only_the_final_figure_of_const_is_confirmed_and_by_whom_is_said():
    table = paper.relative_increase_table()
    confirmed = table[table["confirmed"]]
    assert confirmed[["weighting", "share"]].values.tolist() == [["const", 1.0]]
    assert confirmed["shown"].tolist() == ["18.90 % (confirmed by a third party's notes only)"]


def test_every_row_of_the_table_shows_its_own_figure_and_mark():
    table = paper.relative_increase_table()
    assert len(table) == 12
    for row in table.itertuples():
        assert row.shown.startswith(f"{row.increase:.2f} %")
        assert (paper.NOT_CONFIRMED in row.shown) != row.confirmed


def test_a_new_recalled_fact_is_not_confirmed_unless_somebody_else_gives_it():
    assert "not confirmed" in str(paper.Fact("Speed", "fast", "recalled"))
    assert "not confirmed" not in str(paper.Fact("Speed", "fast", "recalled", third_party=True))


def test_facts_from_a_source_name_the_source():
    assert str(paper.FACTS["difficulty"]).endswith("(the paper's text, figure 5c)")
    assert paper.FACTS["cost"].shown.endswith("(the authors' released code)")


def test_an_unknown_mark_is_refused():
    with pytest.raises(ValueError, match="unknown mark"):
        paper.Fact("Speed", "fast", "heard")


def test_a_figure_that_is_not_known_is_not_made_up():
    for unknown in [("sieve", 1.0), ("const", 0.3)]:
        with pytest.raises(KeyError, match="no figure is known"):
            paper.reported_increase(*unknown)


def test_no_other_fact_carries_a_figure_of_the_recalled_table():
    figures = {f"{x:.2f}" for x in paper.relative_increase_table()["increase"]}
    for fact in paper.FACTS.values():
        assert not figures & set(re.findall(r"\d+\.\d+", str(fact)))


def test_the_grid_has_twelve_networks_and_their_names_can_be_built():
    assert len(set(paper.NETWORKS)) == 12
    smallest = min(paper.NETWORKS)
    assert build("resann-{}-{}".format(*smallest)).num_exits == 3 * smallest[0]


def test_every_option_of_the_grid_is_one_of_adaloss():
    for option, values in paper.ADALOSS_GRID.items():
        for value in values:
            assert getattr(build_weighting(f"adaloss:{option}={value}", 3), option) == value
