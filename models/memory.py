"""Out of memory, told from other errors: the CPU's allocator has no class of its own."""

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python says that there was no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    said = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in said or "out of memory" in said)
