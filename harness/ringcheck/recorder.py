"""Pytest hooks that write a run's events: one recorder in each process that runs tests, another above them."""

from typing import Any

import pytest

from ringcheck.events import CaseBegan, CaseEnded, CaseResult, Collected, EventLog, WorkerLost, now
from ringcheck.plugin import requirements_of


class Recorder:
    """Records what a process that runs tests collects, begins and ends."""

    def __init__(self, log: EventLog, worker: str) -> None:
        self._log = log
        self._worker = worker
        self._requirements: tuple[str, ...] = ()
        self._reports: list[pytest.TestReport] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """All tests are known."""
        found = {name for item in session.items for name in requirements_of(item)}
        self._log.write(
            Collected(time=now(), worker=self._worker, tests=len(session.items), requirements=tuple(sorted(found)))
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be imported takes its tests with it."""
        if report.failed:
            self._log.write(WorkerLost(time=now(), worker=self._worker, reason=_collection(report)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        """One test, from its set-up to its teardown."""
        self._reports = []
        requirements = requirements_of(item)
        self._log.write(CaseBegan(time=now(), worker=self._worker, test=item.nodeid, requirements=requirements))
        outcome = yield
        result, reason = summary(self._reports)
        self._log.write(
            CaseEnded(
                time=now(),
                worker=self._worker,
                test=item.nodeid,
                requirements=requirements,
                result=result,
                reason=reason,
            )
        )
        return outcome

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Set-up, call and teardown report one by one."""
        self._reports.append(report)


class ControllerRecorder:
    """Records what only the process above the xdist workers can see: that one of them is gone."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """A worker ended (a hook of xdist); `error` tells whether it should have."""
        if error:
            reason = f"Worker {node.gateway.id} ended unexpectedly: {error}."
            self._log.write(WorkerLost(time=now(), worker=node.gateway.id, reason=reason))


def summary(reports: list[pytest.TestReport]) -> tuple[CaseResult, str]:
    """What three reports make of one test: failed if any failed, else skipped if any was."""
    for report in reports:
        if report.failed:
            return "failed", report.longreprtext.strip()
    for report in reports:
        if hasattr(report, "wasxfail"):
            return "passed", report.wasxfail
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
            return "skipped", reason.removeprefix("Skipped: ")
    return "passed", ""


def _collection(report: pytest.CollectReport) -> str:
    lines = report.longreprtext.strip().splitlines() or ["no reason given"]
    return f"The tests in {report.nodeid or 'the folder'} cannot be collected: {lines[-1].removeprefix('E').strip()}"
