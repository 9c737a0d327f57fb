"""What the three Python programs share: counted assertions and a patient wait."""

import sys
import time

_passed, _failed = 0, 0


def check(what, got, want=True):
    """Counts one assertion; a failure is printed and the program goes on."""
    global _passed, _failed
    if got == want:
        _passed += 1
        return
    _failed += 1
    print(f"FAILED {what}: got {_short(got)}, want {_short(want)}")


def eventually(what, condition, within=4.0):
    """Counts one assertion that may become true late: expiry is told in whole seconds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            check(what, False)
            return
        time.sleep(0.05)
    check(what, True)


def finish(client):
    """Says what was counted and ends the program."""
    print(f"{client}: {_passed} passed, {_failed} failed")
    sys.exit(1 if _failed else 0)


def _short(x):
    text = repr(x)
    return text if len(text) < 200 else text[:200] + "…"
