"""What each job runs: the period of a pendulum with small swings."""

import json
import math

length, gravity = float("$length"), float("$gravity")
with open("result.json", "w") as file:
    json.dump({"period": 2 * math.pi * math.sqrt(length / gravity)}, file)
