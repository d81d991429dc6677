"""Names and texts: what one writes, the other reads."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anytime import names

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,11}", fullmatch=True)
KEYS = st.from_regex(r"[a-z][a-z_]{0,7}", fullmatch=True)
NUMBERS = st.integers(-(10**14), 10**14) | st.floats(allow_nan=False)
WORDS = st.from_regex(r"[A-Za-z][a-z-]{1,8}", fullmatch=True).filter(
    lambda word: word not in ("True", "False", "inf", "nan", "infinity", "Infinity")
)
SIZES = st.lists(st.integers(0, 999), min_size=2, max_size=5).map(tuple)
VALUES = NUMBERS | st.booleans() | SIZES | WORDS


@settings(derandomize=True)
@given(NAMES, st.dictionaries(KEYS, VALUES, max_size=4))
def test_what_is_spelled_is_read_again(name, options):
    assert names.parse(names.spell(name, options)) == (name, options)


@settings(derandomize=True)
@given(NAMES, st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_text_that_was_read_is_spelled_as_it_was(name, options):
    text = names.spell(name, options)
    assert names.spell(*names.parse(text)) == text


@settings(derandomize=True)
@given(NAMES.filter(lambda name: "-to" not in name), st.integers(1, 99))
def test_a_network_that_was_cut_and_its_exit_are_read_again(name, exit):
    assert names.cut(names.up_to(name, exit)) == (name, exit)
    assert names.cut(name) == (name, None)
    assert names.up_to(names.up_to(name, 99), exit) == names.up_to(name, exit)


@pytest.mark.parametrize("text", ["toto", "resann-to", "a-tomato", "-toad", "x-to-3"])
def test_only_an_ending_of_to_and_digits_cuts(text):
    assert names.cut(text) == (text, None)


def test_a_function_of_the_users_own_may_have_options():
    assert names.parse("my.module:make:depth=3") == ("my.module:make", {"depth": 3})
    assert names.parse("my.module:make") == ("my.module:make", {})


@pytest.mark.parametrize("text", ["a:b=", "a:=1", "a:b=1,", "a:1", "a:b=1,c"])
def test_half_an_option_is_refused(text):
    with pytest.raises(ValueError, match="NAME=VALUE"):
        names.parse(text)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="the nearest are adaloss"):
        names.find("adalos", {"const": 1, "adaloss": 2}, "weighting")
    with pytest.raises(ValueError, match="cannot be imported: No module named 'no_such'"):
        names.find("no_such:thing", {}, "weighting")
    with pytest.raises(ValueError, match="cannot be imported: module 'os' has no attribute"):
        names.find("os:thing", {}, "weighting")


@pytest.mark.parametrize(
    ("spec", "title", "brief"),
    [
        ("const", "CONST", "CONST"),
        ("adaloss", "AdaLoss", "AdaLoss"),
        ("adaloss:gamma=0.1,extra=1", "AdaLoss γ=0.1 e=1", "AdaLoss e=1"),
        ("adaloss:every=1", "AdaLoss T=1", "AdaLoss"),
        ("opt:exit=3", "OPT exit=3", "OPT"),
        ("mine:Steep:power=3", "mine:Steep:power=3", "mine:Steep:power=3"),
    ],
)
def test_a_weighting_is_named_in_words(spec, title, brief):
    assert names.weighting_title(spec) == title
    assert names.weighting_title(spec, brief=True) == brief


def test_names_need_no_torch():
    code = "import sys, anytime.names; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("ending", ["", ".tar", ".tar.gz", ".tgz", ".zip", ".npz", ".tar.xz"])
def test_a_data_set_in_a_file_goes_by_its_name_alone(ending):
    assert names.dataset_name(f"some/where/my.photos{ending}") == "my.photos"


@pytest.mark.parametrize(("text", "answer"), [("opt", True), ("opt:exit=3", True), ("OPT", False)])
def test_opt_is_known_by_its_name(text, answer):
    assert names.is_opt(text) == answer


def test_a_file_s_name_holds_letters_digits_points_and_dashes_and_ends_in_a_hash():
    assert names.file_name(["b/c", None, "a d"], {"x": 1}).startswith("b-c_a-d_")
    assert names.file_name(["é:1.5"], {"x": 1}).startswith("é-1.5_")
    assert names.file_name(["a"], {"x": 1}) != names.file_name(["a"], {"x": 2})
    assert names.file_name(["a"], {"x": 1, "y": 2}) == names.file_name(["a"], {"y": 2, "x": 1})


def test_what_is_defined_in_a_program_or_a_function_is_named_without_a_place():
    class Inside:
        pass

    assert names.place(Inside) == Inside.__qualname__
    assert names.place(str.upper.__objclass__) == "builtins:str"
    Inside.__module__, Inside.__qualname__ = "__main__", "Mine"
    assert names.place(Inside) == "Mine"


def test_the_parameters_of_a_function_and_of_a_class_are_what_they_are_called_with():
    class Made:
        def __init__(self, depth, width=2):
            pass

    assert [*names.parameters(lambda depth, width=2: None)] == ["depth", "width"]
    assert [*names.parameters(Made)] == ["self", "depth", "width"]


def test_an_option_without_its_sign_is_told_from_a_place_to_import_from():
    with pytest.raises(ValueError, match="'gamma:1' is no option of adaloss; write NAME=VALUE"):
        names.find("adaloss:gamma:1", {"adaloss": object}, "weighting")
