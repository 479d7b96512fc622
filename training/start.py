"""How train.py, evaluate.py and sweep.py start: their docstring as help, and what Hydra refuses in one line."""

import errno
import os
import sys
import warnings
from collections.abc import Callable, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from records.errors import UserError
from training.settings import CONF, composed, dotted_keys, unknown_key

# What libraries say to each other's authors; nobody who runs a script can act on it.
FOR_LIBRARIES = (
    (FutureWarning, "`is_gradient_checkpointing` is deprecated"),  # transformers, of its own Trainer
    (DeprecationWarning, "`torch.jit.script_method` is deprecated"),  # torch, of its own modules
)
# Full, read-only, not ours, or no folder at all: nothing that a traceback would explain.
OF_THE_DISK = {
    getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "ENOTDIR", "EEXIST")
}


def start(main: Callable[[], None], description: str, config: str) -> None:
    """Run a function that `hydra.main` has wrapped.

    description: the script's docstring, shown above Hydra's help. config: the name of its config.
    """
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(description)
    for category, message in FOR_LIBRARIES:
        warnings.filterwarnings("ignore", message, category)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors through, instead of printing them with Hydra's own advice
    if refused := unnamed_option(sys.argv[1:]):
        sys.exit(f"error: {refused}")
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except (HydraException, OmegaConfBaseException) as error:  # before OSError, which a missing option is, too
        sys.exit(f"error: {in_one_line(error, config)}")
    except OSError as error:
        if error.errno not in OF_THE_DISK:
            raise
        sys.exit(f"error: {error.filename or 'a file'}: {error.strerror}; what was computed stays, resume=true goes on")


def in_one_line(error: Exception, config: str) -> str:
    """What is wrong with the command line, naming the key and what is allowed."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name}: must be one of {', '.join(error.options)}"
    if isinstance(error, ConfigCompositionException) and isinstance(cause, (ConfigAttributeError, ConfigKeyError)):
        return unknown_key(cause.full_key, set(_known_keys(config, cause.full_key)))
    return " ".join(f"{error} {cause or ''}".split())


def unnamed_option(arguments: Sequence[str]) -> str | None:
    """What is wrong with a choice for a config group that is not the name of an option (`schedule=1`), which Hydra
    answers with a traceback; None if there is no such choice."""
    given = [argument for argument in arguments if "=" in argument and not argument.startswith("-")]
    try:
        overrides = OverridesParser.create().parse_overrides(given)
    except HydraException:
        return None  # Hydra will say what it cannot parse
    for override in overrides:
        group = CONF / override.key_or_group
        if group.is_dir() and not override.is_sweep_override():
            names = override.value() if isinstance(override.value(), list) else [override.value()]
            if not all(isinstance(name, str) for name in names):
                options = ", ".join(sorted(path.stem for path in group.glob("*.yaml")))
                return f"{override.input_line}: must be one of {options}"
    return None


def _known_keys(config: str, key: str):
    """The keys of the config that the command line asks for, but for one that there is not."""
    given = [argument for argument in sys.argv[1:] if "=" in argument and not argument.startswith("-")]
    kept = [
        override.input_line
        for override in OverridesParser.create().parse_overrides(given)
        if not override.is_sweep_override() and not override.key_or_group.startswith(key)
    ]
    try:
        cfg = composed(config, kept)
    except HydraException:  # more than one of them is wrong
        cfg = composed(config)
    return dotted_keys(OmegaConf.to_container(cfg))
