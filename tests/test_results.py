"""Tables of results: numbers come from `scores.json`; published ones stand beside ours even where ours are lower."""

import csv
import io
import json

import pytest

from zoo.deliver.presets import _results as results


def scores_of(mig, held_out=None):
    metrics = {
        "mig": {"entries": ["mig"], "parameters": {"samples": 10000, "bins": 20}},
        "failed": {"entries": [], "parameters": {}},
    }
    config = {
        "data": "shapes2d", "settings": {"gamma": 40.0}, "likelihood": "bernoulli", "latent_dim": 10,
        "steps": 150_000, "batch_size": 64, "learning_rate": 2e-4, "precision": "float32", "seed": 2,
    }  # fmt: skip
    return {
        "scores": {"reconstruction": 36.7, "kl": 19.9, "elbo": -56.6, "mig": mig},
        "how": {
            "model": "FactorVAE",
            "metrics": metrics,
            "samples": 15000,
            "parameters": {"model": 500_000, "discriminator": 5_000_000},
            "forms": {"LiteRT float16": {"bytes": 10, "encode_ms": 0.25, "decode_ms": 0.5}},
            "faults": {"factors": [{"name": "x"}, {"name": "y"}]},
            "held_out": held_out,
            "training": {
                "config": config, "candidates": [{}, {}, {}], "rule": "mig", "seconds": 90.0,
                "hardware": "one NVIDIA H100",
            },
        },
    }  # fmt: skip


FOUND = {
    "one": scores_of(0.238, {"data": "split(x)", "scores": {"elbo": -60.0}}),
    "two": scores_of(0.5),
}
SIZES = {"one": 2**21, "two": 2**20}


def test_the_csv_holds_settings_budget_place_scores_and_forms():
    rows = list(csv.DictReader(io.StringIO(results.results_csv(FOUND, SIZES))))
    assert [row["preset"] for row in rows] == ["one", "two"]
    expected = {
        "settings": "gamma=40.0", "updates": "150000", "batch": "64", "seed": "2", "seeds": "3",
        "minutes": "1.5", "hardware": "one NVIDIA H100", "parameters": "5500000", "elbo": "-56.6",
        "held_out_elbo": "-60.0", "mig": "0.238", "mig parameters": "samples=10000, bins=20",
        "LiteRT float16 bytes": "10", "LiteRT float16 encode_ms": "0.25",
    }  # fmt: skip
    assert {name: rows[0][name] for name in expected} == expected
    assert rows[1]["held_out_elbo"] == ""


def test_a_published_number_stands_beside_ours_whether_it_is_higher_or_lower():
    study = {
        "model": "FactorVAE", "data": "2D Shapes", "source": "a paper", "budget": "300,000 × 64",
        "differs": "the data", "variant": "20 bins", "preset": "one", "scores": {"mig": "0.43", "sap": "0.56"},
    }  # fmt: skip
    none = {**study, "preset": None, "scores": {"mig": "0.1"}}
    _, _, first, second, third = results.published_table([study, none], FOUND).splitlines()
    assert first == (
        "| FactorVAE, 2D Shapes, a paper | MIG | 0.43 | 0.238 | 300,000 × 64; 150,000 × 64 "
        "| the data (metric: 20 bins) |"
    )
    assert second.split(" | ")[1:4] == ["SAP", "0.56", "–"]
    assert third.split(" | ")[3:5] == ["–", "300,000 × 64; –"]


def test_the_table_says_which_of_how_many_seeds():
    line = results.results_table(FOUND, SIZES).splitlines()[2]
    assert "| 2, of 3 |" in line
    assert "| 0.24 |" in line
    assert "| 2.0 |" in line


def test_the_short_table_links_cards_from_where_it_stands():
    head, _, line, _ = results.results_table(
        FOUND, SIZES, results.SHORT, "saved_models/"
    ).splitlines()
    assert head == "| preset | data | FactorVAE score | MIG | DCI | reconstruction | MiB |"
    assert line == "| [`one`](saved_models/one/card.md) | `shapes2d` | – | 0.24 | – | 36.7 | 2.0 |"


def a_checkout(root, marks=True):
    """With one preset, and READMEs that have a line around each table."""
    own = root / "saved_models"
    (own / "one").mkdir(parents=True)
    (own / "one" / "scores.json").write_text(json.dumps(scores_of(0.238)))
    (own / results.PUBLISHED).write_text("[]")
    presets = "before\n<!-- presets: -->\n<!-- end of presets -->\nafter\n"
    (root / "README.md").write_text(presets)
    published = "<!-- published: -->\n<!-- end of published -->\n" if marks else ""
    (own / "README.md").write_text(presets + published)
    return own


def test_both_readmes_get_their_tables_and_keep_the_rest(tmp_path):
    own = a_checkout(tmp_path)
    results.write_results(tmp_path, [own / "one"])
    for file, link in ((tmp_path, "saved_models/one"), (own, "one")):
        text = (file / "README.md").read_text(encoding="utf-8")
        assert text.startswith("before\n")
        assert "\nafter\n" in text
        assert f"[`one`]({link}/card.md)" in text
    assert "150,000 × 64" in text
    assert "what differs" in text
    assert (own / results.CSV).exists()


def test_where_one_readme_has_no_marks_none_is_written(tmp_path):
    own = a_checkout(tmp_path, marks=False)
    before = (tmp_path / "README.md").read_bytes()
    with pytest.raises(ValueError, match="Expected one section"):
        results.write_results(tmp_path, [own / "one"])
    assert (tmp_path / "README.md").read_bytes() == before
    assert not (own / results.CSV).exists()


@pytest.mark.parametrize(
    "text", ["no marks", "<!-- a: -->\n1", "<!-- a: -->\n<!-- end of a -->\n" * 2]
)
def test_a_readme_without_its_marks_is_not_written(text):
    with pytest.raises(ValueError, match="Expected one section"):
        results.replaced(text, "a", "table")
