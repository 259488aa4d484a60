"""Is an answer right? Verifiers say right, wrong, or that they cannot tell, and why.

`verdict` is what they say; `answer` finds the final answer in a text; `maths`, `choice`, `match`, `calls` and `judge` compare it with a
reference, and `programs` says what has to be run where only running decides. They know nothing of rows and records.
"""
