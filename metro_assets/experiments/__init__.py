"""The twin: policies judged in closed loop on the synthetic world, where the truth is known.

The world plays day by day. What a policy shows today changes what is redeemed, bought and learned tomorrow; everything
else is drawn from the same numbers for all policies. `plan` says what is played, `history` makes what they share,
`morning` calls the pipeline's own functions for one run date, `play` goes from day to day, `racing` starts the
processes; `outcomes`, `comparison` and `report` say what came of it. Nothing of the pipeline imports this room.
"""
