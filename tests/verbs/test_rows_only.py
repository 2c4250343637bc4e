"""What is wrong with rows is told without a model that was trained for them."""

import json

import pytest

import duiqi
from duiqi.core.dataset import Dataset
from duiqi.core.errors import ModelError, OptionError, PartError
from duiqi.data.simulated import leaking_case, mislabelled_case

ROWS = ("label_noise", "leakage", "private_data", "harmful_content")


def parts(case):
    def rows(data, name):
        return Dataset.of({"text": list(data.texts), "label": list(data.values("label"))}, name=name)

    return {"train": rows(case.train, "train"), "dev": rows(case.data, "dev")}


@pytest.fixture
def rng():
    import numpy as np

    return np.random.default_rng(0)


def test_a_body_without_a_head_is_enough(body, rng, tmp_path):
    report = duiqi.diagnose(body, parts(mislabelled_case(rng, wrong=0.2)), only=ROWS, out=tmp_path / "out")
    assert "label_noise" in {finding.kind for finding in report.findings}
    assert not report.skipped
    said = json.loads((tmp_path / "out" / "report.json").read_text())
    (suspects,) = [each for each in said["exhibits"] if each["data"]["title"] == "suspects"]
    assert suspects["data"]["rows"]
    assert "relabel" in said["findings"][0]["remedies"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "--with" in page
    assert "duiqi repair" not in page  # which needs a head


def test_leaks_are_found_so_too(body, rng):
    report = duiqi.diagnose(body, parts(leaking_case(rng, share=0.1)), only=["leakage"])
    assert [finding.kind for finding in report.findings] == ["leakage"]


def test_one_file_of_rows_is_enough(body, rng):
    rows = {"all": parts(mislabelled_case(rng, wrong=0.2))["train"]}
    report = duiqi.diagnose(body, rows, only=["label_noise", "private_data", "leakage"])
    assert "label_noise" in {finding.kind for finding in report.findings}
    assert len([each for each in report.measures if each.probe == "private_data"]) == 1
    assert [(each["probe"], each["why"]) for each in report.skipped] == [("leakage", "unsuited")]


def test_what_asks_the_model_still_needs_a_head(body, rng):
    rows = parts(mislabelled_case(rng, wrong=0.2))
    for only in ([], ["label_noise", "performance"]):
        with pytest.raises(ModelError, match=r"expected a model with a head for classify") as error:
            duiqi.diagnose(body, rows, only=only)
        assert error.value.hint.startswith("As it stands it answers rank. For classify train one: duiqi align ")


def test_what_was_not_looked_at_is_no_pass(body, rng):
    rows = {"dev": parts(leaking_case(rng, share=0.1))["dev"]}
    report = duiqi.diagnose(body, rows, only=["leakage"])
    assert [each["probe"] for each in report.skipped] == ["leakage"]
    assert report.verdict == "unclear"
    assert report.exit_code == 3


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"edits": ["synonym"]}, PartError, "expected the name of an edit, given 'synonym'"),
        ({"edits": ["synonyms"], "edit_options": {"synonyms": {"rat": 0.2}}}, OptionError, "given 'rat'"),
        ({"edits": ["negation"]}, OptionError, "negation"),
    ],
)
def test_options_inside_options_are_the_users_to_mend(rng, options, error, said):
    from duiqi.core.examine import Order, examine
    from duiqi.data.simulated import slipping_case

    case = slipping_case(rng, slips=0.0)
    with pytest.raises(error, match=said):
        examine(case, [Order(case.catalogue.find("probe", "robustness"), options)])
