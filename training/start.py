"""How train.py, evaluate.py and sweep.py start: their docstring and choices as help, and what Hydra refuses in one line."""

import errno
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

from input_output.errors import UserError
from training.settings import CONF, composed, dotted_keys, unknown_key

# What libraries say to each other's authors; nobody who runs a script can act on it.
FOR_LIBRARIES = (
    (FutureWarning, "`is_gradient_checkpointing` is deprecated"),  # transformers, of its own Trainer
    (DeprecationWarning, "`torch.jit.script_method` is deprecated"),  # torch, of its own modules
)
# Full, read-only, not ours, broken, out of reach, or a name that is no file's or folder's: nothing that a traceback would explain.
OF_THE_DISK = {
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ESTALE"),
        *("ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG", "ELOOP"),
    )
}


def start(main: Callable[[], None], description: str, config: str) -> None:
    """Run a function that `hydra.main` has wrapped.

    description: the script's docstring, for --help. config: the name of its config.
    """
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(description)
        print("Choices (name=one of these):\n")
        print("\n".join(f"{group}: {', '.join(names)}" for group, names in choices(config).items()))
        print(f"\nEvery key, with comments: conf/{config}.yaml; all values of a command: add --cfg job --resolve")
        return
    for category, message in FOR_LIBRARIES:
        warnings.filterwarnings("ignore", message, category)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors through, instead of printing them with Hydra's own advice
    sys.argv[1:] = sorted(
        sys.argv[1:], key=_is_override
    )  # options first: argparse takes no overrides on both sides of -m
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
    except KeyboardInterrupt:
        go_on = "resume=true goes on" if config == "train" else "the same command goes on"
        print(f"interrupted: what was computed stays, {go_on}", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)  # as shells have it


def choices(config: str) -> dict[str, list[str]]:
    """The groups that a config is composed of, in its order, and the names of the options of each."""
    found: dict[str, list[str]] = {}
    for entry in OmegaConf.load(CONF / f"{config}.yaml").get("defaults", ()):
        if isinstance(entry, str):
            found |= {} if entry == "_self_" else choices(entry)
            continue
        group = next(iter(entry)).partition("@")[0]
        if not group.startswith("override "):  # the logging of all scripts
            found[group] = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    return found


def in_one_line(error: Exception, config: str) -> str:
    """What is wrong with the command line, naming the key and what is allowed."""
    cause = error.__cause__
    if isinstance(error, MissingConfigException) and error.options:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return f"{group}={name}: must be one of {', '.join(error.options)}"
    if isinstance(error, ConfigCompositionException) and isinstance(cause, (ConfigAttributeError, ConfigKeyError)):
        return unknown_key(cause.full_key, set(_known_keys(config, cause.full_key)))
    if isinstance(error, OverrideParseException) and "LexerNoViableAlt" in error.message:
        return f"{error.override}: has characters that must stand in quotes, as in 'key=\"é\"'"
    return " ".join(f"{error} {cause or ''}".split())


def unnamed_option(arguments: Sequence[str]) -> str | None:
    """What is wrong with a choice for a config group that is not the name of an option (`schedule=1`, `schedule=1,2`), which
    Hydra answers with a traceback, or with a sweep of no cells; None if there is no such choice."""
    try:
        overrides = OverridesParser.create().parse_overrides(list(filter(_is_override, arguments)))
    except HydraException:
        return None  # Hydra will say what it cannot parse
    for override in overrides:
        if not override.key_or_group:
            return f"{override.input_line}: expected KEY=VALUE"
        group = CONF / override.key_or_group
        if group.is_dir():
            options = sorted(path.stem for path in group.glob("*.yaml"))
            names = _chosen(override, options)
            if not names or not all(isinstance(name, str) for name in names):
                return f"{override.input_line}: must be one of {', '.join(options)}"
    return None


def _is_override(argument: str) -> bool:
    return "=" in argument and not argument.startswith("-")


def _chosen(override: Override, options: list[str]) -> list:
    """What an override of a config group chooses: its value, those of a list, or those of a sweep."""
    value = override.value()
    if isinstance(value, Glob):
        return value.filter(options)
    if isinstance(value, RangeSweep | IntervalSweep):
        return [value]  # of numbers
    values = list(override.sweep_iterator()) if override.is_sweep_override() else [value]
    return [name for each in values for name in (each if isinstance(each, list) else [each])]


def _known_keys(config: str, key: str):
    """The keys of the config that the command line asks for, but for one that there is not."""
    kept = [
        override.input_line
        for override in OverridesParser.create().parse_overrides(list(filter(_is_override, sys.argv[1:])))
        if not override.is_sweep_override() and not override.key_or_group.startswith(key)
    ]
    try:
        cfg = composed(config, kept)
    except HydraException:  # more than one of them is wrong
        cfg = composed(config)
    return dotted_keys(OmegaConf.to_container(cfg))
