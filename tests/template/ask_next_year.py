"""Ask for the rows of a project as they may be next year: each number a tenth beyond the largest. Prints what is refused, as JSON.

Words are the names of columns whose numbers end by themselves, such as months.
"""

import json
import sys
from pathlib import Path

from slipway.gate import dataset
from slipway.serving import rows as requests
from slipway.serving.declared import FEATURES
from slipway.serving.frames import records, to_cells
from slipway.serving.requests import Refused

read = dataset.read(Path("data/train.csv"))
asked = records(read[[each.name for each in FEATURES]].head(50))
for each in FEATURES:
    if each.kind in (int, float) and each.name not in sys.argv[1:]:
        numbers = [cell for cell in to_cells(read[each.name]) if cell is not None]
        most = max(numbers, default=0) + abs(max(numbers, default=0)) / 10
        for row in asked:
            row[each.name] = round(most) if each.kind is int else most
try:
    requests.parse(json.dumps(asked).encode(), 1000)
    print(json.dumps(None))
except Refused as error:
    print(json.dumps(str(error)))
