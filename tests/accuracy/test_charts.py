"""Charts of one tempo give their audio, tempo and a beat; others are left out."""

import pytest

from tests.accuracy.charts import Chart, parse

SM = "#TITLE:A;\n#MUSIC:a.ogg;\n#OFFSET:-0.250;\n#BPMS:0.000=140.000;\n#STOPS:;\n"
TJA = "TITLE:A\nBPM:150\nWAVE:a.ogg\nOFFSET:-1.2\n#START\n#MEASURE 3/4\n1000,\n#END\n"


def test_a_chart_of_stepmania_is_read() -> None:
    assert parse("a.sm", SM) == Chart("a.ogg", 140.0, 0.25)


def test_a_chart_of_taiko_is_read() -> None:
    assert parse("a.tja", TJA) == Chart("a.ogg", 150.0, 1.2)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.sm", SM.replace("0.000=140.000", "0.000=140.000,64.000=70.000")),
        ("a.sm", SM.replace("#STOPS:", "#STOPS:16.000=0.5")),
        ("a.sm", SM.replace("#MUSIC:a.ogg", "#MUSIC:")),
        ("a.tja", TJA.replace("1000,", "1000,\n#BPMCHANGE 75\n1000,")),
        ("a.tja", TJA.replace("3/4", "7/8")),
    ],
    ids=["tempo changes", "stop", "no audio", "tempo changes", "odd metre"],
)
def test_what_has_no_single_tempo_is_left_out(name: str, text: str) -> None:
    assert parse(name, text) is None
