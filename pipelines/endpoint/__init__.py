"""Clients of language models that are served over HTTP by the protocol of OpenAI's chat completions.

`messages` puts a prompt into the protocol's form and reads what comes back, `failures` tells whose fault a failure is, `rate` decides
when to send, `budget` whether to, `client` puts these together, `engine` is what a recipe holds.
"""
