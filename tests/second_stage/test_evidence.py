import pytest

from contrica.errors import NotIdentifiableError
from contrica.second_stage.evidence import Evidence, refuse_unless_all_hold

FOR = Evidence("a", 1.0, 0.5, True, "this is well")
AGAINST = Evidence("b", 0.1, 0.5, False, "that is not")


def test_only_what_speaks_against_is_quoted():
    with pytest.raises(NotIdentifiableError, match=r"^assumption 'all is well' fails: that is not; try again$"):
        refuse_unless_all_hold("all is well", [FOR, AGAINST], "try again")


def test_nothing_is_refused_where_all_hold():
    refuse_unless_all_hold("all is well", [FOR, FOR], "try again")
    assert str(FOR) == "this is well"
