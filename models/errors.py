"""The error of this room, apart from it so that catching it costs no import of torch."""

from input_output.errors import UserError


class ModelError(UserError, RuntimeError):
    """The model's settings cannot be met here, or its files are missing; one line that names the key to change."""
