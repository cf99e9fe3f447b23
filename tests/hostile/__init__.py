"""Clients that mean no good, in crowds: what a server must bear beside its normal ones.

``Crowd`` is for tests with an event loop, ``HostileProcess`` for whoever measures something meanwhile. They go to this
machine only, and stop by themselves.
"""

from tests.hostile.crowd import Crowd
from tests.hostile.kinds import KINDS, Kind, Requests, mixed
from tests.hostile.process import HostileProcess
from tests.hostile.tally import Summary, lines

__all__ = ["KINDS", "Crowd", "HostileProcess", "Kind", "Requests", "Summary", "lines", "mixed"]
