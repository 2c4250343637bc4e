"""Long texts that an edit flipped are shown from where they differ."""

from __future__ import annotations

from duiqi.core.texts import excerpts


def test_short_texts_are_shown_whole():
    assert excerpts("it rains", "it rians") == ("it rains", "it rians")


def test_long_texts_are_shown_from_just_before_the_first_change():
    before, after = "word " * 100 + "it rains " + "more " * 100, "word " * 100 + "it rians " + "more " * 100
    first, second = excerpts(before, after)
    assert first.startswith("… word")
    assert "it rains" in first
    assert "it rians" in second
    assert max(len(first), len(second)) <= 164
    assert first.endswith(" …")
    assert excerpts("字" * 300 + "甲", "字" * 300 + "乙")[0].endswith("甲")
