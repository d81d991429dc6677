"""A SLURM cluster of one node, from Debian's packages, that lives as long as its tests."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=20
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=20
PartitionName=high Nodes={host} MaxTime=INFINITE PriorityTier=2 PreemptMode=OFF
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def slurm():
    """Starts the cluster, and ends it by the numbers of its processes."""
    if lacking := [name for name in PROGRAMS if shutil.which(name) is None]:
        pytest.skip(
            f"no {lacking[0]} here; on Debian: apt install munge slurm-client slurmctld slurmd"
        )
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # a socket's path has to be short
    folder.chmod(0o711)
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key, configuration = folder / "munge.key", folder / "slurm.conf"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    host, user = socket.gethostname().partition(".")[0], getpass.getuser()
    ports = {"controller": free_port(), "node": free_port()}
    configuration.write_text(CONFIGURATION.format(folder=folder, host=host, user=user, **ports))

    files = {"key": "key", "socket": "socket", "pid": "pid", "log": "log", "seed": "seed"}
    options = [
        f"--{name}-file={folder}/munge.{end}" for name, end in files.items() if end != "socket"
    ]
    munge = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *options]
    started = [subprocess.Popen(munge, stderr=subprocess.DEVNULL)]
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(configuration)
    for daemon in ("slurmctld", "slurmd"):
        started.append(
            subprocess.Popen([daemon, "-D", "-f", configuration], stderr=subprocess.DEVNULL)
        )
    try:
        wait_for_node(folder)
        yield
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(60)
        os.environ.pop("SLURM_CONF") if before is None else os.environ.update(SLURM_CONF=before)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_node(folder: Path) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        asked = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True)
        if "idle" in asked.stdout:
            return
        time.sleep(0.3)
    logs = "\n".join(log.read_text(errors="replace")[-2000:] for log in folder.glob("*.log"))
    raise RuntimeError(f"the cluster did not come up:\n{logs}")
