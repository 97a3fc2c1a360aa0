"""What is installed is all of it: packages, prompts, C extension, licence; and nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROBE = """
import json, softswitch, softswitch.media._codecs as codecs
from softswitch.prompts import load_manifest, prompts_directory
directory = prompts_directory()
prompts = [prompt.path for section in load_manifest(directory).values() for prompt in section.values()]
places = {"package": softswitch.__file__, "codecs": codecs.__file__, "prompts": str(directory)}
print(json.dumps({"places": places, "count": len(prompts)}))
"""


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist of what git knows of, the wheel built from the unpacked sdist."""
    place = tmp_path_factory.mktemp("packaging")
    tree = place / "tree"
    tree.mkdir()
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    present = "\0".join(name for name in names if name and (ROOT / name).is_file())
    (place / "names").write_text(present)
    run("tar", "--null", "-cf", str(place / "tree.tar"), "-T", str(place / "names"), cwd=ROOT)
    run("tar", "-xf", str(place / "tree.tar"), cwd=tree)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(place / "dist"), cwd=tree)
    (wheel,) = (place / "dist").glob("*.whl")
    (sdist,) = (place / "dist").glob("*.tar.gz")
    return wheel, sdist


def test_every_package_is_named() -> None:
    on_disk = {
        ".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "softswitch").rglob("__init__.py")
    }
    assert set(SETTINGS["tool"]["setuptools"]["packages"]) == on_disk | {"softswitch.ivr_prompts"}


def test_dependencies_have_lower_bounds() -> None:
    project = SETTINGS["project"]
    for requirement in project["dependencies"] + project["optional-dependencies"]["test"]:
        assert re.fullmatch(r"[\w.-]+>=[\d.]+", requirement), requirement


def test_the_product_does_not_depend_on_gpl_pjsua() -> None:
    assert not [line for line in SETTINGS["project"]["dependencies"] if "pjsua" in line]


def test_the_wheel_works_where_it_is_unpacked(built: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, _ = built
    target = tmp_path / "installed"
    run(
        *(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile"),
        *("--target", str(target), str(wheel)),
        cwd=tmp_path,
    )
    found = json.loads(run(sys.executable, "-c", PROBE, cwd=tmp_path, PYTHONPATH=str(target)))
    assert all(Path(place).is_relative_to(target) for place in found["places"].values()), found
    assert found["count"] > 50


def test_the_wheel_holds_the_licence_and_no_tests(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = wheel.namelist()
        entry_points = wheel.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    assert any(name.endswith("LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"softswitch"}
    assert "softswitch = softswitch.cli.main:main" in entry_points


def test_the_sdist_holds_what_it_takes_to_build_and_test(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = "setup.py codecs/module.c LICENSE ivr_prompts/manifest.json scripts/test tests/conftest.py"
    assert set(wanted.split()) | {"docs/cli.md"} <= names
    assert not [name for name in names if name.endswith((".so", ".pyc"))]


def test_the_installed_copy_is_the_one_under_test(tmp_path: Path) -> None:
    """An editable installation finds prompts and extension too, from any directory."""
    assert metadata.version("softswitch") == SETTINGS["project"]["version"]
    found = json.loads(run(sys.executable, "-c", PROBE, cwd=tmp_path))
    assert all(Path(place).is_relative_to(ROOT) for place in found["places"].values()), found
    assert found["count"] > 50
