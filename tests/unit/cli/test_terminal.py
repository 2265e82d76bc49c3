"""Sentences are wrapped between words on a terminal, and are one line in a pipe."""

import pytest

from tonearm.cli.terminal import say, styled, terminal_width

SENTENCE = "What was left is taken up by the next call."


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of twenty columns that shows colours."""
    monkeypatch.setattr("tonearm.cli.terminal.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.usefixtures("terminal")
def test_a_sentence_is_broken_between_words_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(SENTENCE, indent=4)
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(line.strip() for line in lines) == SENTENCE
    assert len(lines) > 1
    assert all(line.startswith("    ") and len(line) <= 20 for line in lines)


def test_elsewhere_a_sentence_is_one_line_without_colour(capsys: pytest.CaptureFixture[str]) -> None:
    say(SENTENCE, "red")
    assert capsys.readouterr().out == f"{SENTENCE}\n"


@pytest.mark.usefixtures("terminal")
def test_colours_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert styled("wrong", "red") == "\x1b[31mwrong\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert styled("wrong", "red") == "wrong"


def test_a_width_that_is_no_number_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "wide")
    assert terminal_width() == 80
