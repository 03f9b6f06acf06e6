"""What a mirror's front answers by itself: names it knows and others, files, listings. Needs root."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostconfig.front_plant import FILES, HOST_6, SERVICE, TEXT, Plant, planted

pytestmark = pytest.mark.rehearsal


@pytest.fixture(scope="module")
def plant() -> Iterator[Plant]:
    with planted() as made:
        made.supervise()
        made.first()
        yield made


def test_unknown_names_get_no_answer_and_plain_http_leads_to_https(plant: Plant) -> None:
    assert plant.ask("other.fleet.example", "/")[0] == 0
    assert plant.ask("other.fleet.example", "/", scheme="http")[0] == 0
    assert plant.ask(FILES, "/package.xbps", "-H", "Host: other.fleet.example")[0] == 0
    status, text = plant.ask(FILES, "/a?b=c", scheme="http")
    assert (status, f"Location: https://{FILES}/a?b=c\n" in text.replace("\r", "")) == (308, True)
    assert plant.ask(FILES, "/package.xbps", host=f"[{HOST_6}]")[0] == 200
    assert plant.ask(FILES, "/", scheme="http", host=f"[{HOST_6}]")[0] == 308
    status, text = plant.ask("files.fleet.example", "/x")
    assert (status, f"location: https://{FILES}/x\n" in text) == (308, True)


def test_files_have_listings_ranges_and_words_on_keeping_them(plant: Plant) -> None:
    (plant.tree / "x86_64-repodata").write_text("index")
    (plant.tree / ".package.xbps.part").write_text("half")
    assert "package.xbps" in plant.ask(FILES, "/")[1]
    status, text = plant.ask(FILES, "/package.xbps", "-r", "0-3")
    assert (status, text.partition("\n\n")[2]) == (206, TEXT[:4])
    assert "HTTP/2 206" in text
    assert "cache-control: public, max-age=3600\n" in text
    assert "cache-control: no-cache\n" in plant.ask(FILES, "/x86_64-repodata")[1]
    assert "cache-control" not in plant.ask(FILES, "/")[1]
    assert plant.ask(FILES, "/.package.xbps.part")[0] == 404
    assert plant.ask(FILES, "/package.xbps", "-X", "POST")[0] == 405
    assert plant.ask(SERVICE, "/")[0] == 502, "nobody is there yet"
    assert "app: no instance of this service answers" in plant.ask(SERVICE, "/")[1]
