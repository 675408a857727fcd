"""A SLURM of one node: its daemons run on the loopback device, and all their files lie in one folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("slurm-wlm", "slurm-wlm-basic-plugins", "munge")
PLUGINS = ("snakemake-executor-plugin-slurm==2.8.0", "snakemake-executor-plugin-slurm-jobstep==0.6.1")
LINK = Path("/etc/slurm/slurm.conf")
"""A job step drops SLURM_CONF, and looks here."""
START_SECONDS = 60
CONFIGURATION = """
ClusterName=mini
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmctldPort=16817
SlurmdPort=16818
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SchedulerType=sched/backfill
MinJobAge=36000
KillWait=5
GresTypes=gpu
NodeName=localhost NodeAddr=127.0.0.1 NodeHostname={host} CPUs={cores} SocketsPerBoard=1 CoresPerSocket={cores} \
ThreadsPerCore=1 RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""
GPU = "NodeName=localhost Name=gpu File=/dev/null\n"
"""A counter: SLURM grants it, and there is nothing behind it."""


def refuse_what_cannot_be() -> None:
    """Ends with one line where no SLURM can be set up."""
    if os.geteuid() != 0:
        sys.exit("error: test-slurm: needs root, to install Debian packages and to run SLURM's daemons")
    if not shutil.which("apt-get"):
        sys.exit("error: test-slurm: needs apt-get (Debian or Ubuntu), to install " + " ".join(PACKAGES))
    if LINK.exists() or LINK.is_symlink():
        sys.exit(f"error: test-slurm: {LINK} exists: this machine belongs to a cluster, or another test runs on it")


def install() -> None:
    """The Debian packages, which stay."""
    if all(shutil.which(name) for name in ("slurmctld", "slurmd", "munged", "squeue")):
        return
    for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *PACKAGES]):
        if subprocess.run(["apt-get", *command], stdout=subprocess.DEVNULL, check=False).returncode:
            sys.exit(f"error: test-slurm: apt-get {' '.join(command)} failed")


def install_plugin(folder: Path) -> None:
    """The executor plugin, beside this Python's packages and not among them."""
    command = [sys.executable, "-m", "pip", "install", "-q", "-q", "--disable-pip-version-check", "--no-deps"]
    if subprocess.run([*command, "--target", folder, *PLUGINS], check=False).returncode:
        sys.exit(f"error: test-slurm: pip could not install {' '.join(PLUGINS)}")


class Node:
    """A SLURM of one node while the context lasts.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pids = [folder / f"{name}.pid" for name in ("slurmd", "slurmctld", "munged")]

    def __enter__(self) -> Node:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would leave daemons
        if self.pids[1].exists():
            with contextlib.suppress(subprocess.TimeoutExpired):  # a controller that hangs
                subprocess.run(["scancel", "--user=root"], timeout=20, check=False)
                self._wait("squeue -h", "", 20)
        for file in self.pids:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                os.kill(int(file.read_text()), signal.SIGTERM)
        deadline = time.monotonic() + 20
        while any(file.exists() for file in self.pids) and time.monotonic() < deadline:
            time.sleep(0.2)
        if LINK.is_symlink() and LINK.readlink() == self.folder / "slurm.conf":
            LINK.unlink()

    def _start(self) -> None:
        folder, cores = self.folder, os.cpu_count() or 1
        folder.chmod(0o755)  # munge wants its socket to be within everybody's reach
        for name in ("spool", "state"):
            (folder / name).mkdir()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 512
        text = CONFIGURATION.format(folder=folder, host=socket.gethostname(), cores=cores, memory=memory)
        (folder / "slurm.conf").write_text(text)
        (folder / "gres.conf").write_text(GPU)
        (folder / "munge.key").write_bytes(os.urandom(128))
        (folder / "munge.key").chmod(0o600)
        LINK.parent.mkdir(exist_ok=True)
        LINK.symlink_to(folder / "slurm.conf")
        files = {"key-file": "key", "socket": "socket", "log-file": "log", "seed-file": "seed"}
        munge = [f"--{option}={folder}/munge.{end}" for option, end in files.items()]
        self._run("munged", f"--pid-file={folder}/munged.pid", *munge)
        self._run("slurmctld", "-f", str(folder / "slurm.conf"))
        self._run("slurmd", "-f", str(folder / "slurm.conf"), "-N", "localhost")
        if not self._wait("sinfo -h -o %t", "idle", START_SECONDS):
            sys.exit(f"error: test-slurm: SLURM does not start; see {folder}/slurmctld.log and slurmd.log")

    @staticmethod
    def _run(*command: str) -> None:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    @staticmethod
    def _wait(command: str, answer: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if ask(command) == answer:
                return True
            time.sleep(0.5)
        return False


def ask(command: str) -> str:
    """What a command of SLURM's says."""
    answer = subprocess.run(command.split(), capture_output=True, text=True, timeout=30, check=False)
    return answer.stdout.strip()
