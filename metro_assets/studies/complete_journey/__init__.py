"""Coupon campaigns of Complete Journey ranked by the platform's own features, rankers and metrics."""
