"""Click to call: ring a user's phone and connect whoever answers with a number.

    SOFTSWITCH_KEY=ssk_... python examples/click_to_call.py alice +493012345678

Prints what becomes of the call and ends with it. As the handler of `tel:` links it makes every number on a
page of the web one that can be called.
"""

from __future__ import annotations

import argparse
import os
import sys

from softswitch.client import Client, Problem, Unreachable

HERE = "http://127.0.0.1:8088"
SHOWN = {
    "leg_ringing": "rings",
    "call_bridged": "talking",
    "call_ended": "over",
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("user", help="whose phone rings first")
    parser.add_argument("number", help="with whom the user talks then; tel: before it does no harm")
    parser.add_argument("--url", default=os.environ.get("SOFTSWITCH_URL", HERE), help="of the API")
    options = parser.parse_args()
    key = os.environ.get("SOFTSWITCH_KEY") or parser.error("set SOFTSWITCH_KEY to a key of the API")
    with Client(options.url, key) as centre:
        try:
            since = centre.position()
            call = centre.calls.originate(options.user, options.number.removeprefix("tel:")).call
        except (Problem, Unreachable) as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{call}: the phone of {options.user} rings", flush=True)
        for event in centre.events(since=since, call=call):
            if event.type in SHOWN:
                print(f"{call}: {SHOWN[event.type]}", flush=True)
            if event.type == "call_ended":
                print(f"{call}: {event.data.get('reason', '')}")
                return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
