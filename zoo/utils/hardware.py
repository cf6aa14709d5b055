"""What this machine computes with."""

import os
import platform
import re
from pathlib import Path

import tensorflow as tf

FACTS = Path("/proc/cpuinfo")
GROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}


def describe() -> str:
    """The processors that this process may use, and its GPUs."""
    devices = tf.config.list_physical_devices("GPU")
    gpus = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in devices]
    parts = [
        f"{cores()} core{'s' * (cores() > 1)} of {_processor()}",
        *(gpu or "a GPU" for gpu in gpus),
    ]
    return ", ".join(parts)


def cores() -> int:
    """How many processors this process may use."""
    mine = hasattr(os, "sched_getaffinity")  # not everywhere
    return len(os.sched_getaffinity(0)) if mine else os.cpu_count() or 1


def lacks_bfloat16() -> bool:
    """Whether it is known that nothing here has instructions for bfloat16, which then is slow."""
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", _facts(), re.MULTILINE)
    has_gpu = bool(tf.config.list_physical_devices("GPU"))
    return bool(found) and not has_gpu and BFLOAT16.isdisjoint(found[1].split())


def memory() -> int | None:
    """Bytes of memory that this process may use at most; None where the system does not say."""
    try:
        limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):  # Windows
        return None
    if GROUP_LIMIT.exists():
        limits += map(int, re.findall(r"^\d+$", GROUP_LIMIT.read_text(encoding="utf-8")))
    return min(limits)


def _processor() -> str:
    name = re.search(r"^model name\s*:\s*(.+)$", _facts(), re.MULTILINE)
    return name[1] if name else platform.processor() or platform.machine()


def _facts() -> str:
    return FACTS.read_text(encoding="utf-8") if FACTS.exists() else ""
