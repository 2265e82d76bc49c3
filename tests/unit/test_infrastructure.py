"""What is shipped for containers, Kubernetes and systemd fits the program, and is confined."""

import functools
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.command_lines import parse
from tonearm import __version__
from tonearm.addresses import FORMS
from tonearm.bootstrap.health import Health
from tonearm.cli.options import Seconds
from tonearm.settings import Settings, load_settings
from tonearm.settings.loading import INJECTED, OTHER_VARIABLES
from tonearm.settings.readers import read_fields

PROJECT = Path(__file__).parents[2]
SHIPPED = PROJECT / "infrastructure"
DOCKERFILE = (SHIPPED / "Dockerfile").read_text("utf-8")
UNITS = sorted((SHIPPED / "systemd").glob("*.service"))
CI = PROJECT / ".github" / "workflows" / "ci.yml"
IMAGE = f"tonearm:{__version__}"
IMAGES = {
    "postgres": "postgres:17",
    "redis": "redis:7.4",
    "rabbitmq": "rabbitmq:4.0-management",
    "neo4j": "neo4j:5.26-community",
}


class Compose(yaml.SafeLoader):
    """Reads the tags of compose, which only matter where files are merged."""


for tag in ("!reset", "!override"):
    Compose.add_constructor(tag, lambda _, __: None)


@functools.cache
def documents(path: Path) -> list[Any]:
    return list(yaml.load_all(path.read_text("utf-8"), Compose))


def compose() -> dict[str, Any]:
    [found] = documents(SHIPPED / "docker-compose.yaml")
    assert isinstance(found, dict)
    return found


def manifests() -> dict[str, Any]:
    """What is to run in Kubernetes, by kind; there is one of each."""
    return {
        each["kind"]: each for path in (SHIPPED / "kubernetes").glob("*.yaml") for each in documents(path)
    }


def pods() -> list[Any]:
    """The pods of the manifests."""
    found = manifests()
    scan = found["CronJob"]["spec"]["jobTemplate"]
    return [each["spec"]["template"]["spec"] for each in (found["Deployment"], scan)]


def own_services() -> dict[str, Any]:
    """The services of compose that run Tonearm."""
    return {name: each for name, each in compose()["services"].items() if "build" in each}


def unit_settings(path: Path) -> dict[str, list[str]]:
    """The values of each setting of a unit."""
    found: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        name, _, value = line.partition("=")
        if value and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def settings_of_pods() -> Settings:
    """The settings that the pods are given."""
    written = tomllib.loads(manifests()["ConfigMap"]["data"]["tonearm.toml"])
    return Settings(**read_fields(Settings, written))


def seconds(text: str) -> float:
    return float(Seconds().convert(text, None, None))


@pytest.mark.parametrize(
    "path",
    [*SHIPPED.rglob("*.yaml"), *SHIPPED.rglob("*.yml"), CI, PROJECT / ".pre-commit-config.yaml"],
    ids=lambda path: str(path.relative_to(PROJECT)),
)
def test_every_yaml_file_can_be_read(path: Path) -> None:
    assert all(documents(path))


def commands() -> Iterator[list[str]]:
    """The calls of the program, as the containers and units make them."""
    for service in own_services().values():
        if "command" in service:
            yield service["command"]
    for pod in pods():
        for container in pod["containers"]:
            yield container["args"]
            hook = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
            if hook:
                assert hook[0] == "tonearm"
                yield hook[1:]
    for path in UNITS:
        for line in unit_settings(path)["ExecStart"]:
            program, *words = shlex.split(line)
            assert program == "/opt/tonearm/bin/tonearm"
            yield words
    for script in ("try-image", "try-compose"):  # what they call, as far as it stands in one line
        for line in re.findall(
            r"\btonearm (.*?)(?: \|.*| #.*)?$", (PROJECT / "scripts" / script).read_text(), re.M
        ):
            if line.startswith(("analyze ", "status ", "workers ")):
                yield shlex.split(line)


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_call_is_one_that_the_program_knows(words: list[str]) -> None:
    parse(words)  # raises LookupError and NoSuchOption


def test_every_variable_is_a_setting() -> None:
    known = {f"TONEARM_{name.upper()}" for name in Settings.__dataclass_fields__} | set(OTHER_VARIABLES)
    texts = [path for path in SHIPPED.rglob("*") if path.is_file() and path.suffix != ".json"]
    used = {
        (name, path.name)
        for path in texts
        for name in re.findall(r"TONEARM_[A-Z0-9_]+", path.read_text("utf-8"))
    }
    assert {
        (name, file) for name, file in used if name not in known and not re.fullmatch(INJECTED, name)
    } == set()
    assert len(used) > 10


def test_the_settings_of_the_pods_are_valid() -> None:
    settings = settings_of_pods()
    [mount] = [each for each in pods()[0]["containers"][0]["volumeMounts"] if each["name"] == "servers"]
    for name in FORMS:
        assert str(getattr(settings, f"{name}_file")) == f"{mount['mountPath']}/{name}"


def test_a_process_has_longer_to_stop_than_it_takes() -> None:
    for service in own_services().values():
        assert seconds(service["stop_grace_period"]) >= float(service["environment"]["TONEARM_GRACE_S"]) + 15
    for path in UNITS:
        unit = unit_settings(path)
        [grace_s] = re.findall(r"TONEARM_GRACE_S=(\d+)", " ".join(unit["Environment"]))
        assert float(unit["TimeoutStopSec"][0]) >= float(grace_s) + 15
    workers, scan = pods()
    hook = workers["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    drained_s = seconds(hook[hook.index("--timeout") + 1])
    grace_s = settings_of_pods().grace_s
    assert workers["terminationGracePeriodSeconds"] >= drained_s + grace_s + 15
    assert scan["terminationGracePeriodSeconds"] >= grace_s + 15


def test_probes_ask_where_the_program_answers() -> None:
    [port] = re.findall(r"TONEARM_LISTEN=0\.0\.0\.0:(\d+)", DOCKERFILE)
    [asked] = re.findall(r'^HEALTHCHECK .*"-m", "tonearm\.probe", "(/\w+)"\]$', DOCKERFILE, re.MULTILINE)
    assert asked == "/health"  # a server that is away restarts nothing
    assert f"EXPOSE {port}\n" in DOCKERFILE
    [container] = pods()[0]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: get["path"] for name, get in probes.items()} == {
        "startup": "/health",
        "liveness": "/health",
        "readiness": "/ready",
    }
    assert {asked, *(get["path"] for get in probes.values())} == set(Health().routes())
    assert {get["port"] for get in probes.values()} == {container["ports"][0]["name"]}
    assert container["ports"][0]["containerPort"] == int(port)


def test_prometheus_finds_the_workers_of_compose() -> None:
    [configuration] = documents(SHIPPED / "prometheus" / "prometheus.yml")
    [tonearm] = [each for each in configuration["scrape_configs"] if each["job_name"] == "tonearm"]
    [found] = tonearm["dns_sd_configs"]
    assert found["names"] == ["worker"]
    assert "worker" in own_services()
    assert f"TONEARM_LISTEN=0.0.0.0:{found['port']}\n" in DOCKERFILE


def test_images_have_the_versions_that_are_promised() -> None:
    services = compose()["services"]
    assert {name: services[name]["image"] for name in IMAGES} == IMAGES
    assert {each["image"] for each in own_services().values()} == {IMAGE}
    assert {container["image"] for pod in pods() for container in pod["containers"]} == {IMAGE}
    assert f'image.version="{__version__}"' in DOCKERFILE
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    assert all(base.startswith("python:3.13-") for base in bases)
    for image in (*bases, *(each["image"] for each in services.values())):
        assert re.search(r":[^:]*\d", image), f"{image} has no version"


def test_containers_of_compose_are_confined_and_reached_from_this_host_only() -> None:
    for name, service in compose()["services"].items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "mem_limit" in service, name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
    for name, service in own_services().items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert all(mount.endswith(":ro") for mount in service["volumes"]), name
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["1000:1000"]


def test_pods_are_confined() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]


def test_whoever_reaches_a_server_needs_its_password() -> None:
    text = (SHIPPED / "docker-compose.yaml").read_text("utf-8")
    assert "AUTH_METHOD" not in text
    assert "NEO4J_AUTH:" not in text
    assert "ANONYMOUS" not in text
    for name in (*IMAGES, "grafana"):
        assert compose()["services"][name]["secrets"], name


def test_every_secret_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    for _ in range(2):
        subprocess.run([SHIPPED / "make-secrets", folder], check=True, capture_output=True)
        made = {path.name: path.read_text() for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o777 == 0o700
    subprocess.run([SHIPPED / "make-secrets", folder], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    named = {os.path.basename(each["file"]) for each in compose()["secrets"].values()}
    assert named <= made.keys()
    assert set(FORMS) <= made.keys()
    passwords = {text for name, text in made.items() if name.endswith("_password")}
    assert len(passwords) == 5


def test_the_addresses_that_are_made_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([SHIPPED / "make-secrets", tmp_path], check=True, capture_output=True)
    environment = own_services()["worker"]["environment"]
    for name in FORMS:
        monkeypatch.delenv(f"TONEARM_{name.upper()}", raising=False)
        mounted = environment[f"TONEARM_{name.upper()}_FILE"]
        assert os.path.dirname(mounted) == "/run/secrets"
        assert os.path.basename(mounted) in own_services()["worker"]["secrets"]
        monkeypatch.setenv(f"TONEARM_{name.upper()}_FILE", str(tmp_path / os.path.basename(mounted)))
    monkeypatch.setenv("TONEARM_CONFIG", os.devnull)
    settings = load_settings()
    services = compose()["services"]
    for name in FORMS:
        address = getattr(settings, name)
        assert address.partition("@")[2].partition(":")[0] in services, name


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_units_are_valid_and_confined(tmp_path: Path) -> None:
    for path in (SHIPPED / "systemd").glob("tonearm-*"):
        text = path.read_text("utf-8").replace("/opt/tonearm/bin/tonearm", shutil.which("true") or "")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    files = sorted(map(str, tmp_path.iterdir()))
    verified = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True)
    assert (verified.returncode, verified.stderr) == (0, "")
    for unit in UNITS:
        command = [
            "systemd-analyze",
            "security",
            "--offline=true",
            "--threshold=20",
            f"{tmp_path}/{unit.name}",
        ]
        rated = subprocess.run(command, capture_output=True, text=True)
        assert rated.returncode == 0, rated.stdout[-200:]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_let_children_confine_themselves(path: Path) -> None:
    unit = unit_settings(path)
    assert {"@system-service", "seccomp"} <= set(unit["SystemCallFilter"][0].split())
    assert unit["NoNewPrivileges"] == ["yes"]


def test_the_worker_of_systemd_is_watched() -> None:
    unit = unit_settings(SHIPPED / "systemd" / "tonearm-worker@.service")
    assert (unit["Type"], unit["NotifyAccess"]) == (["notify"], ["main"])
    assert float(unit["WatchdogSec"][0]) >= 30  # longer than any pause of a loop that is not stuck
