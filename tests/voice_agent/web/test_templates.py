"""Personas to begin with, as a whole server tells them."""

from pathlib import Path

import aiohttp

from tests.voice_agent.web.test_browser import place


async def test_each_template_makes_a_persona(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        headers = {"Authorization": f"Bearer {here.secret}"}
        async with aiohttp.ClientSession(here.server.url, headers=headers) as http:
            async with http.get("/api/templates") as response:
                assert response.status == 200
                items = (await response.json())["items"]
            assert [each["id"] for each in items] == [
                *("own", "restaurant", "questions", "appointments", "blank")
            ]
            assert items[0]["persona"]["name"] == "Anna"
            for number, each in enumerate(items):
                body = each["persona"] | {"name": f"Copy {number}"}
                async with http.post("/api/personas", json=body) as response:
                    assert response.status == 201, await response.text()
                    levels = [found["level"] for found in (await response.json())["findings"]]
                assert "error" not in levels, each["id"]
