from hypothesis import assume, given
from hypothesis import strategies as st

from contrica.report.svg import MOST_TICKS, Scale, element, words


def test_text_and_attributes_cannot_break_out_of_their_place():
    markup = element("text", words("</text><script>"), aria_label='"><script>')
    assert "<script>" not in markup
    assert markup.count("<") == 2


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_few_and_within_the_range(low, width):
    scale = Scale(low, low + width, 0.0, 1.0)
    assume(scale.high > scale.low)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= MOST_TICKS + 1
    assert all(low - 1e-6 * width <= tick <= low + width + 1e-6 * width for tick in ticks)


def test_a_value_outside_is_drawn_at_the_nearer_end():
    scale = Scale(0.0, 1.0, 10.0, 20.0)
    assert [scale(-3.0), scale(0.5), scale(7.0)] == [10.0, 15.0, 20.0]


def test_a_single_value_still_has_a_range():
    scale = Scale.around([2.0, 2.0], 0.0, 1.0)
    assert scale.low < 2.0 < scale.high
