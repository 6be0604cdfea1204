"""Starts the whole system on one machine: `make run`. Standard library only, since it runs before anything is installed."""
