"""The processes that share a run, one a GPU: how many there are, and what they have to agree on.

They are started by ``torchrun`` or by ``srun``, and told apart by the variables that these set. Work that
is done once, and decisions, go through a group of their own on the CPU (gloo): while the first process
works, the others wait there, so that no time limit of the GPUs' group (NCCL) runs meanwhile.
"""

from __future__ import annotations

import atexit
import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from ssl_insar.errors import UserError

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long processes wait for the first one: for its sources, and for the longest look of a monitor."""


@dataclass(frozen=True)
class Processes:
    """This process among those of the run; by default it is alone.

    Everything below is to be called by all of them, in the same order.

    Attributes:
        rank: of this one, from 0.
        world: number of processes.
        local: number of them on each node.
        environment: what started them; None: nothing that Lightning need know of.
        group: in which they talk; None where one is alone.
    """

    rank: int = 0
    world: int = 1
    local: int = 1
    environment: ClusterEnvironment | None = None
    group: dist.ProcessGroup | None = None

    @property
    def first(self) -> bool:
        """Whether this is the one that decides and writes."""
        return self.rank == 0

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.world // self.local

    def by_first(self, work: Callable[[], T]) -> T:
        """Let the first process do something; all get what it returns, or its error.

        Args:
            work: gives something that can be pickled.

        Raises:
            UserError: the first process could not; there, whatever was raised.
        """
        if self.group is None:
            return work()
        told: list[Any] = [None, None]
        if self.first:
            try:
                told[0] = work()
            except BaseException as error:  # Ctrl-C, too: the others must not go on
                told[1] = str(error) or type(error).__name__
                raise
            finally:
                dist.broadcast_object_list(told, 0, self.group)
        else:
            dist.broadcast_object_list(told, 0, self.group)
        if told[1] is not None:
            raise UserError(told[1])
        value: T = told[0]
        return value

    def least(self, value: int) -> int:
        """The smallest of all processes' numbers."""
        return int(self._reduced([value], dist.ReduceOp.MIN)[0])

    def most(self, value: int) -> int:
        """The largest of all processes' numbers."""
        return int(self._reduced([value], dist.ReduceOp.MAX)[0])

    def mean(self, values: Sequence[float]) -> list[float]:
        """Means over the processes, of as many numbers from each; NaN if any has NaN."""
        return [value / self.world for value in self._reduced(values, dist.ReduceOp.SUM)]

    def _reduced(self, values: Sequence[float], how: dist.ReduceOp.RedOpType) -> list[float]:
        if self.group is None:
            return list(values)
        numbers = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(numbers, how, self.group)
        result: list[float] = numbers.tolist()
        return result


ALONE = Processes()


@functools.cache
def join() -> Processes:
    """Meet the other processes of the run; once a process, later calls give the same answer.

    Raises:
        UserError: they were started in a way that cannot work, or do not all come.
    """
    environment = environment_of_launcher()
    if environment is None or environment.world_size() == 1:
        return Processes(environment=environment)
    local = _on_each_node(environment)
    cuda = torch.cuda.is_available()
    if cuda:
        if torch.cuda.device_count() < local:
            raise UserError(
                f"{local} processes on a node, each of which sees {torch.cuda.device_count()} GPU(s); start "
                "one process a GPU, and let each see all GPUs of its node (SLURM: --gpus-per-node, not "
                "--gpus-per-task)"
            )
        torch.cuda.set_device(environment.local_rank())
    os.environ["MASTER_ADDR"] = environment.main_address
    os.environ["MASTER_PORT"] = str(environment.main_port)
    rank, world = environment.global_rank(), environment.world_size()
    try:
        if not dist.is_initialized():
            dist.init_process_group("nccl" if cuda else "gloo", rank=rank, world_size=world)
            atexit.register(_leave)
        group = dist.new_group(backend="gloo", timeout=PATIENCE)
    except (dist.DistError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"process {rank} of {world} did not meet the others ({reason}); start all of them with "
            "one command, torchrun or srun, on nodes that reach each other"
        ) from error
    assert isinstance(group, dist.ProcessGroup), "every process is in it"
    return Processes(rank, world, local, environment, group)


def environment_of_launcher() -> ClusterEnvironment | None:
    """What started this process: torchrun, also from within SLURM, else srun; None: neither.

    Raises:
        UserError: SLURM was asked for several tasks in a way that cannot work.
    """
    if TorchElasticEnvironment.detect():
        return TorchElasticEnvironment()
    if "SLURM_NTASKS" not in os.environ or not SLURMEnvironment.detect():
        return None
    if int(os.environ["SLURM_NTASKS"]) > 1:
        # A batch script is told the number of tasks, too, but is only one process.
        if "SLURM_STEP_ID" not in os.environ:
            raise UserError(
                "SLURM has several tasks for this job; put srun before the command to start them all"
            )
        if "SLURM_NTASKS_PER_NODE" not in os.environ:
            raise UserError("give SLURM --nodes and --ntasks-per-node (one task a GPU) instead of --ntasks")
    # Runs resume by their own checkpoint; Lightning's requeueing would write another.
    return SLURMEnvironment(auto_requeue=False)


def _on_each_node(environment: ClusterEnvironment) -> int:
    name = "SLURM_NTASKS_PER_NODE" if isinstance(environment, SLURMEnvironment) else "LOCAL_WORLD_SIZE"
    local, world = int(os.environ[name]), environment.world_size()
    if world % local:
        raise UserError(f"{world} processes, {local} on this node; start as many on every node")
    return local


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
