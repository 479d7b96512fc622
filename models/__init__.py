"""Language models: loading, prompts, and answering several questions on one graph in one pass."""

import logging

# Where bitsandbytes is installed peft imports it, and it warns of an optional kernel that nobody here needs.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
