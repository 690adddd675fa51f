"""The address at which clients on other machines reach the local stack."""

import pytest

from local.emulator import ministack
from local.emulator.deploy import parameters_of
from local.settings import SettingsError, load


def test_the_addresses_for_clients_follow_the_host() -> None:
    settings = load({"LOCAL_HOST": "127.0.0.2", "LOCAL_PORT": "7000"})
    assert settings.api_url == "http://127.0.0.2:7001"
    assert settings.websocket_url == "ws://127.0.0.2:7001/v1"
    assert settings.page_url == "http://127.0.0.2:7004"
    assert settings.media_url == "http://127.0.0.2:7001/media"
    assert ministack.environment(settings)["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.2:7001"
    assert settings.endpoint_url == "http://127.0.0.1:7000"
    parameters = parameters_of(settings)
    assert parameters["MediaBaseUrl"] == settings.media_url
    assert set(parameters["AllowedOrigins"].split(",")) == {
        "http://localhost:8081",
        "http://localhost:19006",
        "http://127.0.0.1:7004",
        "http://127.0.0.2:7004",
        "http://127.0.0.2:8081",
        "http://127.0.0.2:19006",
    }
    assert ministack.environment(load({}))["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:4566"


def test_an_address_that_this_machine_does_not_have_is_rejected() -> None:
    with pytest.raises(SettingsError, match=r"does not have the address 198\.51\.100\.77 \(LOCAL_HOST\)"):
        load({"LOCAL_HOST": "198.51.100.77"})
