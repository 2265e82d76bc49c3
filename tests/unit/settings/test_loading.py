"""The most specific source of a setting wins, and an invalid setting is reported with its file."""

import dataclasses
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.variables import unset_variables
from tonearm.errors import ConfigurationError
from tonearm.settings import (
    DEFAULT_RULES,
    Level,
    Rule,
    Settings,
    config_path,
    load,
    load_settings,
    read_rule,
    unknown_variables,
    without_password,
)

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unset_variables(monkeypatch)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))


@pytest.fixture
def toml(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Write:
    """Writes the file that TONEARM_CONFIG names."""

    def write(text: str) -> Path:
        path = tmp_path / "settings.toml"
        path.write_text(text, "utf-8")
        monkeypatch.setenv("TONEARM_CONFIG", str(path))
        return path

    return write


def refusal(**overrides: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(overrides)
    return str(caught.value)


def test_without_any_setting_there_are_defaults() -> None:
    settings = load_settings()
    assert settings.workers == len(os.sched_getaffinity(0))
    assert settings.rules == DEFAULT_RULES
    assert settings.data_dir.name == "tonearm"


def test_the_nearest_word_wins(toml: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    default = load_settings().grace_s
    toml("grace_s = 31")
    assert default != 31
    assert load_settings().grace_s == 31
    monkeypatch.setenv("TONEARM_GRACE_S", "32")
    assert load_settings().grace_s == 32
    assert load_settings({"grace_s": 33}).grace_s == 33


def test_an_option_that_was_not_given_leaves_the_others_to_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONEARM_WORKERS", "7")
    assert load_settings({"workers": None}).workers == 7


def test_each_value_tells_where_it_comes_from(toml: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    toml("grace_s = 31\nnice = 3\nworkers = 2")
    monkeypatch.setenv("TONEARM_NICE", "4")
    monkeypatch.setenv("TONEARM_WORKERS", "5")
    overrides: dict[str, object] = {"workers": 6, "data_dir": None}
    origins = load(overrides).origins
    said = {name: origins[name] for name in ("workers", "nice", "grace_s", "lease_s", "data_dir")}
    assert said == {
        "workers": "command line",
        "nice": "environment",
        "grace_s": "file",
        "lease_s": "default",
        "data_dir": "default",
    }


def test_without_a_name_the_file_of_the_platform_is_read(tmp_path: Path) -> None:
    path = config_path({})
    assert path == tmp_path / "config" / "tonearm" / "tonearm.toml"
    path.parent.mkdir(parents=True)
    path.write_text("workers = 3")
    assert load_settings().workers == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", "-1"),
        ("workers", "513"),
        ("workers", "many"),
        ("nice", "-1"),
        ("grace_s", "-1"),
        ("grace_s", "nan"),
        ("ageing_s", "0"),
        ("memory_mb", "12"),
        ("listen", "localhost"),
        ("listen", "127.0.0.1:65536"),
        ("listen", "http://localhost:80"),
        ("listen", "::1:80"),
        ("lease_s", "1"),
        ("window_s", "0.5"),
        ("retry_base_s", "0"),
    ],
)
def test_a_value_out_of_bounds_is_named_with_its_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TONEARM_{name.upper()}", value)
    assert f"setting {name} = {value!r}" in refusal()


def test_every_wrong_value_is_named_at_once(toml: Write) -> None:
    path = toml('workers = -1\nnice = "very"')
    message = refusal()
    assert "setting workers = -1" in message
    assert "setting nice = 'very'" in message
    assert str(path) in message


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("wrokers = 4", "setting wrokers ({}): there is no such setting; do you mean workers?"),
        ("[servers]\nx = 1", "setting servers ({}): there is no such setting"),
        (
            '[[rules]]\nlevel = "low"\nformat = ["wav"]',
            "setting rules.0.format ({}): there is no such setting; do you mean formats?",
        ),
    ],
)
def test_a_name_in_the_file_that_is_no_setting_is_refused(written: str, said: str, toml: Write) -> None:
    path = toml(written)
    assert refusal() == said.format(f"in {path}")


def test_a_file_that_is_not_toml_is_refused_by_its_name(toml: Write) -> None:
    path = toml("workers = = 4")
    assert f"{path}: not valid TOML" in refusal()


def test_a_file_that_is_not_text_is_refused_by_its_name(toml: Write) -> None:
    path = toml("")
    path.write_bytes(b"workers = 4 # \xff\xfe")
    assert str(path) in refusal()


def test_a_file_that_is_named_and_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONEARM_CONFIG", str(tmp_path / "nowhere.toml"))
    assert "nowhere.toml" in refusal()


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = config_path({})
    path.mkdir(parents=True)
    assert refusal() == f"{path}: the settings can't be read: Is a directory"
    monkeypatch.setenv("TONEARM_CONFIG", str(tmp_path))
    assert refusal() == f"{tmp_path}: the settings can't be read: Is a directory"


def test_a_file_that_may_not_be_read_is_refused(toml: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toml("workers = 4")

    def refuse(*_: object, **__: object) -> NoReturn:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(io, "open", refuse)  # a real one refuses root nothing
    assert refusal() == f"{path}: the settings can't be read: Permission denied"


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ('["*.tmp", "old, new"]', ("*.tmp", "old, new")),
        ("*.tmp", ("*.tmp",)),
        (" *.tmp , old,", ("*.tmp", "old")),
        ("", Settings().exclude),
        ("[]", ()),
    ],
)
def test_a_list_in_the_environment_is_words_or_json(
    value: str, meant: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONEARM_EXCLUDE", value)
    assert load_settings().exclude == meant


@pytest.mark.parametrize("value", ['["*.tmp"', "[*.tmp]", "[1, 2]"])
def test_a_list_in_the_environment_that_is_not_json_is_named(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONEARM_EXCLUDE", value)
    assert "setting exclude" in refusal()


def test_the_form_of_a_list_is_told_to_who_missed_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONEARM_EXCLUDE", "[a")
    assert refusal() == (
        "setting exclude = '[a' (from TONEARM_EXCLUDE): "
        'must be an array such as ["a", "b"], or texts with commas between them'
    )


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NEO4J_URL", "WORKERS", "RULES", "CONFIG"):
        monkeypatch.setenv(f"TONEARM_{name}", "")
    settings = load_settings()
    assert (settings.neo4j_url, settings.rules) == (None, DEFAULT_RULES)
    assert load().origins["workers"] == "default"


def test_a_wrong_value_is_told_with_where_it_was_set(toml: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toml("workers = -1\nnice = -2\ngrace_s = -3")
    monkeypatch.setenv("TONEARM_NICE", "-4")
    said = refusal(workers=-5)
    assert "setting workers = -5 (from the command line): " in said
    assert "setting nice = '-4' (from TONEARM_NICE): " in said
    assert f"setting grace_s = -3 (in {path}): " in said


@pytest.mark.parametrize("value", ["high", "[{]", "{}"])
def test_rules_in_the_environment_that_are_none_are_named(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONEARM_RULES", value)
    assert "rules" in refusal()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("workers", "many", "must be a whole number from 0 to 512"),
        ("workers", "2.5", "must be a whole number from 0 to 512"),
        ("recycle_mb", "0", "must be a whole number, 1 or more"),
        ("grace_s", "inf", "must be a number, 0 or more"),
        ("breaker_slow_rate", "1.5", "must be a number, above 0, at most 1"),
        ("rabbitmq_replicated", "maybe", "must be true or false"),
        ("namespace", "a b", "must be 1 to 60 of letters, digits, _, . and -"),
        ("extensions", "[1]", 'must be an array such as ["a", "b"], or texts with commas between them'),
    ],
)
def test_what_a_value_must_be_is_said_in_plain_words(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = f"TONEARM_{name.upper()}"
    monkeypatch.setenv(variable, value)
    assert refusal() == f"setting {name} = {value!r} (from {variable}): {said}"


@pytest.mark.parametrize(("word", "meant"), [("true", True), ("Yes", True), ("1", True), ("off", False)])
def test_true_and_false_have_the_usual_words(word: str, meant: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONEARM_RABBITMQ_REPLICATED", word)
    assert load_settings().rabbitmq_replicated is meant


def test_a_variable_that_is_no_setting_is_named_with_what_it_resembles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TONEARM_WROKERS", "3")
    monkeypatch.setenv("tonearm_nice", "3")
    monkeypatch.setenv("TONEARM_XYZZY", "3")
    monkeypatch.setenv("TONEARM_EMPTY", "")
    assert unknown_variables() == [
        "the variable TONEARM_WROKERS is no setting; do you mean TONEARM_WORKERS?",
        "the variable TONEARM_XYZZY is no setting",
        "the variable tonearm_nice is no setting; do you mean TONEARM_NICE?",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "TONEARM_SERVICE_HOST",
        "TONEARM_POSTGRES_SERVICE_HOST",
        "TONEARM_POSTGRES_SERVICE_PORT",
        "TONEARM_POSTGRES_SERVICE_PORT_SQL",
        "TONEARM_PORT",
        "TONEARM_REDIS_PORT",
        "TONEARM_REDIS_PORT_6379_TCP",
        "TONEARM_REDIS_PORT_6379_TCP_ADDR",
        "TONEARM_CONFIG",
    ],
)
def test_what_kubernetes_sets_is_no_mistake(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "10.0.0.1")
    assert unknown_variables() == []


def test_rules_come_from_the_file_with_levels_by_name(toml: Write) -> None:
    toml(
        """
        [[rules]]
        level = "Critical"
        formats = ["wav", "aiff"]
        smaller_than_mb = 1.5

        [[rules]]
        level = "background"
        """
    )
    assert load_settings().rules == (
        Rule(level=Level.CRITICAL, formats=("wav", "aiff"), smaller_than_mb=1.5),
        Rule(level=Level.BACKGROUND),
    )


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ('level = "urgent"', "rules.0.level = 'urgent'"),
        ("level = 7", "must be one of critical, high, normal, low, background"),
        ('level = "low"\nlarger_then_mb = 3', "rules.0.larger_then_mb"),
        ("larger_than_mb = 3", "rules.0.level"),
    ],
)
def test_a_wrong_rule_is_named_by_its_place(rule: str, named: str, toml: Write) -> None:
    toml(f"[[rules]]\n{rule}")
    assert named in refusal()


SIZES = st.integers(0, 10**10)
AGES = st.floats(-1e6, 1e9)
EXTENSION = st.sampled_from(["flac", "mp3", "wav"])


@given(SIZES, EXTENSION, AGES)
def test_a_rule_without_conditions_fits_every_file(size: int, extension: str, age_s: float) -> None:
    assert Rule(level=Level.LOW).fits(size, extension, age_s)


@given(SIZES, EXTENSION, AGES, st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_rule_fits_when_all_of_its_conditions_do(
    size: int, extension: str, age_s: float, larger: float, smaller: float, days: float
) -> None:
    alone = {
        "formats": extension in ("flac", "wav"),
        "larger_than_mb": size > larger * 1e6,
        "smaller_than_mb": size < smaller * 1e6,
        "modified_within_days": age_s < days * 86_400,
    }
    conditions: dict[str, object] = {
        "formats": ("flac", "wav"),
        "larger_than_mb": larger,
        "smaller_than_mb": smaller,
        "modified_within_days": days,
    }
    for name, value in conditions.items():
        rule = read_rule({"level": "high", name: value})
        assert rule.fits(size, extension, age_s) == alone[name]
    together = read_rule({"level": "high"} | conditions)
    assert together.fits(size, extension, age_s) == all(alone.values())


def test_settings_do_not_change_once_they_are_read() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_settings().workers = 3  # type: ignore[misc]  # what is tried is refused by the type checker too


def test_every_setting_says_what_it_does() -> None:
    assert [field.name for field in dataclasses.fields(Settings) if not field.metadata["description"]] == []


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:hush@host:5432/music", "postgresql://ada:***@host:5432/music"),
        ("postgresql+psycopg://ada@host/music", "postgresql+psycopg://ada@host/music"),
        ("redis://:hush@host/0", "redis://:***@host/0"),
        ("bolt://127.0.0.1:7687", "bolt://127.0.0.1:7687"),
        ("amqp://ada:hu@sh:hush@host/", "amqp://ada:***@host/"),
        ("amqp://ada:hu/sh@host/%2F", "amqp://ada:***@host/%2F"),
        ("postgresql://host/x?user=ada&password=hush", "postgresql://host/x?user=ada&password=***"),
        ("postgresql://host/x?sslPassword=hush&a=b", "postgresql://host/x?sslPassword=***&a=b"),
        ("ada:hush@host", "ada:***@host"),
        ("hush@host", "***@host"),
        ("nonsense", "nonsense"),
    ],
)
def test_of_who_logs_in_only_the_name_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


@given(password=st.text(min_size=4).filter(lambda word: word not in "scheme://ada:***@host:1/x"))
def test_no_password_whatever_its_signs_is_shown(password: str) -> None:
    assert password not in without_password(f"scheme://ada:{password}@host:1/x")


@pytest.mark.parametrize(
    "written",
    [
        'databse_url = "postgresql://ada:hush@host/music"',
        'database_url = ["postgresql://ada:hush@host/music"]',
        '[servers]\nredis_url = "redis://:hush@host/0"',
        '[[rules]]\nlevel = "low"\nredis_url = "redis://:hush@host/0"',
    ],
)
def test_a_url_that_is_in_the_wrong_place_is_refused_without_its_password(written: str, toml: Write) -> None:
    toml(written)
    said = refusal()
    assert said.startswith("setting ")
    assert "hush" not in said


@pytest.mark.parametrize(
    "value", ["9464", ":9464", "0", "0.0.0.0:9464", "[::1]:9464", "localhost:0", "worker-7.example:80"]
)
def test_an_address_to_listen_on_has_a_host_and_a_port_or_a_port(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONEARM_LISTEN", value)
    assert load_settings().listen == value
