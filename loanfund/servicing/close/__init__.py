"""The close of business: named steps, in order, each safe to be killed at any moment and run again."""
