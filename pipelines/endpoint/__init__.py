"""Clients of language models: served over HTTP by the protocol of OpenAI's chat completions, or loaded by the build's own workers.

`messages` puts prompts into the protocol's form and reads what comes back, `stream` puts pieces together, `schema` compares replies with
what was asked for, `failures` tells whose fault a failure is, `transport` sends one request, `rate` decides when to send, `budget` whether
to, `ledger` writes down what is spent (`store_ledger` on an object store), `client` puts these together, `engine` is what a recipe holds; `loaded` does without a server.
"""
