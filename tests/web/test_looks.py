"""The console to people who do not see it, who have a keyboard only, or a phone: in both schemes, wide and narrow."""

import pytest

from tests.support.world import World, identity
from tests.web.browser import Browser

PLACES = [
    ("#/", "article"),
    ("#/search?outcome=FAILURE", "article"),
    ("#/search?text=nothing+has+this", ".note"),
    (f"#/trail/task/{identity('alpha_task')}", ".timeline article"),
    ("#/trail", ".group"),
    ("#/health", ".u-over"),
]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_and_everything_fits(browser: Browser, world: World, scheme: str, width: int) -> None:
    event = f"#/search?event={world.events['bot_status']}"
    places = [*PLACES, (event, ".panel .facts")]
    found = browser("audit", credential=world.token("owner"), places=places, scheme=scheme, width=width)
    assert list(found) == ["sign in", *(place for place, _ in places), "composer", "picker", "export"]
    assert {place: one["violations"] for place, one in found.items() if one["violations"]} == {}
    assert {place: one["overflow"] for place, one in found.items() if one["overflow"] > 0} == {}
    assert {one["background"] for one in found.values()} == {
        {"light": "rgb(245, 246, 247)", "dark": "rgb(14, 17, 20)"}[scheme]
    }


@pytest.mark.parametrize("width", [1100, 390])
def test_keyboard_alone_reaches_everything(browser: Browser, world: World, width: int) -> None:
    steps = browser("keyboardOnly", credential=world.token("owner"), viewport={"width": width, "height": 800})
    assert steps == {
        "skip": "Skip to the content",
        "main": "main",
        "place": 1,  # j, j, j, k
        "panel": "panel-title",
        "behind": width == 1100,  # on a phone the event covers all, and nothing beneath it is reached
        "back": 1,
        "picker": True,
    }
