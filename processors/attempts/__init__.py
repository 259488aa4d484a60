"""Problems and attempts at them: read, sampled, verified, measured, and made into what a model learns from.

`problem` holds the values that pass from step to step and the facts that a pool of attempts has; the other files do one thing each.
"""
