# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""What scripts/check-compose checks of Examples/compose.tls.yaml and of the files in Examples/deploy, over check_compose.py."""

import json
import pathlib
import re
from collections.abc import Callable

Check = Callable[[object, str], None]
KEYS = set("user command environment secrets configs ports read_only tmpfs cap_drop security_opt".split())
# What each part has to be able to write beside its volumes.
TMPFS = {
    "postgres": ["/tmp", "/run/postgresql"],
    "rabbitmq": ["/tmp", "/var/log/rabbitmq"],
    "user-service": ["/tmp"],
    "payment-service": ["/tmp"],
}
# Where the operator of this machine reaches the servers, over TLS; check_compose.py has the ports of the services.
PORTS = {"postgres": ["127.0.0.1:15432:5432"], "rabbitmq": ["127.0.0.1:5671:5671"]}
HTTP = ("HTTP_TLS_CERTIFICATE_FILE", "HTTP_TLS_KEY_FILE")


class Reset:
    """`!reset`: what the other file says does not count."""


class Override(list):
    """`!override`: a list that takes the place of the other file's."""


def merged(base: dict, overlay: dict) -> dict:
    """A service's environment as Compose merges it."""
    environment = dict(base.get("environment", {})) | overlay.get("environment", {})
    return {name: value for name, value in environment.items() if not isinstance(value, Reset)}


def check_hardening(check: Check, name: str, base: dict, overlay: dict) -> None:
    check(overlay.keys() <= KEYS, f"{name}: unknown keys {overlay.keys() - KEYS}")
    check(overlay.get("read_only") is True, f"{name}: its file system can be written")
    check(overlay.get("cap_drop") == ["ALL"], f"{name}: has capabilities")
    check(overlay.get("security_opt") == ["no-new-privileges:true"], f"{name}: may gain privileges")
    check(overlay.get("tmpfs") == TMPFS[name], f"{name}: tmpfs is {overlay.get('tmpfs')}, not {TMPFS[name]}")
    check("image" not in base or overlay.get("user") == "999:999", f"{name}: starts as root")
    check("build" in base or "healthcheck" in base, f"{name}: has no health check")
    ports = overlay.get("ports", [])
    check(list(ports) == PORTS.get(name, []), f"{name}: publishes {ports}, not {PORTS.get(name, [])}")
    check(isinstance(ports, Override) == (name in PORTS and "ports" in base), f"{name}: ports of both files are published")


def check_secrets(check: Check, name: str, base: dict, overlay: dict) -> None:
    own = overlay.get("secrets", [])
    for variable, value in merged(base, overlay).items():
        check("PASS" not in variable or variable.endswith("_FILE"), f"{name}: {variable} holds a password")
        check(not re.search(r"://[^/]*:[^/]*@", str(value)), f"{name}: {variable} holds a password")
        check(not variable.endswith("_FILE") or str(value).startswith("/run/secrets/"), f"{name}: {variable} is no secret")
    text = json.dumps([overlay.get("command", []), {k: str(v) for k, v in overlay.get("environment", {}).items()}])
    for used in re.findall(r"/run/secrets/([\w.-]+)", text):
        check(used in own, f"{name}: has no secret {used}")
    for secret in own:
        part = secret.removesuffix(".pem").removesuffix(".key").split("-password")[0]
        check(part in (name, "authority"), f"{name}: has the secret {secret} of another part")
    check("authority.key" not in own, f"{name}: could sign certificates")


def check_transport(check: Check, name: str, base: dict, overlay: dict) -> None:
    if "build" not in base:
        return
    environment = merged(base, overlay)
    files = f"/run/secrets/{name}"
    rabbit, postgres = environment["RABBITMQ_URL"], environment["DATABASE_URL"]
    check(rabbit.startswith("amqps://rabbitmq:5671/"), f"{name}: RABBITMQ_URL is not TLS")
    for part in ("cacertfile=/run/secrets/authority.pem", f"certfile={files}.pem", f"keyfile={files}.key"):
        check(part in rabbit.split("?")[-1].split("&"), f"{name}: RABBITMQ_URL has no {part}")
    check(postgres.startswith(f"postgres://{name}@"), f"{name}: DATABASE_URL has another role")
    for part in ("sslmode=verify-full", f"sslcert={files}.pem", f"sslkey={files}.key"):
        check(part in postgres.split("?")[-1].split("&"), f"{name}: DATABASE_URL has no {part}")
    check([environment.get(key) for key in HTTP] == [f"{files}.pem", f"{files}.key"], f"{name}: HTTP has no TLS")


def check_rights(check: Check, definitions: dict) -> None:
    """The table of the least rights in docs/wire-contract.md."""
    queues = r"payments\.accounts(\.(dead|keyless|quarantine|shards|(retry|shard)\.[0-9]+))?"
    least = {
        "user-service": ("^$", "^events$", "^$"),
        "payment-service": (f"^{queues}$", rf"^(amq\.default|events|{queues})$", f"^(events|{queues})$"),
        "operator": ("^$", r"^amq\.default$", r"^payments\.accounts\.dead$"),
    }
    found = {p["user"]: (p["configure"], p["write"], p["read"]) for p in definitions["permissions"]}
    check(found == least, f"definitions.json: other rights than the least: {found}")
    users = sorted(user["name"] for user in definitions["users"])
    check(users == sorted(least), f"definitions.json: other users: {users}")
    for user in definitions["users"]:
        check(user["password_hash"] == "" and not user["tags"], f"definitions.json: {user['name']} has a password or a tag")


def check_roles(check: Check, deploy: pathlib.Path, users: set[str]) -> None:
    """Who has a broker user has a database role of the same name, and comes with a certificate."""
    roles = set(re.findall(r'^CREATE ROLE "([^"]+)" LOGIN;$', (deploy / "roles.sql").read_text(), flags=re.MULTILINE))
    check(roles == users, f"roles.sql: other roles than the users of definitions.json: {sorted(roles)}")
    lines = [line.split() for line in (deploy / "pg_hba.conf").read_text().splitlines() if line and not line.startswith("#")]
    check(["local", "all", "postgres", "peer"] in lines and len(lines) == 2, f"pg_hba.conf: other lines: {lines}")
    for line in lines:
        if line[0] != "local":
            check(line[0] == "hostssl" and line[-1] == "cert", f"pg_hba.conf: somebody needs no certificate: {line}")
            check(set(line[2].split(",")) == users, f"pg_hba.conf: other roles than the users of definitions.json: {line[2]}")


def check_overlay(check: Check, examples: pathlib.Path, base: dict, overlay: dict, made: set[str]) -> None:
    """`made` are the names of the files that scripts/certificates has made."""
    services, others = base["services"], overlay.get("services", {})
    check(overlay.keys() == {"services", "configs", "secrets"}, "compose.tls.yaml: other keys at the top")
    check(services.keys() == others.keys(), f"compose.tls.yaml: other services: {sorted(others)}")
    for name, other in others.items():
        for look in (check_hardening, check_secrets, check_transport):
            look(check, name, services[name], other)
    used = {secret for other in others.values() for secret in other.get("secrets", [])}
    check(used == overlay["secrets"].keys(), f"compose.tls.yaml: secrets differ on {sorted(used ^ overlay['secrets'].keys())}")
    for secret, how in overlay["secrets"].items():
        check(how == {"file": f"./secrets/{secret}"}, f"compose.tls.yaml: {secret} comes from {how}")
        check(secret in made, f"compose.tls.yaml: scripts/certificates makes no {secret}")
    used = {config["source"] for other in others.values() for config in other.get("configs", [])}
    check(used == overlay["configs"].keys(), "compose.tls.yaml: configs differ from those that are used")
    for config, how in overlay["configs"].items():
        check((examples / how["file"]).is_file(), f"compose.tls.yaml: {config} is not there")
    definitions = json.loads((examples / "deploy/definitions.json").read_text())
    check_rights(check, definitions)
    check_roles(check, examples / "deploy", {user["name"] for user in definitions["users"]})
    check({"operator.pem", "operator.key"} <= made, "scripts/certificates makes nothing for the operator")
