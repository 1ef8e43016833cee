"""What the learners know of an offer's effect, judged on a finished warehouse by its trial and by the world's truth."""
