"""A word that the command does not know is the user's, not a defect of ours."""

from __future__ import annotations

import sys

import pytest

from stagebridge.cli import app


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("hooks", "list", "--nope"), "--nope"),
        (("hooks", "messages", "--limit", "many"), "--limit"),
        (("hooks", "replay", "--since", "yesterday"), "--since"),
        (("hooks", "resume"), "name"),
        (("hoks",), "hoks"),
    ],
)
def test_misuse_is_named_with_the_help_that_explains_it_and_ends_with_2(
    words: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stagebridge", *words])
    monkeypatch.setattr(app, "share_one_heap", lambda: None)
    with pytest.raises(SystemExit) as ended:
        app.run()
    shown = capsys.readouterr().err
    assert ended.value.code == 2
    assert says in shown
    assert "--help" in shown
    assert "report it" not in shown
