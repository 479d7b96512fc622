"""The errors that the scripts print as one line, apart from what raises them: catching one imports no torch."""


class UserError(Exception):
    """Something that the user can put right; the message says what, and is all that needs to be shown."""


class SettingsError(UserError, ValueError):
    """One line that names the key of a config and what is allowed."""
