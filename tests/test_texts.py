"""Datasets, likelihoods and settings as users write them: paths of any system, and text that is none."""

import numpy as np
import pytest

import zoo
from zoo.runs.training import parse_setting
from zoo.utils.registry import parse_call, shortened

PATHS = [
    r"C:\data\new",
    r"C:\Users\xavier\u1\N{x}\0",
    r"D:\temp\a b (1)\t.npz",
    r"\\server\share\new",
    r"..\new\data",
    "C:\\data\\",
    'C:\\it\'s "new"\\n',
    "/data/new",
    "/data/it's",
    "/data/été",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_read_as_python_prints_it(path):
    assert parse_call(f"read({path!r}, size=64)") == ("read", [path], {"size": 64})
    assert parse_setting(f"path={path!r}") == ("path", path)


@pytest.mark.parametrize("path", [path for path in PATHS if "'" not in path])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_path_is_read_as_users_type_it(path, quote):
    assert parse_call(f"read({quote}{path}{quote}, size=64)") == ("read", [path], {"size": 64})
    assert parse_call(f"read({quote}{path}{quote})") == ("read", [path], {})


@pytest.mark.parametrize("path", [path for path in PATHS if "'" not in path])
def test_a_path_in_a_call_in_a_call_stays_the_same(path):
    name, [inner, *_], _ = parse_call(f"split(read('{path}', grey=True), 0.5, 0.5)")
    assert name == "split"
    assert parse_call(inner) == ("read", [path], {"grey": True})


@pytest.mark.parametrize("text", [r"C:\data\new", r"read('C:\data\new', size=64)", r"..\data"])
def test_a_path_of_another_system_is_no_folder_here(text):
    with pytest.raises(ValueError, match=r"No folder (C:|\.\.)\\data"):
        zoo.datasets.load(text)


@pytest.mark.parametrize("prefix", ["r", "R"])
def test_a_raw_string_is_itself(prefix):
    assert parse_call(rf"read({prefix}'C:\data\\new')")[1] == [r"C:\data\\new"]


MANY = 20_000
NO_CALLS = {
    "a key that cannot be one": "read({[]:1})",
    "a set of lists": "read({[1]})",
    "brackets": f"read({'[' * MANY}{']' * MANY})",
    "parentheses": f"read({'(' * MANY}1{')' * MANY})",
    "calls": "noisy(" * MANY + "digits" + ")" * MANY,
    "sixty calls": "noisy(" * 60 + "digits" + ")" * 60,
    "signs": f"read({'-' * MANY}1)",
    "sums": f"read({'1+' * MANY}1)",
    "powers": f"read({'2**' * MANY}1)",
    "comparisons": f"read({'1<' * MANY}1)",
    "denials": f"read({'not ' * MANY}1)",
    "attributes": f"read(a{'.a' * MANY})",
    "subscripts": f"read(a{'[0]' * MANY})",
    "functions": f"read({'lambda:' * MANY}1)",
    "choices": f"read({'1 if 1 else ' * MANY}1)",
    "dictionaries": f"read({'{1:' * 90}1{'}' * 90})",
    "digits": f"read({'9' * MANY})",
    "no character": "read('\0')",
    "no text": "read('\udcff')",
    "an argument twice": "read('a/', size=1, size=2)",
    "arguments without names": "read('a/', **{'size': 1})",
    "many arguments": "read(*['a/'])",
    "no end": "read('a/'",
    "an operator": "read('a/') + 1",
    "a call of a call": "read('a/')('b/')",
    "a number of a part": f"split(digits, 0.5, 0.5)[{'9' * MANY}]",
}


@pytest.mark.parametrize("text", NO_CALLS.values(), ids=NO_CALLS)
def test_text_that_is_no_call_ends_in_one_line(text):
    with pytest.raises(ValueError, match="Expected a name, or a call with plain values") as error:
        zoo.datasets.load(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
    with pytest.raises(ValueError, match="Expected a name, or a call with plain values"):
        parse_call(text)


@pytest.mark.parametrize("text", NO_CALLS.values(), ids=NO_CALLS)
@pytest.mark.parametrize("room", ["likelihoods", "metrics"])
def test_text_that_is_no_likelihood_or_metric_ends_in_one_line(room, text):
    with pytest.raises(ValueError, match=r"\S") as error:
        zoo.registry.build(room, text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize(
    "value", [text.removeprefix("read(")[:-1] for text in NO_CALLS.values()], ids=NO_CALLS
)
def test_a_setting_that_is_no_value_stays_text(value):
    assert parse_setting(f"beta={value}") == ("beta", value)


def test_calls_in_calls_up_to_a_depth_that_nobody_needs():
    depth = 20
    data = zoo.datasets.load("noisy(" * depth + "digits" + ", strength=0.01)" * depth)
    assert data.images([0]).shape == (1, 8, 8, 3)


def test_a_long_list_is_no_deep_one():
    rows = list(range(5000))
    assert parse_call(f"held_out(digits, digit={rows})")[2] == {"digit": rows}


def test_a_name_of_any_length_is_not_known():
    for text in ("a" * 10**6, "tfds:" + "a" * 10**5, "/absent" * 1000):
        with pytest.raises(ValueError, match=r"\S") as error:
            zoo.datasets.load(text)
        assert "\n" not in str(error.value)


def test_shortened_texts_keep_their_ends():
    assert shortened("short") == "'short'"
    assert shortened("a" * 150 + "b" * 150) == f"'{'a' * 100} ... {'b' * 100}'"


def test_plain_values_of_all_kinds():
    text = "f(1, -2.5, 'a', \"b\", None, True, [1, (2,)], {'c': {3}}, 1 + 2j, key=-1e-3)"
    expected = [1, -2.5, "a", "b", None, True, [1, (2,)], {"c": {3}}, 1 + 2j]
    assert parse_call(text) == ("f", expected, {"key": -1e-3})
    assert np.isinf(parse_call("f(1e999)")[1][0])
