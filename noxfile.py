"""Every check and every long run, by name: ``nox -l`` lists them."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.reuse_existing_virtualenvs = True

IMPORTED = "sms_traffic_async"
PROJECT = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = [
    line.rsplit(" ", maxsplit=1)[-1]
    for line in PROJECT["classifiers"]
    if line.startswith("Programming Language :: Python :: 3.")
]
EXTRAS = ("none", *(name for name in PROJECT["optional-dependencies"] if name not in {"test", "bench", "docs", "dev"}))
BRANCHES = 0.95

CUT = (
    "tests/protocols/http_v1/test_cuts.py",
    "tests/protocols/http_v2/test_cuts.py",
    "tests/protocols/http_v2/reports/test_resume.py",
    "tests/protocols/smtp/test_sending.py",
    "tests/protocols/soap/test_cuts.py",
)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, its formatter, and spelling."""
    session.install("ruff", "codespell")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell", IMPORTED, "tests", "benchmarks", "docs", "README.md")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy and pyright, both strict."""
    session.install("-e", ".[dev]")
    session.run("mypy")
    session.run("pyright", "--pythonpath", str(Path(session.bin) / "python"))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The default suite, on every supported Python that is installed."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "-n", "auto", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Coverage of the default suite and of the programs it starts; at least 95 % of the branches."""
    session.install("-e", ".[test]")
    environment = {"COVERAGE_RCFILE": "tests/coverage.toml"}
    session.run("coverage", "erase", env=environment)
    session.run("coverage", "run", "-m", "pytest", "-q", "-n", "auto", *session.posargs, env=environment)
    session.run("coverage", "combine", "-q", env=environment)
    session.run("coverage", "report", "--skip-covered", "--sort=cover", env=environment)
    counted = Path(session.create_tmp()) / "coverage.json"
    session.run("coverage", "json", "-q", "-o", str(counted), env=environment)
    totals = json.loads(counted.read_text(encoding="utf-8"))["totals"]
    share = totals["covered_branches"] / totals["num_branches"]
    session.log(f"{share:.2%} of {totals['num_branches']} branches")
    if share < BRANCHES:
        session.error(f"less than {BRANCHES:.0%} of the branches")


@nox.session
def lowest(session: nox.Session) -> None:
    """The default suite on the oldest dependencies that pyproject.toml allows; each extra by itself on its oldest."""
    session.install("uv")
    oldest = ("uv", "pip", "install", "-q", "--resolution", "lowest-direct")
    made, script = Path(session.create_tmp()).resolve(), Path("tests/wheel/bare.py").resolve()
    shutil.rmtree(made / "dist", ignore_errors=True)
    session.run("uv", "build", "-q", "--wheel", "--out-dir", str(made / "dist"))
    built = next((made / "dist").glob("*.whl"))
    for extra in EXTRAS:  # together, one's floor lifts another's
        python = str(made / extra / "bin" / "python")
        session.run("uv", "venv", "-q", "--clear", str(made / extra))
        session.run(*oldest, "-p", python, str(built) if extra == "none" else f"{built}[{extra}]")
        with session.chdir(made):
            session.run(python, "-P", str(script), extra, external=True)
    session.run(*oldest, "-e", ".[test]")
    # anyio before 4.16 and old versions of starlette leave streams of their own to the garbage collector
    theirs = ("-W", "ignore::pytest.PytestUnraisableExceptionWarning")
    session.run("pytest", "-q", "-n", "auto", *theirs, *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """F1 at every byte; F2: 100,000 messages by v2 in all four U1/U2 variants, 40,000 by v1 and SOAP. Takes minutes."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", *CUT, env={"SMS_TRAFFIC_TESTS_EVERY_CUT": "1"})
    session.run("python", "-m", "tests.faults.run_v2", *(session.posargs or ["--messages", "100000"]))
    session.run("python", "-m", "tests.faults.run_unkeyed", *(session.posargs or ["--messages", "40000"]))
    session.run("python", "-m", "tests.faults.run_tracking")
    session.run("python", "-m", "tests.faults.run_following", "--messages", "100000", "--per-life", "5000")
    session.run("python", "-m", "tests.faults.run_following_killed", "--messages", "100000")
    session.run("python", "-m", "tests.faults.run_outbox")


@nox.session
def faults_smpp(session: nox.Session) -> None:
    """F1, F3, F8, F9 and F11 over SMPP: 4,000 cuts, twice 100,000 messages over 1,000 killed links. Takes minutes."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.faults.smpp_cuts")
    session.run("python", "-m", "tests.faults.smpp_figures")
    arguments = session.posargs or ["--messages", "100000", "--kills", "1000"]
    session.run("python", "-m", "tests.faults.run_smpp", *arguments)


@nox.session
def foreign(session: nox.Session) -> None:
    """Our SMPP client against servers of other houses: 10,000 messages and their receipts by each."""
    session.install("-e", ".[test]")
    session.run("pytest", "-q", "tests/protocols/smpp/foreign", env={"SMS_TRAFFIC_TESTS_EVERY_MESSAGE": "1"})


@nox.session
def cluster(session: nox.Session) -> None:
    """F5, F6, F7 and the SMPP binder on a real PostgreSQL: workers killed, the server restarted. Takes minutes."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.faults.run_cluster", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """F15: 200 messages a second over SMPP, with receipts and faults, in real time; ``-- --minutes 10``."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.soak.run_soak", *(session.posargs or ["--minutes", "10"]))


@nox.session
def soak_all(session: nox.Session) -> None:
    """F15: every protocol, pushes, subscribers and an outbox at once, with faults; ``-- --minutes 60``."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "tests.soak.run_all", *(session.posargs or ["--minutes", "60"]))


@nox.session
def state(session: nox.Session) -> None:
    """State machines and histories at length: 2,000 examples of 50 steps each. Takes minutes."""
    session.install("-e", ".[test]")
    files = [
        str(path)
        for word in ("machine", "model", "history")
        for path in sorted(Path("tests").rglob(f"test_*{word}.py"))
    ]
    session.run("pytest", "-q", "--timeout", "0", *files, env={"SMS_TRAFFIC_HYPOTHESIS_PROFILE": "long"})


@nox.session
def fuzz(session: nox.Session) -> None:
    """Every decoder under atheris; ``-- -max_total_time=600`` for ten minutes each (a minute by default)."""
    session.install("-e", ".[dev]")
    listed = session.run(
        "python", "-c", "from tests.fuzz.targets import TARGETS; print(*TARGETS)", silent=True, env={"PYTHONPATH": "."}
    )
    for name in str(listed).split():
        session.run("python", "-m", "tests.fuzz.run", name, *(session.posargs or ["-max_total_time=60"]))


@nox.session
def mutation(session: nox.Session) -> None:
    """F16: how many small errors the tests notice; ``-- --sample 300 --seed 1 outbox``. Takes minutes a group."""
    session.install("-e", ".[test]", "mutmut>=3.8,<4")
    session.run("python", "-m", "tests.mutation.run", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """The short form of every benchmark; ``-- --write`` for all of it, written into docs/benchmarks.md."""
    session.install("-e", ".[dev]")
    session.run("python", "benchmarks/run.py", *(session.posargs or ["--quick"]))


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Build sdist and wheel; try the wheel in a bare environment for each extra; every public type is known."""
    session.install("build", "twine", "pyright")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist")  # the wheel is built from the sdist
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    built = next(Path("dist").glob("*.whl")).resolve()
    made = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "build", "--wheel", "--outdir", str(made / "tree"))
    if (made / "tree" / built.name).read_bytes() != built.read_bytes():
        session.error("the sdist and the tree build different wheels")
    script = Path("tests/wheel/bare.py").resolve()
    for extra in EXTRAS:
        bare = made / extra
        session.run("python", "-m", "venv", "--clear", str(bare))
        python = str(bare / "bin" / "python")
        wanted = str(built) if extra == "none" else f"{built}[{extra}]"
        session.run(python, "-m", "pip", "install", "-q", wanted, external=True)
        with session.chdir(bare):
            session.run(python, "-P", str(script), extra, external=True)
        if extra == "all":
            pyright = str(Path(session.bin).resolve() / "pyright")
            path = f"PATH={bare / 'bin'}:{os.environ['PATH']}"  # it decides; nox would put its own folder first
            with session.chdir(bare):  # elsewhere the project itself would be found instead of the wheel
                session.run("env", path, pyright, "--verifytypes", IMPORTED, "--ignoreexternal", external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, strictly, into site/; ``-- serve`` to read it while writing."""
    session.install("-e", ".[docs]")
    session.run("zensical", *(session.posargs or ["build", "--clean", "--strict"]))


@nox.session
def audit(session: nox.Session) -> None:
    """Known weaknesses of dependencies, and of our own code."""
    session.install(".[all]", "pip-audit", "bandit")
    session.run("bandit", "-q", "-r", IMPORTED, "-c", "pyproject.toml")
    frozen = Path(session.create_tmp()) / "frozen.txt"
    listed = session.run("pip", "freeze", "--exclude", "sms-traffic-async", silent=True)
    frozen.write_text(str(listed), encoding="utf-8")
    session.run("pip-audit", "--strict", "--no-deps", "--disable-pip", "-r", str(frozen))


@nox.session
def api(session: nox.Session) -> None:
    """What changed in the public interface since the last tag."""
    session.install("griffe")
    tags = str(session.run("git", "tag", "--sort=-v:refname", "--list", "v*", external=True, silent=True)).split()
    if not tags:
        session.skip("nothing was released yet")
    session.run("griffe", "check", IMPORTED, "--against", tags[0])


@nox.session
def changelog(session: nox.Session) -> None:
    """The next entry of the changelog, from changes/; ``-- --version 1.2.3`` writes it and removes the pieces."""
    session.install("towncrier")
    session.run("towncrier", "build", *(session.posargs or ["--draft", "--version", "next"]))
