# SPDX-License-Identifier: Apache-2.0
# Part of swift-event-bus.
"""What scripts/check-compose checks. Strict: a key that it doesn't know is a finding, so that typing errors are."""

import json
import pathlib
import re
import sys

import yaml
from check_overlay import Override, Reset, check_overlay

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "Examples"
PORTS = {"user-service": 8000, "payment-service": 8080, "rabbitmq": 15672}
SERVICE_KEYS = set(
    "image build hostname environment volumes ports depends_on healthcheck restart stop_grace_period".split()
)
HEALTH_KEYS = {"test", "interval", "timeout", "retries", "start_period"}
findings: list[str] = []


def check(holds: object, finding: str) -> None:
    if not holds:
        findings.append(finding)


class UniqueKeyLoader(yaml.SafeLoader):
    """YAML's rules forbid a key twice; PyYAML takes the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        for key in keys:
            check(keys.count(key) == 1, f"compose.yaml line {node.start_mark.line + 1}: {key} is there twice")
        return super().construct_mapping(node, deep)


UniqueKeyLoader.add_constructor("!reset", lambda loader, node: Reset())
UniqueKeyLoader.add_constructor("!override", lambda loader, node: Override(loader.construct_sequence(node)))


class Stage:
    def __init__(self, image: str):
        self.image = image
        self.instructions: list[tuple[str, str]] = []

    def all(self, name: str) -> list[str]:
        return [value for instruction, value in self.instructions if instruction == name]


def read_dockerfile(path: pathlib.Path) -> dict[str, Stage]:
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    stages: dict[str, Stage] = {}
    stage = None
    for line in filter(None, map(str.strip, text.splitlines())):
        instruction, _, value = line.partition(" ")
        if instruction == "FROM":
            found = re.fullmatch(r"(\S+) AS (\S+)", value)
            check(found, f"Dockerfile: a stage without a name: {line}")
            if found:
                stage = stages[found[2]] = Stage(found[1])
        elif stage is None or instruction not in "RUN WORKDIR COPY USER ENV EXPOSE HEALTHCHECK ENTRYPOINT".split():
            check(False, f"Dockerfile: unexpected instruction: {line}")
        else:
            stage.instructions.append((instruction, value))
    return stages


def chain(stages: dict[str, Stage], name: str) -> list[Stage]:
    """A stage and those it is made from, the stage itself first."""
    found = []
    while name in stages:
        found.append(stages[name])
        name = stages[name].image
    return found


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps the path out; knows only the two forms that are used there."""
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    check(lines[0] == "**" and all(line.startswith("!") for line in lines[1:]), ".dockerignore: another form")
    return not any(path == line[1:] or path.startswith(line[1:] + "/") for line in lines[1:])


def check_dockerfile(stages: dict[str, Stage]) -> None:
    products = set(re.findall(r'executableTarget\(\s*name: "([^"]+)"', (EXAMPLES / "Package.swift").read_text()))
    for name, stage in stages.items():
        for value in stage.all("COPY"):
            source = value.split()[-2]
            if found := re.match(r"--from=(\S+) ", value):
                check(found[1] in stages, f"Dockerfile: {name} copies from a stage that isn't there: {found[1]}")
                check(source == "/" + name, f"Dockerfile: {name} copies something else: {source}")
            else:
                check((ROOT / source).exists(), f"Dockerfile: {name} copies what isn't there: {source}")
                check(not ignored(source), f"Dockerfile: .dockerignore keeps out {source}")
    for product in re.findall(r"--product (\S+)", " ".join(stages["build"].all("RUN"))):
        check(product in products, f"Dockerfile: Examples has no product {product}")
        check(product in stages, f"Dockerfile: {product} is built but has no target")


def check_image(stages: dict[str, Stage], name: str, port: int) -> None:
    check(name in stages, f"Dockerfile: no target {name}")
    if name not in stages:
        return
    parents = chain(stages, name)
    builds = " ".join(stages["build"].all("RUN"))
    check(f"--product {name}" in builds, f"Dockerfile: {name} is not built")
    collected = f"scripts/runtime-files /{name} Examples/.build/release/{name}"
    check(collected in builds, f"Dockerfile: {name}'s files are not collected")
    users = [user for stage in parents for user in stage.all("USER")]
    check(users and users[0] not in ("root", "0"), f"Dockerfile: {name} runs as root")
    check(stages[name].all("EXPOSE") == [str(port)], f"Dockerfile: {name} doesn't expose {port}")
    check(f"HTTP_PORT={port}" in stages[name].all("ENV"), f"Dockerfile: {name} doesn't listen on {port}")
    binary = f"/usr/local/bin/{name}"
    check(json.loads((stages[name].all("ENTRYPOINT") or ["[]"])[0]) == [binary], f"Dockerfile: {name}: another entry point")
    check(
        any(f'CMD ["{binary}", "--healthcheck"]' in value for value in stages[name].all("HEALTHCHECK")),
        f"Dockerfile: {name} has no health check of its own",
    )


def check_service(name: str, service: dict, services: dict, volumes: dict, stages: dict[str, Stage]) -> None:
    check(service.keys() <= SERVICE_KEYS, f"{name}: unknown keys {service.keys() - SERVICE_KEYS}")
    check(service.get("restart") == "unless-stopped", f"{name}: no restart policy")
    check(("image" in service) != ("build" in service), f"{name}: needs either an image or a build")
    if "image" in service:
        check(re.fullmatch(r"[a-z]+:[0-9][\w.-]+", service["image"]), f"{name}: an image without a version")
        health = service.get("healthcheck", {})
        check(health.keys() == HEALTH_KEYS, f"{name}: the health check needs {HEALTH_KEYS}")
        check(str(health.get("test", [""])[0]).startswith("CMD"), f"{name}: the health check's test has another form")
        check(service.get("volumes"), f"{name}: its data would be lost with the container")
    else:
        build = service["build"]
        check(build.keys() == {"context", "dockerfile", "target"}, f"{name}: build has other keys")
        check((EXAMPLES / build["context"]).resolve() == ROOT, f"{name}: the context is not the repository's root")
        check((ROOT / build["dockerfile"]).is_file(), f"{name}: no such Dockerfile")
        check(build["target"] == name, f"{name}: builds {build['target']}")
        check_image(stages, name, PORTS[name])
        for variable in ("RABBITMQ_URL", "DATABASE_URL"):
            url = service.get("environment", {}).get(variable, "")
            host = re.search(r"@([\w-]+):\d+/", url)
            check(host and host[1] in services, f"{name}: {variable} leads to no service")
            check(host and host[1] in service.get("depends_on", {}), f"{name}: doesn't wait for {variable}'s server")
    for other, how in service.get("depends_on", {}).items():
        check(other in services, f"{name}: depends on {other}, which isn't there")
        check(how == {"condition": "service_healthy"}, f"{name}: doesn't wait until {other} is healthy")
        check("healthcheck" in services.get(other, {}), f"{name}: waits for the health of {other}, which has no check")
    expected = [f"127.0.0.1:{PORTS[name]}:{PORTS[name]}"] if name in PORTS else []
    check(service.get("ports", []) == expected, f"{name}: publishes {service.get('ports')}, not {expected}")
    for volume in service.get("volumes", []):
        check(volume.split(":")[0] in volumes, f"{name}: the volume {volume} has no name of the file's list")


def main() -> int:
    path = EXAMPLES / "compose.yaml"
    compose = yaml.load(path.read_text(), UniqueKeyLoader)
    stages = read_dockerfile(EXAMPLES / "Dockerfile")
    services, volumes = compose.get("services", {}), compose.get("volumes", {})
    check(compose.keys() == {"name", "services", "volumes"}, "compose.yaml: other keys at the top")
    check(
        services.keys() == {"postgres", "rabbitmq", "user-service", "payment-service"},
        f"compose.yaml: other services: {sorted(services)}",
    )
    check_dockerfile(stages)
    for name, service in services.items():
        check_service(name, service, services, volumes, stages)
    used = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    check(used == volumes.keys(), f"compose.yaml: volumes listed but not used: {volumes.keys() - used}")

    # $$ is a dollar sign for the container's own shell; everything else has to come from the file of settings.
    text = re.sub(r"^\s*#.*$", "", path.read_text(), flags=re.MULTILINE).replace("$$", "")
    needed = set(re.findall(r"\$\{([A-Z_]+)", text))
    check(text.count("$") == len(re.findall(r"\$\{[A-Z_]+(?::[?-][^}]*)?\}", text)), "compose.yaml: a stray $")
    settings = (EXAMPLES / ".env.example").read_text()
    given = dict(re.findall(r"^([A-Z_]+)=(.+)$", settings, flags=re.MULTILINE))
    check(needed == given.keys(), f".env.example and compose.yaml differ on {sorted(needed ^ given.keys())}")
    for name, value in given.items():
        check("PASSWORD" not in name or value.startswith("change-me"), f".env.example: {name} looks like a secret")
        check(re.fullmatch(r"[\w.-]+", value), f".env.example: {name} would have to be escaped in a URL")

    overlay = yaml.load((EXAMPLES / "compose.tls.yaml").read_text(), UniqueKeyLoader)
    check_overlay(check, EXAMPLES, compose, overlay, set(sys.argv[1:]))

    for finding in findings:
        print(f"check-compose: {finding}", file=sys.stderr)
    if not findings:
        print(f"check-compose: {len(services)} services and {len(stages)} image stages fit together")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
