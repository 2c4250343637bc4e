import pytest

from duiqi.catalogue import list_parts, page
from duiqi.core.errors import PartError
from duiqi.data.steps import STEPS


def test_all_roles_are_listed_and_steps_beside_them():
    listed = list_parts()
    assert {each["role"] for each in listed} == {"metric", "edit", "attack", "task", "probe", "remedy", "step"}
    assert [each["name"] for each in list_parts("steps")] == list(STEPS)
    assert list_parts("remedy") == list_parts("remedies")
    assert all(each["summary"].endswith(".") for each in listed), "one whole sentence each"


def test_a_step_has_a_page_with_its_options():
    said = page("length")
    assert said.startswith("length (step)")
    assert "option most = 0" in said
    assert page("steps") is None


def test_a_name_that_is_no_part_names_the_nearest():
    with pytest.raises(PartError, match="'duplicats'") as raised:
        list_parts("duplicats")
    assert "duplicates" in raised.value.hint
