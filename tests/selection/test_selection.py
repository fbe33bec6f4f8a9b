import json

from contrica.diagnosis import Check, Verdict
from contrica.selection import Candidate, DissimilaritySelection

FINE = Check("free critic", (), "", Verdict.FINE, "a critic without structure is no better")


def selection(*rows, free_critic=FINE):
    """Of rows of exponent, excess and error; an exponent in a list was learned."""
    candidates = []
    for exponent, excess, error in rows:
        learned = isinstance(exponent, list)
        start = exponent[0] if learned else exponent
        exponents = tuple(exponent) if learned else (exponent, exponent)
        candidates.append(Candidate(start, learned, exponents, 2.0 + excess, 0.02, excess, error))
    return DissimilaritySelection(tuple(candidates), free_critic, ())


def test_a_clear_winner_on_one_side_of_two_is_chosen_and_holds_the_axes():
    found = selection((1.0, 0.0, 0.0), (2.0, 0.2, 0.01), (3.0, 0.4, 0.01))
    assert (found.chosen.name, found.decided, found.axes_identified) == ("exponent 1", True, True)
    assert found.dissimilarity.fixed_exponent == 1.0


def test_a_clear_win_of_two_is_a_decision_that_holds_no_axes():
    found = selection((1.0, 0.15, 0.01), (2.0, 0.0, 0.0), (3.0, 0.05, 0.005))
    assert (found.chosen.name, found.decided, found.axes_identified) == ("exponent 2", True, False)
    assert "up to a linear map" in found.words


def test_where_two_does_equally_well_it_is_chosen_and_no_axes_are_claimed():
    found = selection((1.0, 0.0, 0.0), (2.0, 0.02, 0.02), (3.0, 0.4, 0.02))
    assert (found.chosen.name, found.decided, found.axes_identified) == ("exponent 2", False, False)
    assert "cannot tell" in found.words


def test_where_both_sides_do_equally_well_no_axes_are_claimed():
    found = selection((1.0, 0.0, 0.0), (2.0, 0.1, 0.01), (3.0, 0.02, 0.02))
    assert not found.decided
    assert not found.axes_identified


def test_a_fixed_exponent_is_preferred_to_learned_ones_that_do_equally_well():
    found = selection((1.0, 0.004, 0.002), (2.0, 0.2, 0.01), ([0.9, 1.1], 0.0, 0.0))
    assert found.chosen.name == "exponent 1"


def test_learned_exponents_are_chosen_where_no_fixed_one_will_do():
    found = selection((1.0, 0.08, 0.01), (2.0, 0.1, 0.01), ([1.0, 3.0], 0.0, 0.0))
    assert found.chosen.learned
    assert found.axes_identified
    assert found.dissimilarity.exponent.tolist() == [1.0, 3.0000000000000004]


def test_a_better_free_critic_is_told_of():
    worse = Check("free critic", (), "", Verdict.LOOK, "a critic without structure wins 0.300 nats")
    assert "wins 0.300 nats" in selection((1.0, 0.0, 0.0), (2.0, 0.2, 0.01), free_critic=worse).words


def test_a_selection_prints_every_candidate_and_is_json():
    found = selection((1.0, 0.0, 0.0), (2.0, 0.2, 0.01), ([0.9, 1.1], 0.01, 0.01))
    lines = str(found).splitlines()
    assert len(lines) == 5
    assert lines[3].endswith("0.90 1.10")
    assert json.loads(json.dumps(found.to_dict()))["chosen"] == "exponent 1"
