"""Entity tags and ``If-None-Match``."""

import pytest

from dreamvision_api.etags import entity_tag, is_known

_TAG = entity_tag("a version")


def test_a_tag_is_strong_and_follows_the_version() -> None:
    assert _TAG.startswith('"')
    assert _TAG.endswith('"')
    assert entity_tag("a version") == _TAG
    assert entity_tag("another version") != _TAG
    assert "version" not in _TAG


@pytest.mark.parametrize("header", [_TAG, f"W/{_TAG}", f'"other", {_TAG}', f'"a,b",W/{_TAG} ,"c"', "*", " * "])
def test_a_matching_tag_is_recognized(header: str) -> None:
    assert is_known(header, _TAG)


@pytest.mark.parametrize(
    "header", ["", '"other"', _TAG.strip('"'), _TAG[:-1], f'"{_TAG.strip(chr(34))}x"', '"*"', "W/"]
)
def test_other_tags_do_not_match(header: str) -> None:
    assert not is_known(header, _TAG)
