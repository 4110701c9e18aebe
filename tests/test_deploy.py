"""The files of `deploy/` name settings, commands, paths and files that exist, and fit what is deployed."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from harvester.cli import main
from harvester.settings import EXIT_BAD_SETTINGS, Settings, documented

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
NAMES = {doc.name for doc in documented()} | {f"{doc.name}_FILE" for doc in documented() if doc.secret}
#: What else stands in capitals like a variable: PostgreSQL's image's, Python's, the shell's, the kernel's.
FOREIGN = {
    "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD",
    "PATH", "PWD", "PIP_CONSTRAINT", "PYTHONUNBUFFERED", "PYTHON_VERSION",
    "AF_UNIX", "AF_INET", "AF_INET6", "DAC_OVERRIDE",
}  # fmt: skip
#: Seconds that a worker is given at the end, at the least: it takes no longer than its own limit.
LEAST_GRACE = Settings.model_fields["shutdown_seconds"].default
#: What follows the name where it is a user, a folder or a package.
NO_COMMANDS = {"harvester", "-m"}
Json = dict[str, Any]


def compose() -> Json:
    found: Json = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found


def render() -> Json:
    found: Json = yaml.safe_load((DEPLOY / "render.yaml").read_text())
    return found


def fly() -> Json:
    return tomllib.loads((DEPLOY / "fly.toml").read_text())


def heroku() -> Json:
    found: Json = json.loads((DEPLOY / "heroku/app.json").read_text())
    return found


def unit(name: str) -> dict[str, list[str]]:
    """A systemd unit's entries; one may come several times."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / f"systemd/harvester-{name}.service").read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def of_render(service: Json) -> set[str]:
    """The settings that a service of Render's has, its groups' among them."""
    groups = {group["name"]: group["envVars"] for group in render()["envVarGroups"]}
    own = [one for one in service["envVars"] if "key" in one]
    shared = [
        one for entry in service["envVars"] if "fromGroup" in entry for one in groups[entry["fromGroup"]]
    ]
    return {one["key"] for one in own + shared}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    text = path.read_text()
    named = set(re.findall(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b", text))
    assert named <= NAMES | FOREIGN


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_that_is_named_exists(path: Path) -> None:
    text = re.sub(r'"harvester", "|\[harvester, ', "harvester ", path.read_text())
    for words in re.findall(r"(?:^|[\s`\"/=])harvester ((?:[a-z-]+|\S*?--\S+)[^\n`]*)", text):
        first, *rest = re.split(r'[\s,"\]]+', words)
        if words.split()[0] in NO_COMMANDS:
            continue
        assert first.rstrip(".") in main.commands, words
        options = [option for one in main.commands[first.rstrip(".")].params for option in one.opts]
        assert all(word in options for word in rest if word.startswith("--")), words


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_registry_is_named(path: Path) -> None:
    hosts = r"pypi\.|pythonhosted|docker\.io|ghcr\.io|quay\.io|gcr\.io|index-url|--registry"
    assert not re.search(hosts, path.read_text())


def test_every_platform_has_what_is_required() -> None:
    required = {doc.name for doc in documented() if doc.required} | {"PUBLIC_URL"}
    for service in render()["services"]:
        assert of_render(service) >= required | {"DATABASE_URL"}, service["name"]
    assert set(heroku()["env"]) >= required
    said = (DEPLOY / "fly.toml").read_text()
    assert all(f"{name}=" in said for name in required)
    assert (
        compose()["services"]["web"]["env_file"] == compose()["services"]["worker"]["env_file"] == "../.env"
    )


def test_no_secret_stands_in_a_file() -> None:
    secret = {doc.name for doc in documented() if doc.secret}
    given = {
        **fly()["env"],
        **{name: one["value"] for name, one in heroku()["env"].items() if "value" in one},
    }
    entries = [one for group in render()["envVarGroups"] for one in group["envVars"]]
    entries += [one for service in render()["services"] for one in service["envVars"] if "key" in one]
    given |= {one["key"]: one["value"] for one in entries if "value" in one}
    assert given
    assert not secret & given.keys()
    assert "${POSTGRES_PASSWORD:?" in compose()["services"]["web"]["environment"]["DATABASE_URL"]


def test_web_and_worker_run_everywhere() -> None:
    wanted = {"web": "harvester serve --host 0.0.0.0", "worker": "harvester worker"}
    services = compose()["services"]
    assert {name: " ".join(services[name]["command"]) for name in wanted} == wanted
    assert {one["type"]: one["startCommand"] for one in render()["services"]} == wanted
    assert fly()["processes"] == wanted
    assert set(heroku()["formation"]) == set(wanted)
    procfile = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert (set(procfile) >= set(wanted), procfile["worker"]) == (True, "harvester worker")
    for name in wanted:
        (start,) = unit(name)["ExecStart"]
        assert start.split("/")[-1] == wanted[name].removesuffix(" --host 0.0.0.0")
    copied = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("CMD")]
    assert " ".join(json.loads(copied[0].removeprefix("CMD "))) == wanted["web"]


def test_everybody_is_given_the_time_to_end() -> None:
    graces = [service["maxShutdownDelaySeconds"] for service in render()["services"]]
    graces += [fly()["kill_timeout"], *(int(unit(name)["TimeoutStopSec"][0]) for name in ("web", "worker"))]
    graces += [
        int(compose()["services"][name]["stop_grace_period"].rstrip("s")) for name in ("web", "worker")
    ]
    assert min(graces) > float(LEAST_GRACE)


def test_health_checks_ask_for_paths_that_answer(sqlite_url: str) -> None:
    from web.asking import opened_web

    web = next(one for one in render()["services"] if one["type"] == "web")
    asked = [web["healthCheckPath"], *(check["path"] for check in fly()["http_service"]["checks"])]
    asked += re.findall(r"127\.0\.0\.1:8000(/\w+)", str(compose()["services"]["web"]["healthcheck"]))
    assert len(asked) == 3
    with opened_web(sqlite_url) as found:
        assert [found.get(path, token=None).status_code for path in asked] == [200, 200, 200]


def test_ports_agree() -> None:
    port = int(Settings.model_fields["port"].default)
    assert f"EXPOSE {port}" in (DEPLOY / "Dockerfile").read_text()
    assert fly()["http_service"]["internal_port"] == int(fly()["env"]["PORT"]) == port
    assert compose()["services"]["web"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_image_is_made_of_what_is_there_at_the_tested_versions() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        *sources, _ = line.split()
        ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        assert all((ROOT / one).exists() and f"!{one}" in ignored for one in sources), line
    (installed,) = re.findall(r"PIP_CONSTRAINT=(\S+) .*pip install .*'\.\[(.+)\]'", text)
    assert installed[0] == "constraints.txt"
    assert set(installed[1].split(",")) <= set(project["optional-dependencies"])
    assert text.rindex("USER harvester") > text.rindex("FROM")
    packages = {name for name in ("harvester", "services", "routes") if f"COPY {name} {name}" in text}
    assert packages == {"harvester", "services", "routes"}


def test_units_end_for_good_over_bad_settings_and_may_write_where_the_ledger_is() -> None:
    for name in ("web", "worker"):
        found = unit(name)
        assert found["RestartPreventExitStatus"] == [str(EXIT_BAD_SETTINGS)]
        (folder,) = found["WorkingDirectory"]
        assert found["ReadWritePaths"] == [f"{folder}/var"]
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.read(DEPLOY / f"systemd/harvester-{name}.service")
        assert parser.sections() == ["Unit", "Service", "Install"]


def test_the_image_runs_as_nobody_and_holds_neither_secrets_nor_tests() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert (lines[-1].startswith("CMD"), ignored[0]) == (True, "*")
    assert lines.index("USER harvester") < lines.index("WORKDIR /srv/harvester")
    assert not [line for line in lines if line.startswith("USER") and line != "USER harvester"]
    assert not [
        line for line in lines if line.startswith(("ADD", "ARG")) or "--chown" in line or "sudo" in line
    ]
    assert not {f"!{name}" for name in (".", ".env", ".git", "tests", "var", "deploy")} & set(ignored)
    secret = {doc.name for doc in documented() if doc.secret}
    assert not secret & set(re.findall(r"\w+", "\n".join(lines)))


def test_containers_have_no_right_that_they_do_not_need() -> None:
    services = compose()["services"]
    for name, one in services.items():
        assert (one["cap_drop"], one["security_opt"]) == (["ALL"], ["no-new-privileges:true"]), name
        assert not {"privileged", "network_mode", "pid", "devices", "user"} & one.keys(), name
        assert not [volume for volume in one.get("volumes", ()) if str(volume).startswith(("/", ".", "~"))], (
            name
        )
    for name in ("web", "worker"):
        assert (services[name]["read_only"], "cap_add" in services[name]) == (True, False)
        assert services[name]["pids_limit"] >= 100
    assert set(services["postgres"]["cap_add"]) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert services["postgres"]["networks"] == ["ledger"]
    assert (compose()["networks"]["ledger"], "ports" in services["postgres"]) == ({"internal": True}, False)
    published = [str(port) for one in services.values() for port in one.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_units_may_do_no_more_than_they_need() -> None:
    on = ["NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "ProtectKernelTunables"]
    on += ["ProtectKernelModules", "ProtectKernelLogs", "ProtectControlGroups", "RestrictNamespaces"]
    on += ["RestrictRealtime", "RestrictSUIDSGID", "LockPersonality"]
    for name in ("web", "worker"):
        found = unit(name)
        assert found["User"] == ["harvester"]
        assert (found["ProtectSystem"], found["UMask"]) == (["strict"], ["0077"])
        assert [found[key] for key in on] == [["yes"]] * len(on)
        assert (found["CapabilityBoundingSet"], found["AmbientCapabilities"]) == ([""], [""])
        assert found["SystemCallFilter"] == ["@system-service"]
        assert found["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6"]


def test_the_caller_is_known_behind_a_platforms_proxy_and_only_there() -> None:
    """Each of them puts one proxy in front, which writes the caller's address last."""
    shared = {one["key"]: one.get("value") for one in render()["envVarGroups"][0]["envVars"]}
    given = [fly()["env"], {name: one.get("value") for name, one in heroku()["env"].items()}, shared]
    assert [one["TRUSTED_PROXIES"] for one in given] == ["1", "1", "1"]
    assert fly()["http_service"]["force_https"] is True
    assert "TRUSTED_PROXIES" not in compose()["services"]["web"]["environment"]
    assert "TRUSTED_PROXIES=1" in (DEPLOY / "compose.yaml").read_text()
    assert "TRUSTED_PROXIES=1" in (DEPLOY / "README.md").read_text()


def test_the_guide_names_every_file() -> None:
    guide = (DEPLOY / "README.md").read_text()
    hidden = {"README.md", "Dockerfile.dockerignore"}
    assert all(f"deploy/{path.relative_to(DEPLOY)}" in guide for path in FILES if path.name not in hidden)
    assert isinstance(main, click.Group)
