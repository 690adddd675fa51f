"""What each supported model takes, compared with the types of Runway's SDK, which come from its OpenAPI document."""

from typing import Any, get_args, get_type_hints

import pytest
from runwayml.types.text_to_video_create_params import TextToVideoCreateParams

from dreamvision.core.aspect_ratios import AspectRatio
from dreamvision.rendering.runway import MODELS, RATIOS
from dreamvision.schemas.videos import MAX_SEED

VARIANTS: dict[str, dict[str, Any]] = {
    get_args(hints["model"])[0]: hints for hints in map(get_type_hints, get_args(TextToVideoCreateParams))
}


@pytest.mark.parametrize("model", MODELS)
def test_every_model_takes_both_shapes(model: str) -> None:
    assert set(AspectRatio) == RATIOS.keys()
    assert set(RATIOS.values()) <= set(get_args(VARIANTS[model]["ratio"]))


@pytest.mark.parametrize("model", MODELS)
def test_a_seed_is_sent_to_the_models_that_take_one(model: str) -> None:
    assert MODELS[model].takes_seed == ("seed" in VARIANTS[model])


def test_the_largest_seed_has_32_bits() -> None:
    assert MAX_SEED == 2**32 - 1
