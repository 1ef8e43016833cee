"""How good the orders are: two protocols, baselines, the oracle's ceiling, intervals. Nothing here is chosen on."""
