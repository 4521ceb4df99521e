"""One line for each check, passed or failed. `checklist.js` is the same for Node.

A check is a function whose name is the sentence that it holds; it raises where that is not so.
"""

import inspect
import os
import sys
import traceback

PASS = "  pass  "
FAIL = "  FAIL  "

SERVER_BINARY = os.environ.get("SERVER_BINARY", "")
SERVER_PORT = int(os.environ.get("SERVER_PORT", "0"))
SERVER_SOCKET = os.environ.get("SERVER_SOCKET", "")
LOCKED_PORT = int(os.environ.get("LOCKED_PORT", "0"))
LOCKED_PASSWORD = os.environ.get("LOCKED_PASSWORD", "")


class Checklist:
    def __init__(self):
        self._failed = 0

    def run(self, check, *arguments, label: str = "") -> None:
        try:
            check(*arguments)
        except Exception as error:
            self._report(check, label, error)
        else:
            self._report(check, label)

    async def run_async(self, check, *arguments, label: str = "") -> None:
        try:
            await check(*arguments)
        except Exception as error:
            self._report(check, label, error)
        else:
            self._report(check, label)

    def finish(self) -> None:
        sys.exit(1 if self._failed else 0)

    def _report(self, check, label: str, error: Exception | None = None) -> None:
        name = check.__name__.replace("_", " ") + (f" ({label})" if label else "")
        if error is None:
            print(f"{PASS}{name}")
            return
        self._failed += 1
        # The line of the check itself says which of its values it was.
        source = inspect.getsourcefile(check)
        places = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
        place = f"\n        line {places[-1].lineno}: {places[-1].line}" if places else ""
        print(f"{FAIL}{name}: {type(error).__name__}: {error}{place}")


def equal(found, expected) -> None:
    """Says both values where they differ, with long ones cut."""
    if found != expected:
        raise AssertionError(f"found {_short(found)}, expected {_short(expected)}")


def fails(kind, text: str, action, *arguments, **options) -> None:
    """Whether the call raises exactly this kind of error, with this text."""
    try:
        result = action(*arguments, **options)
    except Exception as error:
        expect_error(error, kind, text)
    else:
        raise AssertionError(f"found {_short(result)}, expected the error {text!r}")


def expect_error(error: Exception, kind, text: str) -> None:
    if type(error) is not kind or str(error) != text:
        raise AssertionError(f"found {type(error).__name__}({str(error)!r}), expected {kind.__name__}({text!r})")


def _short(value) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"
