"""Lookups in other clusters: each has a pod-index of its own, which is asked over HTTP."""
