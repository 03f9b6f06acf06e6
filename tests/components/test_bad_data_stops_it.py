"""Bad data ends the program before it has asked for anything, and the engine gets the text alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pulumi
import pytest

from tests.components.programs import program_with
from tests.harness import run_stack


def test_a1_10_the_program_says_what_is_wrong_and_asks_for_nothing() -> None:
    with pytest.raises(pulumi.RunError) as said:
        program_with({"machines/a-bru-be/fabric/address": "10.99.0.11", "machines/a-ams-nl/regoin": "ams"})
    text = str(said.value)
    assert "nothing was changed" in text
    assert "all.yaml:" in text
    assert text.count("way out:") >= 3, "the two holders of the address, and the misspelt key"
    assert said.value.__suppress_context__, "a traceback says nothing to somebody who edits data"


def test_a1_10_a_folder_without_data_is_an_error() -> None:
    with tempfile.TemporaryDirectory() as place:
        empty = Path(place) / "empty"
        empty.mkdir()
        with pytest.raises(pulumi.RunError, match="way out"):
            run_stack("local", Path(place) / "run", data=empty)
