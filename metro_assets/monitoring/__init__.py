"""Whether today's inputs, scores and outcomes still look like those that the champion was fitted on."""
