"""The sandbox's titles are the dream's own words."""

import pytest

from local.sandbox.claude.titles import write_title


@pytest.mark.parametrize(
    ("dream", "title"),
    [
        ("I was flying over a dark forest with twisted trees", "Flying over a dark forest"),
        ("I dreamed that the moon was singing. Then I woke up.", "The moon was singing"),
        ("Ich habe geträumt, dass der Mond singt und niemand schläft", "Der Mond singt und niemand schläft"),
        ("空を飛んでいて、月が歌っていた。", "空を飛んでいて、月が歌っていた"),
        ("夢" * 300, "夢" * 60),
        ("... !!!", "... !!!"),
    ],
)
def test_a_title_is_the_beginning_of_the_dream(dream: str, title: str) -> None:
    assert write_title(dream) == title
    assert len(write_title(dream)) <= 60
