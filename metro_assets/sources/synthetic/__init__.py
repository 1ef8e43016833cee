"""The synthetic world: a behavioural simulator of a wholesaler whose truth is known.

Everything follows from the seed. Any day can be generated alone: a draw is a hash of (seed, purpose, keys), never
the state of a generator. Master data: `catalogue`, `businesses`, `campaigns`; behaviour: `visits`, `demand`,
`slates`, `response`; `world` puts them together behind the source interface; `truth` is for evaluation alone.
"""
