"""A Slurm of one node, for as long as a test needs it: munged, slurmctld and slurmd with all their files in one folder.

Debian: apt-get install slurm-wlm munge. Nothing of the machine's own Slurm, if it has one, is read or touched.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")

# cred_expire: how long a requeued job rests is this plus a second; Slurm's default is two minutes.
# BatchStartTimeout: a job that has not started by then, ten seconds by default, is taken for lost and started again.
CONFIG = """\
ClusterName=test
SlurmctldHost={host}
SlurmctldPort={slurmctld_port}
SlurmdPort={slurmd_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=6
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
KillWait=5
BatchStartTimeout=300
MessageTimeout=60
TCPTimeout=30
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str | None:
    """What is missing for a Slurm here; None if nothing is."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"no {', '.join(missing)} (Debian: apt-get install slurm-wlm munge)"
    if (os.cpu_count() or 1) < 2:
        return "one core: a cell of two processes would wait for ever"
    return None if os.geteuid() == 0 else "not root: slurmd starts jobs as their users"


@contextlib.contextmanager
def one_node(folder: Path) -> Iterator[dict[str, str]]:
    """Start it, give the environment in which its commands and the sweep work, stop it with all its jobs.

    Raises RuntimeError, with the end of the daemons' logs, if the node is not ready within two minutes.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)  # munged wants it so
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    config = folder / "slurm.conf"
    config.write_text(
        CONFIG.format(
            folder=folder,
            host=socket.gethostname(),
            cpus=os.cpu_count(),
            slurmctld_port=_free_port(),
            slurmd_port=_free_port(),
        )
    )
    environment = os.environ | {"SLURM_CONF": str(config)}
    munged = ["munged", "--foreground", "--force", "--num-threads=2", f"--socket={folder}/munge.socket"]
    munged += [
        f"--{name}={folder}/munge.{name.removesuffix('-file')}"
        for name in ("key-file", "pid-file", "log-file", "seed-file")
    ]
    daemons = []
    try:
        with (folder / "output.log").open("wb") as output:
            for command in (munged, ["slurmctld", "-D", "-i"], ["slurmd", "-D", "-N", "localhost"]):
                daemons.append(subprocess.Popen(command, env=environment, stdout=output, stderr=output))
                if command is munged:
                    _until(lambda: (folder / "munge.socket").exists(), folder)
        _until(lambda: "idle" in _output("sinfo", "--noheader", "--format=%t", env=environment), folder)
        yield environment
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            subprocess.run(["scancel", "--user=root"], env=environment, capture_output=True, timeout=60)
            subprocess.run(["scontrol", "shutdown"], env=environment, capture_output=True, timeout=60)
        for daemon in reversed(daemons):
            daemon.terminate()
            try:
                daemon.wait(60)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def _until(ready, folder: Path) -> None:
    deadline = time.monotonic() + 120
    while not ready():
        if time.monotonic() > deadline:
            logs = [path.read_text(errors="replace")[-2000:] for path in sorted(folder.glob("*.log"))]
            raise RuntimeError("Slurm did not start:\n" + "\n".join(logs))
        time.sleep(0.2)


def _output(*command: str, env) -> str:
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120).stdout


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
