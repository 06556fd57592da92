"""The plugin in somebody's own pytest run: light, selective, and loud about mistakes."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

SUITE = """
    import pytest

    @pytest.mark.requirement("KV-01", "KV-02")
    def test_one():
        pass

    @pytest.mark.requirement("KV-04")
    def test_other():
        pass

    def test_unmarked():
        pass
"""


def test_loading_the_plugin_loads_neither_grpc_nor_hypothesis() -> None:
    """Every pytest run of a user pays for what this imports."""
    code = (
        "import sys, ringcheck.plugin; "
        "heavy = {'grpc', 'hypothesis', 'msgspec', 'rich', 'dynamo_node', 'ringcheck_chaos'} & set(sys.modules); "
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == ""
    assert done.returncode == 0


def test_the_plugin_leaves_other_suites_alone(pytester: pytest.Pytester) -> None:
    """A run without our options shows nothing of us."""
    pytester.makepyfile("def test_nothing(): pass")
    result = pytester.runpytest_subprocess("--strict-markers", "-W", "error")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*ringcheck:*")


def test_only_selects_by_marker(pytester: pytest.Pytester) -> None:
    """A test runs when one of its requirements is named; one without any does not."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("--strict-markers", "--ringcheck-only", "KV-02", "-v")
    result.assert_outcomes(passed=1, deselected=2)
    result.stdout.fnmatch_lines("*test_one PASSED*")


def test_what_needs_processes_is_left_out_for_a_core(pytester: pytest.Pytester) -> None:
    """Nothing is skipped for want of them, since nobody asked for them."""
    pytester.makepyfile(
        SUITE
        + """
    @pytest.mark.ringcheck_live
    def test_of_processes():
        pass
    """
    )
    result = pytester.runpytest_subprocess("--strict-markers", "--ringcheck-core", "some.core")
    result.assert_outcomes(passed=3, deselected=1)
    pytester.runpytest_subprocess("--strict-markers").assert_outcomes(passed=4)


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_a_run_has_a_folder_of_its_own(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """As with `ringcheck run`, shared by all workers; whoever carries nothing out leaves nothing."""
    pytester.makepyfile("def test_nothing(): pass")
    pytester.runpytest_subprocess(*workers).assert_outcomes(passed=1)
    assert not (pytester.path / "ringcheck-results").exists()
    pytester.makepyfile(
        """
        from ringcheck.schedule import Configuration, Put, Schedule
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_some(conform, number):
            put = Put(id=1, node="n1", key="k", value="v")
            small = Configuration(nodes=1, n=1, r=1, w=1)
            conform(Schedule(name="some", namespace=str(number), configuration=small, steps=(put,)))
        """
    )
    core = ("--ringcheck-core", str(Path(__file__).parents[2] / "docs" / "tiny.py"))
    for _ in range(2):
        pytester.runpytest_subprocess(*workers, *core, "-p", "no:randomly").assert_outcomes(passed=4)
    out = pytester.path / "ringcheck-results"
    first, second = sorted(each for each in out.iterdir() if not each.is_symlink())
    for folder in (first, second):
        assert len(list((folder / "histories").iterdir())) == 4
    assert (out / "latest").resolve() in {first, second}


def test_an_unknown_requirement_is_wrong_use(pytester: pytest.Pytester) -> None:
    """A mistyped id is one sentence and pytest's code for wrong use."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("--ringcheck-only", "KV-99")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: There is no requirement 'KV-99'; *")


def test_the_seed_of_a_run_with_a_target_is_shown(pytester: pytest.Pytester) -> None:
    """A run that cannot be repeated is worth half."""
    pytester.makepyfile(SUITE)
    result = pytester.runpytest_subprocess("--ringcheck-target", "mynode {config}", "--ringcheck-seed", "42")
    result.stdout.fnmatch_lines("ringcheck: target mynode {config}, --ringcheck-seed 42")


def test_all_workers_share_one_seed(pytester: pytest.Pytester) -> None:
    """A seed that was not given is drawn once, above the workers."""
    pytester.makepyfile("""
        import pathlib, pytest

        @pytest.mark.parametrize("number", range(8))
        def test_seed(number, pytestconfig, worker_id):
            pathlib.Path(f"seed-{worker_id}").write_text(str(pytestconfig.option.ringcheck_seed))
    """)
    pytester.runpytest_subprocess("-n", "2", "--maxschedchunk", "1").assert_outcomes(passed=8)
    seeds = [path.read_text() for path in pytester.path.glob("seed-gw*")]
    assert len(seeds) == 2
    assert len(set(seeds)) == 1


@pytest.mark.parametrize("workers", [(), ("-n", "1")])
def test_a_target_that_cannot_start_ends_the_run(pytester: pytest.Pytester, workers: tuple[str, ...]) -> None:
    """The first schedule says why, and no other is tried: exit 4 without xdist, one failure and skips with it."""
    pytester.makepyfile("""
        import pytest
        from ringcheck.schedule import Schedule

        @pytest.mark.parametrize("number", range(3))
        def test_schedule(number, conform):
            conform(Schedule(name="nothing", namespace="n", steps=()))
    """)
    result = pytester.runpytest_subprocess("--ringcheck-target", "no-such-node {config}", *workers)
    if workers:
        result.assert_outcomes(failed=1, skipped=2)
    else:
        assert result.ret == 4
    result.stdout.fnmatch_lines("*'no-such-node' was not found*")
