"""Hostile clients in large numbers.

``Crowd`` runs them in the event loop of a test, ``HostileProcess`` in a process of their own. They only connect to this
machine, and stop after a limited time.
"""

from tests.hostile.crowd import Crowd
from tests.hostile.kinds import KINDS, Kind, mixed
from tests.hostile.process import HostileProcess
from tests.hostile.steps import Requests
from tests.hostile.tally import Summary, lines

__all__ = ["KINDS", "Crowd", "HostileProcess", "Kind", "Requests", "Summary", "lines", "mixed"]
