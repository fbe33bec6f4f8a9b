"""Disks that fail, and programs that are killed, at a chosen call to the system."""

import os

CALLS = ("mkdir", "open", "write", "fsync", "replace", "close", "unlink", "rmdir", "rename")
"""What writing a folder asks of the system; each call may be the last one."""


class Killed(BaseException):
    """Raised by every call from the chosen one on: nothing that would tidy up can run either."""


class BrokenDisk:
    """Counts calls that write, and lets call number ``at`` fail, or it and all later ones.

    A failing write has first written half of what it was given.
    """

    def __init__(self, monkeypatch, at, *, error):
        self.count, self.at, self.error = 0, at, error
        self.kills = isinstance(error, Killed)
        for name in CALLS:
            monkeypatch.setattr(os, name, self.breaking(name, getattr(os, name)))

    @property
    def broke(self):
        return self.count >= self.at

    def breaking(self, name, call):
        def broken(*args, **kwargs):
            reads = name == "open" and not args[1] & os.O_WRONLY
            if reads and not (self.kills and self.broke):
                return call(*args, **kwargs)
            if not self.kills and name in ("close", "unlink", "rmdir"):
                return call(*args, **kwargs)  # a full disk still lets go and forgets
            self.count += 1
            if self.count == self.at or (self.kills and self.broke):
                if name == "write" and self.count == self.at:
                    call(args[0], args[1][: len(args[1]) // 2])
                if name == "close":
                    call(*args, **kwargs)  # or this process would run out of descriptors
                raise self.error
            return call(*args, **kwargs)

        return broken
