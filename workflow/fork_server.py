"""Runs a step in a fork of a process that has imported torch before, so that a job starts at once.

    ask("workflow.steps.train", ARGUMENTS)

does what `python -m workflow.steps.train ARGUMENTS` does, with the same input and output, exit code and reaction to
signals. Importing torch takes longer than many a training of a small student: a distillation of one epoch on
ace-sim-mini takes, beside the training itself, 0.35 s forked and 10.5 s cold (the best of five, on two cores that other
work kept busy; 6.4 s of CPU cold). The first job starts a server, which imports the steps and then forks once per
request; it ends after IDLE_SECONDS without a job. Its address depends on the code, so that a changed file means another
server. Whatever is wrong with the server, the step runs without it, as it does where ABKD_COLD is set in the
environment. Either way the step has JOB_ENVIRONMENT from its start.

The fork owns no thread and has not touched a GPU: torch starts its threads and CUDA at the first use.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import hashlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import psutil

from workflow import sources
from workflow.environment import JOB_ENVIRONMENT, ORCHESTRATOR

ROOT = Path(__file__).resolve().parent.parent
PRELOADED = ("workflow.training.block", "workflow.steps.train", "scipy.stats")
"""ROC-AUC imports the last only when it is asked for, which would be inside a timed training."""
IDLE_SECONDS = 30
BIND_SECONDS = 10
"""The server binds its socket before it imports anything."""
POLL_SECONDS = 0.02
WATCH_SECONDS = 1.0
LARGEST_REQUEST = 2**20
PR_SET_PDEATHSIG = 1
"""Of Linux's <sys/prctl.h>."""
CRASH_SIGNALS = {
    128 + number: number.name
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE)
}
"""By exit code: what ends a process against its user's will. An interrupt is its user's will."""


def main() -> None:
    """Serves; steps are asked for by `workflow.job`."""
    serve(Path(sys.argv[1]))


def ask(module: str, arguments: list[str]) -> int | None:
    """The exit code of the step, run by the server; None where there is no server to run it."""
    request = {"module": module, "arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}
    try:
        with connect(address()) as connection:
            socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
            process = int(connection.recv(64))
            pass_signals_on(process)
            return outcome(connection)
    except (OSError, AttributeError, ValueError):
        return None


def cold(module: str, arguments: list[str]) -> int:
    """The exit code of the step, run as a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=os.environ | JOB_ENVIRONMENT,
        preexec_fn=die_with_parent,  # noqa: PLW1509 (this process has one thread)
    )
    pass_signals_on(process.pid)
    while True:
        try:
            return shell_code(process.wait(WATCH_SECONDS))
        except subprocess.TimeoutExpired:
            if orphaned():
                process.terminate()


def pass_signals_on(process: int) -> None:
    """Sends what should end this process to the step, which may just have ended."""

    def send(number: int, _: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(process, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, send)


def outcome(connection: socket.socket) -> int:
    """The exit code of a step that has begun.

    Nothing comes where the server itself was killed, and with it the step.
    """
    while True:
        ready, _, _ = select.select([connection], [], [], WATCH_SECONDS)
        try:
            if ready:
                return int(connection.recv(64) or shell_code(-signal.SIGKILL))
        except OSError:
            return shell_code(-signal.SIGKILL)
        if orphaned():  # the server kills the step when the connection ends
            return shell_code(-signal.SIGTERM)


def orphaned() -> bool:
    """Whether the Snakemake that wants this step is no more; a job that went on could meet that of another run."""
    orchestrator = os.environ.get(ORCHESTRATOR)
    if not orchestrator:
        return False
    try:
        return psutil.Process(int(orchestrator)).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return True


def die_with_parent() -> None:
    """Asks the system to kill this process when its parent ends (Linux alone can)."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def shell_code(code: int) -> int:
    """An exit code as a shell tells it: 128 and the signal for a process that was killed."""
    return code if code >= 0 else 128 - code


def address() -> Path:
    """The server's socket, in a folder of this user alone.

    Raises:
        OSError: the folder belongs to somebody else.
    """
    folder = Path(tempfile.gettempdir()) / f"abkd-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.stat()
    if state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise OSError(f"{folder} is open to others")
    key = f"{sys.executable} {ROOT} {sources.digest('server')}"
    return folder / hashlib.sha256(key.encode()).hexdigest()[:16]


def connect(path: Path) -> socket.socket:
    """A connection to the server, which is started where there is none.

    Raises:
        OSError: it does not start.
    """
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(str(path))
            return connection
        except OSError:
            path.unlink(missing_ok=True)
        server = subprocess.Popen(
            [sys.executable, "-m", "workflow.fork_server", str(path)],
            cwd=ROOT,
            env=os.environ | JOB_ENVIRONMENT,  # what a C library reads when a process starts, no fork could change
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + BIND_SECONDS
        while time.monotonic() < deadline and server.poll() is None:
            try:
                connection.connect(str(path))
                return connection
            except OSError:
                time.sleep(POLL_SECONDS)
        raise OSError("the server does not start")


def serve(path: Path) -> None:
    """Answers requests until none has come for IDLE_SECONDS."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen(128)
        for module in PRELOADED:
            importlib.import_module(module)
        gc.freeze()  # the collector would copy every page that the forks share
        clients: dict[int, socket.socket] = {}
        while True:
            wait = POLL_SECONDS if clients else IDLE_SECONDS
            ready, _, _ = select.select([listener, *clients.values()], [], [], wait)
            if not ready and not clients:
                path.unlink(missing_ok=True)
                return
            for process, client in clients.items():
                if client in ready:  # a client says nothing more: it was killed
                    os.kill(process, signal.SIGKILL)
            if listener in ready:
                client, _ = listener.accept()
                start(client, [listener, *clients.values()], clients)
            for process in list(clients):
                done, status = os.waitpid(process, os.WNOHANG)
                if done:
                    finish(clients.pop(process), os.waitstatus_to_exitcode(status))


def start(client: socket.socket, others: list[socket.socket], clients: dict[int, socket.socket]) -> None:
    """Forks for one request and tells the client the process."""
    message, files, _, _ = socket.recv_fds(client, LARGEST_REQUEST, 3)
    if len(files) < 3:  # the client has gone
        client.close()
        return
    process = os.fork()
    if process == 0:
        # The server's own reaction is that of the job which happened to start it; a job in the background ignores it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for each in (client, *others):
            each.close()
        run(json.loads(message), files)
    for file in files:
        os.close(file)
    clients[process] = client
    tell(client, process)


def finish(client: socket.socket, code: int) -> None:
    """Tells the exit code."""
    with client:
        tell(client, shell_code(code))


def tell(client: socket.socket, number: int) -> None:
    """Sends a number to a client, if it is still there."""
    with suppress(OSError):  # the client may have been killed, and the others' steps go on
        client.send(str(number).encode())


def run(request: dict[str, Any], files: list[int]) -> NoReturn:
    """The forked process: becomes the step, and ends with its exit code."""
    code: Any = 1
    die_with_parent()
    try:
        for target, file in enumerate(files):
            os.dup2(file, target)
            os.close(file)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = [request["module"], *request["arguments"]]
        importlib.import_module(request["module"]).main()
        code = 0
    except SystemExit as end:
        code = end.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


if __name__ == "__main__":
    main()
