"""Build the template with ``sam build``, and derive a copy that the emulator can run.

The copy is changed where the emulator differs from AWS; ``template.yaml`` itself is not:

* Functions run as ``provided.al2023`` with a ``bootstrap`` that starts AWS's Python runtime client on the built code,
  so that the names of errors, timeouts and init errors are those of Lambda. It is forked from a process that has
  imported the libraries already (``local/workers/``).
* The emulator does not unpack layers under /opt, so the bootstrap puts the built layers on ``PYTHONPATH``.
* The state machine's definition is JSON, since the emulator does not read YAML there.
* Functions with a failure destination have no alias: the emulator looks for the destination of ``$LATEST`` only.
* Bucket policies do not require TLS, since the emulator is accessed over plain HTTP on loopback.
* A function's package contains only the bootstrap. The emulator keeps packages in memory and in its state file, and
  FFmpeg alone would add 128 MB to each.
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from local.cloudformation_yaml import load_template, render_template
from local.progress import step
from local.settings import REPOSITORY, Settings

_SOURCES = (
    "template.yaml",
    "functions",
    "layers",
    "packager",
    "prompts",
    "local/emulator/build.py",
    "local/runtime.txt",
)
_IGNORED_FOLDERS = {"__pycache__", ".mypy_cache", ".ruff_cache"}


class BuildError(Exception):
    """A build step failed. The message contains the path of its log."""


def source_hash(parameters: Iterable[tuple[str, str]], *, without: Callable[[Path], bool] = lambda _: False) -> str:
    """Return a hash of the sources, the template and the parameters."""
    digest = hashlib.sha256()
    for path in sorted(file for file in source_files() if not without(file)):
        digest.update(str(path.relative_to(REPOSITORY)).encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(json.dumps(sorted(parameters)).encode())
    return digest.hexdigest()


def packager_version() -> str:
    """Return a hash of the packager, which SAM's build cache does not notice."""
    digest = hashlib.sha256()
    for path in sorted((REPOSITORY / "packager").rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def source_files() -> Iterable[Path]:
    """Return the files that a build, a deploy or a function reads."""
    for name in _SOURCES:
        path = REPOSITORY / name
        if path.is_file():
            yield path
        for folder, folders, files in path.walk():
            folders[:] = [each for each in folders if each not in _IGNORED_FOLDERS]
            yield from (folder / file for file in files if not file.endswith(".pyc"))


def build(settings: Settings, parameters: Mapping[str, str]) -> Path:
    """Build if anything has changed. Return the template to deploy with ``parameters``.

    Raises:
        BuildError: a step failed.
    """
    folder = settings.build_folder
    folder.mkdir(parents=True, exist_ok=True)
    template, stamp = settings.copy_folder / "template.yaml", settings.copy_folder / "source-hash"
    wanted = code_version(settings, parameters)
    if stamp.exists() and stamp.read_text() == wanted:
        return template
    if not _is_code_built(settings):
        with step("Installing the Lambda runtime (boto3 and AWS's runtime client)"):
            _install_runtime(settings)
        with step("Building functions and layers (sam build)"):
            _sam_build(settings)
        with step("Compiling the build to bytecode"):
            _compile(settings)
        shutil.copyfile(REPOSITORY / "template.yaml", folder / "built-from.yaml")
        mark_code_as_built(settings)
    _write_local_copy(settings, wanted)
    stamp.write_text(wanted)
    return template


def code_version(settings: Settings, parameters: Mapping[str, str]) -> str:
    """Return what the functions' packages contain.

    SAM publishes a version for a changed package, but not for changed values of parameters, which a function would
    never see then.
    """
    return source_hash([("architecture", settings.architecture), ("python", sys.executable), *parameters.items()])


def mark_code_as_built(settings: Settings) -> None:
    """Note that the built functions and layers are those of the present sources."""
    (settings.build_folder / "code-hash").write_text(_code_hash(settings))


def _is_code_built(settings: Settings) -> bool:
    """Return whether only the template or a state machine has changed, which takes no ``sam build``."""
    stamp, source = settings.build_folder / "code-hash", settings.build_folder / "built-from.yaml"
    if not stamp.exists() or not source.exists() or stamp.read_text() != _code_hash(settings):
        return False
    return _artifacts(load_template(source.read_text())) == _artifacts(_template())


def _code_hash(settings: Settings) -> str:
    return source_hash(
        [("architecture", settings.architecture), ("python", sys.executable)],
        without=lambda file: file.name == "template.yaml" or file.name.endswith(".asl.yaml"),
    )


def _template() -> dict[str, Any]:
    return load_template((REPOSITORY / "template.yaml").read_text())


def _artifacts(template: dict[str, Any]) -> dict[str, Any]:
    """Return what ``sam build`` builds: the source of each function and layer, and how it is built."""
    return {
        name: (
            resource["Properties"].get("CodeUri"),
            resource["Properties"].get("ContentUri"),
            resource.get("Metadata"),
        )
        for name, resource in template["Resources"].items()
        if resource["Type"] in ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion")
    }


def run_tool(settings: Settings, name: str, command: list[str], environment: dict[str, str]) -> None:
    """Run a command with its output in a log.

    Raises:
        BuildError: the command failed.
    """
    log = settings.log_folder / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        code = subprocess.run(
            command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            check=False,
        ).returncode  # fmt: skip
    if code != 0:
        raise BuildError(f"{name} failed with code {code}. Log: {log}")


def tool_environment(settings: Settings) -> dict[str, str]:
    """Return the environment for ``sam`` and ``pip``: the caller's, the emulator's address and this Python on PATH."""
    bin_folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        **settings.aws_environment(),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}",
        "SAM_CLI_TELEMETRY": "0",
    }


def _install_runtime(settings: Settings) -> None:
    target = settings.build_folder / "runtime"
    requirements = REPOSITORY / "local" / "runtime.txt"
    stamp = settings.build_folder / "runtime-hash"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(target, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    pip += ["--only-binary", ":all:", "--require-hashes"]
    run_tool(settings, "runtime", [*pip, "--target", str(target), "-r", str(requirements)], tool_environment(settings))
    stamp.write_text(wanted)


def _sam_build(settings: Settings) -> None:
    folder = settings.build_folder
    command = ["sam", "build", "--config-env", "local", "--template", "template.yaml"]
    command += ["--build-dir", str(folder / "sam"), "--cache-dir", str(settings.cache_folder / packager_version())]
    command += ["--parameter-overrides", f"Architecture={settings.architecture}"]
    run_tool(settings, "sam-build", command, tool_environment(settings))


def _compile(settings: Settings) -> None:
    # Validated by hash instead of modification time, so that the bytecode stays valid when it is copied.
    command = [sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"]
    targets = [str(settings.build_folder / "sam"), str(settings.build_folder / "runtime")]
    run_tool(settings, "compile", [*command, *targets], {**os.environ, "PYTHONDONTWRITEBYTECODE": ""})


def _write_local_copy(settings: Settings, code_version: str) -> None:
    built = settings.build_folder / "sam"
    target = settings.copy_folder
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    template = _built_template(built)
    layers = _layer_folders(template, built)
    _localize_globals(template["Globals"]["Function"], layers)
    for name, resource in list(template["Resources"].items()):
        if resource["Type"] == "AWS::S3::BucketPolicy":
            _allow_plain_http(template["Resources"], name)
        elif resource["Type"] == "AWS::Serverless::Function":
            _localize_function(name, resource["Properties"], template, layers, settings, code_version)
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            _write_stub(target / name, "layer", f"{code_version}\n")
            resource["Properties"]["ContentUri"] = name
            resource.pop("Metadata", None)
        elif resource["Type"] == "AWS::Serverless::StateMachine":
            definition = yaml.safe_load((REPOSITORY / resource["Properties"]["DefinitionUri"]).read_text())
            (target / f"{name}.asl.json").write_text(json.dumps(definition))
            resource["Properties"]["DefinitionUri"] = f"{name}.asl.json"
    (target / "template.yaml").write_text(render_template(template))


def _built_template(built: Path) -> dict[str, Any]:
    """Return the template as it is now, with the paths of what was built from it."""
    template, last = _template(), load_template((built / "template.yaml").read_text())
    for name, resource in template["Resources"].items():
        for uri in ("CodeUri", "ContentUri"):
            if uri in resource.get("Properties", {}) and name in last["Resources"]:
                resource["Properties"][uri] = last["Resources"][name]["Properties"][uri]
    return template


def _allow_plain_http(resources: dict[str, Any], name: str) -> None:
    document = resources[name]["Properties"]["PolicyDocument"]
    document["Statement"] = [
        statement
        for statement in document["Statement"]
        if "aws:SecureTransport" not in statement.get("Condition", {}).get("Bool", {})
    ]
    if not document["Statement"]:
        del resources[name]


def _layer_folders(template: dict[str, Any], built: Path) -> dict[str, Path]:
    return {
        name: (built / resource["Properties"]["ContentUri"]).resolve()
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }


def _localize_globals(shared: dict[str, Any], layers: dict[str, Path]) -> None:
    shared["Runtime"] = "provided.al2023"
    shared.pop("Architectures", None)
    shared.pop("SnapStart", None)


def _localize_function(
    name: str,
    properties: dict[str, Any],
    template: dict[str, Any],
    layers: dict[str, Path],
    settings: Settings,
    code_version: str,
) -> None:
    for unsupported in ("Runtime", "Architectures", "SnapStart"):
        properties.pop(unsupported, None)
    if "EventInvokeConfig" in properties:
        properties["AutoPublishAlias"] = ""
    own = [_layer_of(entry) for entry in template["Globals"]["Function"]["Layers"] + properties.get("Layers", [])]
    code = settings.build_folder / "sam" / properties["CodeUri"]
    properties["CodeUri"] = name
    opt = [layers[layer] for layer in own]
    bootstrap = _bootstrap(code, opt, settings.build_folder / "runtime", code_version)
    stub = _write_stub(settings.copy_folder / name, "bootstrap", bootstrap)
    stub.chmod(0o755)
    variables = properties.get("Environment", {}).get("Variables", {})
    if variables.get("PROMPTS_DIRECTORY") == "/opt":
        variables["PROMPTS_DIRECTORY"] = str(layers["PromptsLayer"])


def _layer_of(entry: dict[str, Any]) -> str:
    """Return the logical id of a layer, of a conditional one as well: it is on the path, even if it is not deployed."""
    layer = entry["Fn::If"][1] if "Fn::If" in entry else entry
    return str(layer["Ref"])


def _write_stub(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def _bootstrap(code: Path, layers: list[Path], runtime: Path, code_version: str) -> str:
    """Return a worker's start script.

    A wrapper script is used as on Lambda: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
    """
    start = shlex.join([sys.executable, "-I", "-S", str(REPOSITORY / "local" / "workers" / "start.py")])
    search = os.pathsep.join(str(path) for path in [*(layer / "python" for layer in layers), runtime])
    return (
        "#!/bin/sh\n"
        f"# code {code_version}\n"
        f"cd {shlex.quote(str(code))}\n"
        f"export LAMBDA_TASK_ROOT={shlex.quote(str(code))}\n"
        f"export PYTHONPATH={shlex.quote(search)}\n"
        f'exec $AWS_LAMBDA_EXEC_WRAPPER {start} "$WORKER_SOCKET" awslambdaric "$_HANDLER"\n'
    )
