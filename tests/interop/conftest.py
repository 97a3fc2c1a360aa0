"""The switch that all of these tests share, its phones, and the matrix of what they have proven."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.interop.house import House, Phones
from tests.interop.matrix import Matrix, as_table, differences, document

MATRIX: pytest.StashKey[Matrix] = pytest.StashKey()
DIFFERENCES: pytest.StashKey[list[str]] = pytest.StashKey()
HERE = Path(__file__).parent
WRITE = "WRITE_INTEROP_MATRIX"


@pytest.fixture(scope="session")
def matrix(pytestconfig: pytest.Config) -> Matrix:
    return pytestconfig.stash.setdefault(MATRIX, Matrix())


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("certificates"))
    try:
        house.system.start()
        house.system.apply()
        yield house
    except BaseException:
        print(house.system.log(), file=sys.stderr)
        raise
    finally:
        house.system.close()


@pytest.fixture
def house(shared: House) -> Iterator[House]:
    yield shared
    shared.system.judge()


@pytest.fixture
def phones(house: House, tmp_path: Path) -> Iterator[Phones]:
    with ExitStack() as stack:
        yield Phones(house, tmp_path, stack)


def all_ran(session: pytest.Session) -> bool:
    """Whether this run was of all the tests of this directory, and each has passed."""
    narrowed = session.config.getoption("keyword") or any("::" in arg for arg in session.config.args)
    files = {item.path for item in session.items if item.path.parent == HERE}
    return not narrowed and not session.testsfailed and files == {*HERE.glob("test_*.py")}


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that proves something else than docs/interop.md says; WRITE_INTEROP_MATRIX=1 writes it."""
    matrix = session.config.stash.get(MATRIX, None)
    if matrix is None:
        return
    complete = all_ran(session)
    if complete and os.environ.get(WRITE):
        document(matrix.cells)
    found = session.config.stash[DIFFERENCES] = differences(matrix.cells, all_ran=complete)
    if found and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    matrix = config.stash.get(MATRIX, None)
    if matrix is None:
        return
    terminalreporter.section("phones proven through the switch")
    terminalreporter.write_line(as_table(matrix.cells))
    for line in config.stash[DIFFERENCES]:
        terminalreporter.write_line(line, red=True)
    if config.stash[DIFFERENCES]:
        terminalreporter.write_line(f"{WRITE}=1 with all of tests/interop writes the matrix anew")
