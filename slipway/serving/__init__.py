"""The service: one release, behind HTTP."""

import warnings

# A feature may be called `copy` or `json`, which pydantic has methods of: a row is only ever read by `vars`.
warnings.filterwarnings("ignore", r'Field name "\w+" in "\w+" shadows an attribute in parent "', UserWarning)
