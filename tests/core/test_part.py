"""Parts: declared in one place, found by name through one door, options checked."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from duiqi.core.errors import OptionError, PartError
from duiqi.core.gate import Gate
from duiqi.core.part import Catalogue, metric, probe, remedy

GOOD = '''
from duiqi.core.part import probe, remedy

@probe(kind="cost", needs=("model.probs",))
def weight_of_answers(case, *, grams: int = 3, words: tuple[str, ...] = ()):
    """How heavy the answers are.

    Not for real."""
    yield from ()

@remedy(treats=("cost",))
def feathers(case, findings):
    """Lighter."""
'''


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    """An installed distribution that brings a package of probes and one single metric."""
    package = tmp_path / "heavy_parts"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "weight_of_answers.py").write_text(GOOD)
    (package / "broken.py").write_text("raise ImportError('no scales')")
    (package / "misnamed.py").write_text("other = 1")
    (package / "undecorated.py").write_text("def undecorated(case): ...")
    (tmp_path / "heavy_single.py").write_text(
        "from duiqi.core.part import metric\n\n@metric()\ndef mass(truth, guess):\n    return truth\n"
    )
    info = tmp_path / "heavy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: heavy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[duiqi.parts]\nprobe.heavy = heavy_parts\nmetric.mass = heavy_single:mass\nprobe.gone = no_such_package\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Catalogue.installed()
    for name in [name for name in sys.modules if name.startswith("heavy_")]:
        del sys.modules[name]


def test_built_in_metrics_are_found():
    catalogue = Catalogue.installed()
    assert {"accuracy", "macro_f1", "auroc", "calibration_error", "confusion"} <= set(catalogue.names("metric"))
    for part in catalogue.all("metric"):
        assert part.role == "metric"
        assert part is catalogue.find("metric", part.name)


def test_third_party_parts_come_through_the_same_door(third_party):
    assert "weight_of_answers" in third_party.names("probe")
    part = third_party.find("probe", "weight_of_answers")
    assert (part.kind, part.needs, part.summary) == ("cost", ("model.probs",), "How heavy the answers are.")
    assert third_party.find("metric", "mass")([1], None) == [1]
    assert "accuracy" in third_party.names("metric")


@pytest.mark.parametrize(
    ("name", "said"), [("broken", "no scales"), ("misnamed", "misnamed"), ("undecorated", "function")]
)
def test_parts_that_cannot_be_had_are_said(third_party, name, said):
    with pytest.raises(PartError, match=said) as raised:
        third_party.find("probe", name)
    assert raised.value.hint


def test_near_misses_are_named():
    catalogue = Catalogue.installed()
    with pytest.raises(PartError, match="'acuracy'") as raised:
        catalogue.find("metric", "acuracy")
    assert "accuracy" in raised.value.hint
    with pytest.raises(PartError, match="'metrics'") as raised:
        catalogue.names("metrics")
    assert "metric" in raised.value.hint


def test_listing_names_imports_no_part():
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys\nfrom duiqi.core.part import Catalogue, ROLES\n"
            "found = [n for r in ROLES for n in Catalogue.installed().names(r)]\n"
            "rooms = ('metrics', 'edits', 'tasks', 'probes', 'remedies')\n"
            "parts = [m for m in sys.modules if m.startswith(tuple(f'duiqi.{r}.' for r in rooms))]\n"
            "print(len(found), parts, 'torch' in sys.modules, 'pydantic' in sys.modules, 'sklearn' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split(maxsplit=1)
    assert int(said[0]) >= 10
    assert said[1].strip() == "[] False False False"


def test_parts_of_a_file_the_user_names(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(GOOD)
    catalogue = Catalogue.installed([file])
    assert catalogue.find("remedy", "feathers").treats == ("cost",)
    assert "feathers" in catalogue.names("remedy")
    assert "feathers" not in Catalogue.installed().names("remedy")


@pytest.mark.parametrize(
    ("text", "said"), [(None, "no file"), ("x = 1", "without any"), ("1 / 0", "ZeroDivisionError"), ("def", "Syntax")]
)
def test_files_without_parts_are_said(tmp_path, text, said):
    file = tmp_path / "mine.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(PartError, match=said):
        Catalogue.installed([file])


@probe(kind="cost", gates=(Gate("accuracy", at_least=0.5),))
def weigh(case, *, grams: int = 3, words: tuple[str, ...] = (), label: int | None = None, loose=None):
    """Weigh."""
    return grams, words, label, loose


def test_options_are_the_keyword_arguments():
    assert list(weigh.options) == ["grams", "words", "label", "loose"]
    assert weigh(None) == (3, (), None, None)
    assert weigh(None, grams="12", words=["a", "b"], label="1", loose=object)[:3] == (12, ("a", "b"), 1)


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [("gram", 3, "grams"), ("grams", "many", "default is 3"), ("grams", 2.5, "default is 3"), ("words", 7, "default")],
)
def test_wrong_options_are_said_with_what_would_do(option, value, hint):
    with pytest.raises(OptionError, match=option) as raised:
        weigh(None, **{option: value})
    assert hint in raised.value.hint


def test_unknown_kinds_are_refused():
    with pytest.raises(PartError, match="'blindspot'") as raised:
        probe(kind="blindspot")
    assert "blind_spot" in raised.value.hint
    with pytest.raises(PartError):
        remedy(treats=("cost", "everything"))


def test_hooks_belong_to_one_part():
    @metric()
    def one(truth, guess):
        return truth

    @metric()
    def two(truth, guess):
        return truth

    one.finish(lambda sums: sums)
    assert "finish" in one.hooks
    assert two.hooks == {}


def test_a_package_that_is_gone_has_no_parts():
    gone = EntryPoint("probe.gone", "no_such_package", "duiqi.parts")
    assert Catalogue((gone,)).names("probe") == ()
