"""What readers get: publications of the recommendations and the queries over the one in force. Never imports Dagster.

What belongs here: publishing, finding, showing. What does not: choosing offers, or anything a reader would wait for.
`assets.py` alone wires the publication to Dagster.
"""
