"""The API put together from the configuration."""

from pathlib import Path

import pytest

from voice_agent.app import serving
from voice_agent.errors import ConfigurationError
from voice_agent.settings import load


async def test_a_proxy_that_is_no_network_is_named(tmp_path: Path) -> None:
    storage = f'storage.url="sqlite:///{tmp_path}/test.db"'
    proxies = 'server.trusted_proxies=["10.0.0.0/33"]'
    configuration = load("scripted.toml", (storage, proxies, "server.port=0"), {})
    with pytest.raises(ConfigurationError, match=r"`server.trusted_proxies`.*10\.0\.0\.0/33"):
        async with serving(configuration):
            pass
